//! Creating, reading and updating.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use apiserver::{Api, Options};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cluster::{Cluster, DEPLOYMENTS, MAPS, deployment, map, pod};

#[test]
fn a_new_object_gets_identity_and_the_next_revision() {
    let cluster = Cluster::new();
    let one = cluster.post(MAPS, &map("a")).ok();
    let two = cluster.post(MAPS, &map("b")).ok();
    let revision = |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(revision(&one) + 1, revision(&two));
    assert_ne!(one["metadata"]["uid"], two["metadata"]["uid"]);
    assert_eq!(one["metadata"]["creationTimestamp"], "1970-01-01T00:00:00Z");
    assert_eq!(one["metadata"]["namespace"], "default");
    assert!(one["metadata"].get("generation").is_none(), "config maps have no generation");
}

#[test]
fn errors_read_like_those_of_the_real_server() {
    let cluster = Cluster::new();
    cluster.post(MAPS, &map("a")).ok();
    assert_eq!(cluster.get(&format!("{MAPS}/x")).refused(), (404, "configmaps \"x\" not found".into()));
    assert_eq!(cluster.get(&format!("{DEPLOYMENTS}/x")).refused(), (404, "deployments.apps \"x\" not found".into()));
    assert_eq!(cluster.post(MAPS, &map("a")).refused(), (409, "configmaps \"a\" already exists".into()));
    let missing = "/api/v1/namespaces/gone/configmaps";
    assert_eq!(cluster.post(missing, &map("a")).refused(), (404, "namespaces \"gone\" not found".into()));
    assert_eq!(
        cluster.get("/api/v1/things").refused(),
        (404, "the server could not find the requested resource".into())
    );
    assert_eq!(cluster.get("/apis/nope/v1/things").refused(), (404, String::new()), "that is a page, and no Status");
    assert_eq!(cluster.post("/api/v1/configmaps", &map("a")).code, 405);
}

#[test]
fn a_stale_update_conflicts_and_an_unconditional_one_does_not() {
    let cluster = Cluster::new();
    let path = format!("{MAPS}/a");
    let first = cluster.post(MAPS, &map("a")).ok();
    let mut changed = first.clone();
    changed["data"]["a"] = json!("2");
    cluster.put(&path, &changed).ok();
    let message = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again";
    let stale = cluster.put(&path, &changed);
    assert_eq!(stale.body["reason"], "Conflict");
    assert_eq!(stale.refused(), (409, message.into()));
    changed["metadata"]["resourceVersion"] = Value::Null;
    cluster.put(&path, &changed).ok();
}

#[test]
fn a_lease_wants_to_be_updated_by_revision() {
    let cluster = Cluster::new();
    let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    let mut lease = cluster.post(leases, &json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}})).ok();
    lease["metadata"]["resourceVersion"] = Value::Null;
    let (code, message) = cluster.put(&format!("{leases}/l"), &lease).refused();
    assert_eq!(code, 422);
    assert!(message.contains("must be specified for an update"), "{message}");
}

#[test]
fn an_update_that_changes_nothing_keeps_the_revision() {
    let cluster = Cluster::new();
    let created = cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    let again = cluster.put(&format!("{DEPLOYMENTS}/a"), &created).ok();
    assert_eq!(created, again);
}

#[test]
fn a_generation_counts_changes_of_the_spec_only() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    let generation = |patch: Value, sub: &str| {
        let patched = cluster.patch(&format!("{path}{sub}"), "merge", &patch).ok();
        patched["metadata"]["generation"].as_i64().unwrap()
    };
    assert_eq!(generation(json!({"metadata": {"labels": {"x": "y"}}}), ""), 1);
    assert_eq!(generation(json!({"status": {"replicas": 1}}), "/status"), 1);
    assert_eq!(generation(json!({"spec": {"replicas": 2}}), ""), 2);
    // Quirk of Deployments: annotations count, too.
    assert_eq!(generation(json!({"metadata": {"annotations": {"x": "y"}}}), ""), 3);
}

#[test]
fn spec_and_status_are_written_apart() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    let mut object = deployment("a");
    object["status"] = json!({"replicas": 9});
    assert_eq!(cluster.post(DEPLOYMENTS, &object).ok()["status"], json!({}));
    let both = json!({"spec": {"replicas": 5}, "status": {"replicas": 3}});
    let by_status = cluster.patch(&format!("{path}/status"), "merge", &both).ok();
    assert_eq!((&by_status["spec"]["replicas"], &by_status["status"]["replicas"]), (&json!(1), &json!(3)));
    let by_spec = cluster.patch(&path, "merge", &json!({"spec": {"replicas": 5}, "status": {"replicas": 7}})).ok();
    assert_eq!((&by_spec["spec"]["replicas"], &by_spec["status"]["replicas"]), (&json!(5), &json!(3)));
}

