//! Rules of single fields that are too long to stand at the field.

use schemars::Schema;
use schemars::transform::Transform;
use serde_json::{Value, json};

use super::form::Structural;

/// The providers that `spec.provider` may name.
pub(crate) const PROVIDERS: [&str; 19] = [
    "apisix",
    "appmesh",
    "appmesh:v1beta2",
    "contour",
    "gatewayapi:v1",
    "gatewayapi:v1beta1",
    "gloo",
    "istio",
    "knative",
    "kubernetes",
    "kuma",
    "linkerd",
    "nginx",
    "osm",
    "skipper",
    "smi:v1alpha1",
    "smi:v1alpha2",
    "smi:v1alpha3",
    "traefik",
];

/// Start of an interval. Not anchored at its end, so that `1m30s` passes.
pub(crate) const INTERVAL: &str = "^[0-9]+(m|s)";

/// An API group, empty for the core group.
pub(crate) const GROUP: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$";

/// A kind.
pub(crate) const KIND: &str = "^[A-Za-z]([-0-9A-Za-z]*[0-9A-Za-z])?$";

/// A DNS label, such as a namespace.
pub(crate) const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// A DNS subdomain, such as the name of a section.
pub(crate) const SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// `oneOf` sets of fields, of which exactly one is complete.
pub(crate) fn one_required_of(sets: &[&[&str]]) -> Value {
    sets.iter().map(|set| json!({"required": set})).collect()
}

/// The analysis, called `analysis` or, as before `v1beta1`, `canaryAnalysis`.
///
/// What stands under the older name is stored as it is and checked by the operator: its schema would be that of `analysis`
/// once more, a third of the definition.
pub(crate) fn analysis_by_either_name(schema: &mut Schema) {
    schema.insert("required".to_owned(), json!(["targetRef"]));
    schema.insert("oneOf".to_owned(), one_required_of(&[&["analysis"], &["canaryAnalysis"]]));
    if let Some(Value::Object(fields)) = schema.get_mut("properties") {
        let older = json!({
            "type": "object",
            "description": "The older name of analysis.",
            "x-kubernetes-preserve-unknown-fields": true,
        });
        fields.insert("canaryAnalysis".to_owned(), older);
    }
}

/// A reference to objects of one kind.
pub(crate) fn of_kind(kind: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| {
        Structural.transform(schema);
        if let Some(field) = schema.pointer_mut("/properties/kind") {
            field["enum"] = json!([kind]);
        }
    }
}

/// An enum of which the empty text means the default.
pub(crate) fn or_empty(schema: &mut Schema) {
    if let Some(Value::Array(choices)) = schema.get_mut("oneOf") {
        choices.insert(0, json!({"type": "string", "const": ""}));
    }
}

/// A core Service has no port of its own to fall back on.
pub(crate) fn service_needs_port() -> Value {
    json!([{
        "message": "Must have port for Service reference",
        "rule": "self.group != '' || self.kind != 'Service' || has(self.port)",
    }])
}

/// No policy, a simple one, or a hash of exactly one property.
pub(crate) fn load_balancer() -> Value {
    let keys =
        ["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"].map(|key| json!({"required": [key]}));
    json!([
        {"not": {"anyOf": [{"required": ["simple"]}, {"required": ["consistentHash"]}]}},
        {"required": ["simple"]},
        {"required": ["consistentHash"], "properties": {"consistentHash": {"oneOf": keys}}},
    ])
}

/// Conditions on the requests of a route; a text is matched in at most one way, and never by its end.
pub(crate) fn service_match(schema: &mut Schema) {
    Structural.transform(schema);
    for field in ["uri", "scheme", "method", "authority"] {
        if let Some(text) = schema.pointer_mut(&format!("/items/properties/{field}")) {
            at_most_one_way(text);
        }
    }
    for field in ["headers", "withoutHeaders", "queryParams"] {
        if let Some(text) = schema.pointer_mut(&format!("/items/properties/{field}/additionalProperties")) {
            at_most_one_way(text);
        }
    }
}

/// Conditions on the requests of an A/B test: of all conditions only those on who asks.
pub(crate) fn analysis_match(schema: &mut Schema) {
    Structural.transform(schema);
    if let Some(Value::Object(fields)) = schema.pointer_mut("/items/properties") {
        fields.retain(|field, _| ["headers", "queryParams", "sourceLabels"].contains(&field.as_str()));
    }
    if let Some(text) = schema.pointer_mut("/items/properties/headers/additionalProperties") {
        text["oneOf"] = one_required_of(&[&["exact"], &["prefix"], &["suffix"], &["regex"]]);
    }
    if let Some(text) = schema.pointer_mut("/items/properties/queryParams/additionalProperties") {
        at_most_one_way(text);
    }
}

/// Patterns of origins, each of them one way of matching.
pub(crate) fn origin_match(schema: &mut Schema) {
    Structural.transform(schema);
    if let Some(text) = schema.pointer_mut("/items") {
        without_suffix(text);
        text["oneOf"] = one_required_of(&[&["exact"], &["prefix"], &["regex"]]);
    }
}

fn at_most_one_way(text: &mut Value) {
    without_suffix(text);
    let ways = ["exact", "prefix", "regex"].map(|way| json!({"required": [way]}));
    let mut choices = vec![json!({"not": {"anyOf": ways}})];
    choices.extend(ways);
    text["oneOf"] = choices.into();
}

fn without_suffix(text: &mut Value) {
    if let Some(Value::Object(ways)) = text.get_mut("properties") {
        ways.remove("suffix");
    }
}
