use serde_json::{Value, json};

use super::{Columns, IncludeObject};

fn now() -> jiff::Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

/// Headers and cells as `kubectl get` would print them, wide columns in parentheses.
fn printed(columns: &Columns, object: &Value) -> Vec<String> {
    let table = columns.table(&[object], IncludeObject::None, &json!({}), now());
    let headers = table["columnDefinitions"].as_array().unwrap();
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(headers.len(), cells.len());
    let word = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    let column = |(header, cell): (&Value, &Value)| {
        let text = format!("{}={}", header["name"].as_str().unwrap(), word(cell));
        if header["priority"] == 0 { text } else { format!("({text})") }
    };
    headers.iter().zip(cells).map(column).collect()
}

fn metadata() -> Value {
    json!({ "name": "podinfo", "creationTimestamp": "2026-01-01T00:54:50Z" })
}

#[test]
fn a_deployment_shows_how_many_replicas_are_ready() {
    let deployment = json!({
        "metadata": metadata(),
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app": "podinfo" } },
            "template": { "spec": { "containers": [{ "name": "web", "image": "web:1" }, { "name": "log", "image": "log:2" }] } },
        },
        "status": { "readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1 },
    });
    assert_eq!(
        printed(&Columns::builtin("apps", "Deployment"), &deployment),
        [
            "Name=podinfo",
            "Ready=1/2",
            "Up-to-date=2",
            "Available=1",
            "Age=5m10s",
            "(Containers=web,log)",
            "(Images=web:1,log:2)",
            "(Selector=app=podinfo)",
        ]
    );
}

#[test]
fn a_pod_that_cannot_pull_its_image_says_so() {
    let pod = json!({
        "metadata": metadata(),
        "spec": { "containers": [{ "name": "web" }] },
        "status": {
            "phase": "Pending",
            "containerStatuses": [{
                "name": "web", "ready": false, "restartCount": 3,
                "state": { "waiting": { "reason": "ImagePullBackOff" } },
                "lastState": { "terminated": { "finishedAt": "2026-01-01T00:59:00Z" } },
            }],
        },
    });
    let cells = printed(&Columns::builtin("", "Pod"), &pod);
    assert_eq!(cells[1..4], ["Ready=0/1", "Status=ImagePullBackOff", "Restarts=3 (60s ago)"]);
}

#[test]
fn a_service_shows_its_address_and_ports() {
    let service = json!({
        "metadata": metadata(),
        "spec": { "type": "ClusterIP", "clusterIP": "10.0.0.7", "ports": [{ "port": 80 }, { "port": 53, "protocol": "UDP" }] },
    });
    assert_eq!(
        printed(&Columns::builtin("", "Service"), &service)[1..5],
        ["Type=ClusterIP", "Cluster-IP=10.0.0.7", "External-IP=<none>", "Port(s)=80/TCP,53/UDP"]
    );
}

#[test]
fn columns_of_a_custom_resource_follow_its_definition() {
    let columns = Columns::custom(&json!([
        { "name": "Status", "type": "string", "jsonPath": ".status.phase" },
        { "name": "Weight", "type": "integer", "jsonPath": ".status.canaryWeight" },
        { "name": "Hosts", "type": "string", "jsonPath": ".spec.hosts" },
        { "name": "Promoted", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Promoted\")].status", "priority": 1 },
        { "name": "Name", "type": "string", "jsonPath": ".metadata.labels['app\\.kubernetes\\.io/name']" },
        { "name": "LastTransition", "type": "date", "jsonPath": ".status.lastTransitionTime" },
        { "name": "Missing", "type": "string", "jsonPath": ".status.nothing[0]" },
    ]));
    let canary = json!({
        "metadata": { "name": "podinfo", "labels": { "app.kubernetes.io/name": "labelled" } },
        "spec": { "hosts": ["a", "b"] },
        "status": {
            "phase": "Progressing", "canaryWeight": 15, "lastTransitionTime": "2025-12-31T22:00:00Z",
            "conditions": [{ "type": "Other", "status": "False" }, { "type": "Promoted", "status": "Unknown" }],
        },
    });
    assert_eq!(
        printed(&columns, &canary),
        [
            "Name=podinfo",
            "Status=Progressing",
            "Weight=15",
            "Hosts=[\"a\",\"b\"]",
            "(Promoted=Unknown)",
            "Name=labelled",
            "LastTransition=3h",
            "Missing=null",
        ]
    );
}

#[test]
fn a_kind_without_columns_shows_name_and_age() {
    assert_eq!(
        printed(&Columns::custom(&Value::Null), &json!({ "metadata": metadata() })),
        ["Name=podinfo", "Age=5m10s"]
    );
}

#[test]
fn rows_carry_as_much_of_the_object_as_asked() {
    let object = json!({ "metadata": metadata(), "spec": {} });
    let row = |include| {
        Columns::builtin("", "ServiceAccount").table(&[&object], include, &json!({}), now())["rows"][0]["object"].take()
    };
    assert_eq!(row(IncludeObject::None), Value::Null);
    assert_eq!(
        row(IncludeObject::Metadata),
        json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata() })
    );
    assert_eq!(row(IncludeObject::Object), object);
}

#[test]
fn ages_use_two_units_while_they_matter() {
    let ages = [0, 119, 120, 130, 600, 10_800, 10_860, 90_000, 176_400, 864_000, 70_000_000, 400_000_000];
    let printed = ages.map(super::age::human);
    assert_eq!(printed, ["0s", "119s", "2m", "2m10s", "10m", "3h", "3h1m", "25h", "2d1h", "10d", "2y80d", "12y"]);
}