#[test]
fn a_dry_run_answers_like_the_real_run_and_changes_nothing() {
    let cluster = Cluster::new();
    let answer = cluster.post(&format!("{DEPLOYMENTS}?dryRun=All"), &deployment("a")).ok();
    assert_eq!(answer["spec"]["replicas"], 1);
    assert!(!cluster.has(&format!("{DEPLOYMENTS}/a")));
    cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    assert_eq!(cluster.post(&format!("{DEPLOYMENTS}?dryRun=All"), &deployment("a")).code, 409);
    cluster.delete(&format!("{DEPLOYMENTS}/a?dryRun=All")).ok();
    assert!(cluster.has(&format!("{DEPLOYMENTS}/a")));
}

#[test]
fn a_generated_name_is_new_each_time() {
    let cluster = Cluster::new();
    let body = json!({"metadata": {"generateName": "run-"}});
    let name = || cluster.post(MAPS, &body).ok()["metadata"]["name"].as_str().unwrap().to_owned();
    let (one, two) = (name(), name());
    assert!(one.starts_with("run-") && one.len() == 9 && one != two, "{one} {two}");
}

#[test]
fn unknown_fields_are_dropped_with_a_warning_or_refused() {
    let cluster = Cluster::new();
    let mut object = deployment("a");
    object["spec"]["template"]["spec"]["containers"][0]["imagine"] = json!(1);
    let unknown = "unknown field \\\"spec.template.spec.containers[0].imagine\\\"";
    let warned = cluster.post(&format!("{DEPLOYMENTS}?dryRun=All"), &object);
    assert_eq!(warned.warnings, [format!("299 - \"{unknown}\"")]);
    assert_eq!(cluster.post(&format!("{DEPLOYMENTS}?dryRun=All&fieldValidation=Ignore"), &object).warnings, [""; 0]);
    let (code, message) = cluster.post(&format!("{DEPLOYMENTS}?fieldValidation=Strict"), &object).refused();
    assert_eq!(code, 400);
    assert_eq!(
        message,
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.template.spec.containers[0].imagine\""
    );
}

#[test]
fn a_number_for_a_text_is_refused_as_by_the_typed_decoder() {
    let cluster = Cluster::new();
    let mut object = deployment("a");
    object["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": 1}]);
    let (code, message) = cluster.post(DEPLOYMENTS, &object).refused();
    assert_eq!(code, 400);
    assert!(message.contains("cannot unmarshal number into Go struct field EnvVar"), "{message}");
}

#[test]
fn a_deployment_must_select_its_own_pods_for_ever() {
    let cluster = Cluster::new();
    let mut object = deployment("a");
    object["spec"]["selector"]["matchLabels"]["app"] = json!("other");
    let refused = cluster.post(DEPLOYMENTS, &object);
    assert_eq!(refused.body["details"]["causes"][0]["field"], "spec.template.metadata.labels");
    assert_eq!(refused.code, 422);
    cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    let change = json!({"spec": {
        "selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}},
    }});
    let (_, message) = cluster.patch(&format!("{DEPLOYMENTS}/a"), "merge", &change).refused();
    assert!(message.starts_with("Deployment.apps \"a\" is invalid: spec.selector: Invalid value"), "{message}");
    assert!(message.ends_with("field is immutable"), "{message}");
    let (_, message) = cluster.post(DEPLOYMENTS, &json!({"metadata": {"name": "b"}, "spec": {}})).refused();
    assert!(message.contains("spec.selector: Required value"), "{message}");
}

#[test]
fn names_are_dns_names() {
    let cluster = Cluster::new();
    let (code, message) = cluster.post(MAPS, &map("A_b")).refused();
    assert_eq!(code, 422);
    assert!(
        message.starts_with(
            "ConfigMap \"A_b\" is invalid: metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain must"
        ),
        "{message}"
    );
}

#[test]
fn a_secret_keeps_texts_as_data() {
    let cluster = Cluster::new();
    let secrets = "/api/v1/namespaces/default/secrets";
    let secret = cluster.post(secrets, &json!({"metadata": {"name": "s"}, "stringData": {"k": "hello"}})).ok();
    assert_eq!((&secret["data"]["k"], &secret["type"]), (&json!("aGVsbG8="), &json!("Opaque")));
    assert!(secret.get("stringData").is_none());
}

#[test]
fn a_service_gets_an_address_and_keeps_it() {
    let cluster = Cluster::new();
    let services = "/api/v1/namespaces/default/services";
    let service = |name: &str, more: Value| {
        let mut service = json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
        service["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cluster.post(services, &service).ok()["spec"].clone()
    };
    let plain = service("a", json!({}));
    assert!(plain["clusterIP"].as_str().unwrap().starts_with("10.96."));
    assert_eq!(plain["clusterIPs"][0], plain["clusterIP"]);
    assert_eq!(plain["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
    assert_eq!((&plain["type"], &plain["sessionAffinity"]), (&json!("ClusterIP"), &json!("None")));
    assert_eq!(service("b", json!({"clusterIP": "None"}))["clusterIP"], "None");
    assert!(service("c", json!({"type": "ExternalName", "externalName": "x.y"})).get("clusterIP").is_none());
    let update = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 81}]}});
    assert_eq!(cluster.put(&format!("{services}/a"), &update).ok()["spec"]["clusterIP"], plain["clusterIP"]);
    let (code, message) =
        cluster.patch(&format!("{services}/a"), "merge", &json!({"spec": {"clusterIP": "10.96.9.9"}})).refused();
    assert!(code == 422 && message.contains("may not change once set"), "{message}");
}

