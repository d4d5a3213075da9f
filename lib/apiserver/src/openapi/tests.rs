use serde_json::{Value, json};

use super::{Described, v2, v3_group, v3_index};

fn deployment() -> Described<'static> {
    Described {
        group: "apps",
        version: "v1",
        kind: "Deployment",
        plural: "deployments",
        namespaced: true,
        schema: None,
        subresources: &["status"],
    }
}

fn canary(schema: &Value) -> Described<'_> {
    let (group, version, kind, plural) = ("flagger.app", "v1beta1", "Canary", "canaries");
    Described { group, version, kind, plural, namespaced: true, schema: Some(schema), subresources: &[] }
}

/// Follows references and `allOf` as `kubectl explain` does.
fn explained<'v>(document: &'v Value, schema: &'v Value) -> &'v Value {
    let inner = schema.pointer("/allOf/0").unwrap_or(schema);
    match inner.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => inner,
    }
}

#[test]
fn a_built_in_field_can_be_explained() {
    let document = v3_group(&[deployment()], "apps", "v1").unwrap();
    let root = &document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(
        root["x-kubernetes-group-version-kind"],
        json!([{ "group": "apps", "version": "v1", "kind": "Deployment" }])
    );
    let spec = explained(&document, &root["properties"]["spec"]);
    assert_eq!(spec["required"], json!(["selector", "template"]));
    assert_eq!(spec["properties"]["replicas"]["type"], "integer");
    assert_eq!(spec["properties"]["strategy"]["x-kubernetes-patch-strategy"], "retainKeys");
    let strategy = explained(&document, &spec["properties"]["strategy"]);
    assert!(strategy["properties"]["type"]["description"].as_str().unwrap().starts_with("Type of deployment"));
    let pods = &document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"];
    assert_eq!(pods["containers"]["x-kubernetes-patch-merge-key"], "name");
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        found.extend(value.get("$ref").and_then(Value::as_str));
        match value {
            Value::Object(fields) => fields.values().for_each(|value| references(value, found)),
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object" } } });
    let kinds = [deployment(), canary(&schema)];
    let documents =
        [v3_group(&kinds, "apps", "v1").unwrap(), v3_group(&kinds, "flagger.app", "v1beta1").unwrap(), v2(&kinds)];
    for document in &documents {
        let mut found = Vec::new();
        references(document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}

#[test]
fn a_patch_says_what_it_understands() {
    let schema = json!({ "type": "object" });
    let kinds = [deployment(), canary(&schema)];
    let patch = |group: &str, version: &str, plural: &str| {
        let path = format!("/apis/{group}/{version}/namespaces/{{namespace}}/{plural}/{{name}}");
        v3_group(&kinds, group, version).unwrap()["paths"][path]["patch"].take()
    };
    let strategic = "application/strategic-merge-patch+json";
    let of_deployments = patch("apps", "v1", "deployments");
    assert!(
        of_deployments["parameters"].as_array().unwrap().iter().any(|parameter| parameter["name"] == "fieldValidation")
    );
    assert!(of_deployments["requestBody"]["content"].get(strategic).is_some());
    assert!(patch("flagger.app", "v1beta1", "canaries")["requestBody"]["content"].get(strategic).is_none());
}

#[test]
fn the_address_of_a_description_changes_with_it() {
    let address =
        |schema: &Value| v3_index(&[canary(schema)])["paths"]["apis/flagger.app/v1beta1"]["serverRelativeURL"].clone();
    let (first, second) = (json!({ "type": "object" }), json!({ "type": "object", "description": "new" }));
    assert_eq!(address(&first), address(&first.clone()));
    assert_ne!(address(&first), address(&second));
    assert!(v3_group(&[deployment()], "batch", "v1").is_none());
}