#[test]
fn lists_are_narrowed_and_paged() {
    let cluster = Cluster::new();
    for (name, tier) in [("a", "web"), ("b", "db"), ("c", "web")] {
        let mut one = map(name);
        one["metadata"]["labels"] = json!({"tier": tier});
        cluster.post(MAPS, &one).ok();
    }
    let names = |query: &str| -> Vec<String> {
        let list = cluster.get(&format!("{MAPS}?{query}")).ok();
        let names =
            list["items"].as_array().unwrap().iter().map(|one| one["metadata"]["name"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(names("labelSelector=tier%3Dweb"), ["a", "c"]);
    assert_eq!(names("labelSelector=tier+in+(db)&fieldSelector=metadata.name%3Db"), ["b"]);
    let first = cluster.get(&format!("{MAPS}?limit=3")).ok();
    assert_eq!(first["metadata"]["remainingItemCount"], 1);
    let token = first["metadata"]["continue"].as_str().unwrap();
    assert_eq!(names(&format!("limit=3&continue={token}")), ["kube-root-ca.crt"]);
    assert_eq!(cluster.get("/api/v1/configmaps").ok()["items"].as_array().unwrap().len(), 7);
}

#[test]
fn both_kinds_of_event_are_one() {
    let cluster = Cluster::new();
    let event = json!({
        "metadata": {"name": "e"}, "regarding": {"kind": "Pod", "name": "p"}, "note": "hello", "reason": "Said",
        "type": "Normal", "reportingController": "me", "eventTime": "2026-01-01T00:00:00.000000Z",
    });
    cluster.post("/apis/events.k8s.io/v1/namespaces/default/events", &event).ok();
    let core = cluster.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp").ok();
    let core = &core["items"][0];
    assert_eq!(
        (&core["message"], &core["reportingComponent"], &core["apiVersion"]),
        (&json!("hello"), &json!("me"), &Value::Null),
        "the items of a list leave their kind to it"
    );
    let new = cluster.get("/apis/events.k8s.io/v1/namespaces/default/events/e").ok();
    assert_eq!((&new["note"], &new["apiVersion"]), (&json!("hello"), &json!("events.k8s.io/v1")));
}

#[test]
fn an_event_is_gone_after_an_hour() {
    let minutes = Arc::new(AtomicI64::new(0));
    let clock = minutes.clone();
    let now = move || Timestamp::from_second(60 * clock.load(Ordering::Relaxed)).unwrap();
    let cluster = Cluster { api: Api::new(&Options { now: Arc::new(now), ..Options::default() }) };
    let events = "/api/v1/namespaces/default/events";
    let say = |name: &str, minute: i64| {
        minutes.store(minute, Ordering::Relaxed);
        cluster.post(events, &json!({"metadata": {"name": name}, "involvedObject": {"name": "p"}})).ok();
    };
    say("old", 0);
    say("renewed", 0);
    minutes.store(30, Ordering::Relaxed);
    cluster.patch(&format!("{events}/renewed"), "merge", &json!({"count": 2})).ok();
    say("new", 61);
    assert!(!cluster.has(&format!("{events}/old")));
    assert!(cluster.has(&format!("{events}/renewed")) && cluster.has(&format!("{events}/new")));
}

#[test]
fn a_node_is_born_with_its_status() {
    let cluster = Cluster::new();
    let node = json!({"metadata": {"name": "n"}, "status": {"nodeInfo": {"kubeletVersion": "v1.36.3"}}});
    assert_eq!(cluster.post("/api/v1/nodes", &node).ok()["status"]["nodeInfo"]["kubeletVersion"], "v1.36.3");
}

#[test]
fn a_pods_spec_is_fixed_except_for_images() {
    let cluster = Cluster::new();
    let pods = crate::cluster::PODS;
    cluster.post(pods, &pod("p")).ok();
    let set = |container: Value| {
        cluster.patch(&format!("{pods}/p"), "strategic-merge", &json!({"spec": {"containers": [container]}}))
    };
    assert_eq!(set(json!({"name": "app", "image": "app:2"})).ok()["spec"]["containers"][0]["image"], "app:2");
    let (code, message) = set(json!({"name": "app", "command": ["x"]})).refused();
    assert!(code == 422 && message.contains("pod updates may not change fields"), "{message}");
}
