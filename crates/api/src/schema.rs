//! The CustomResourceDefinitions, generated from the types.
//!
//! What a field accepts stands at the field: its Rust type, its documentation, and `schemars` attributes for the rest, of
//! which the longer ones are in [`rules`]. [`form`] turns JSON Schema into the dialect of Kubernetes.
//! An `x-default` becomes the `default` that the API server fills in; the defaults that serde knows stay ours.

mod form;
mod rules;

use kube::CustomResourceExt;
use schemars::generate::SchemaSettings;
use schemars::transform::Transform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

pub(crate) use rules::{
    GROUP, INTERVAL, KIND, LABEL, PROVIDERS, SUBDOMAIN, analysis_match, load_balancer, of_kind, one_required_of,
    or_empty, origin_match, service_match, service_needs_port,
};

use crate::{AlertProvider, AlertProviderSpec, Canary, CanarySpec, CanaryStatus, MetricTemplate, MetricTemplateSpec};

/// The CustomResourceDefinitions of the three kinds.
pub fn crds() -> Vec<Value> {
    vec![
        crd::<Canary>(
            "A Canary releases new revisions of a workload step by step.",
            &[("spec", schema::<CanarySpec>()), ("status", schema::<CanaryStatus>())],
        ),
        crd::<MetricTemplate>(
            "A MetricTemplate is a query that canaries share.",
            &[("spec", schema::<MetricTemplateSpec>())],
        ),
        crd::<AlertProvider>(
            "An AlertProvider is a chat that alerts go to.",
            &[("spec", schema::<AlertProviderSpec>())],
        ),
    ]
}

fn crd<K: CustomResourceExt>(description: &str, parts: &[(&str, Schema)]) -> Value {
    let mut crd = json!(K::crd());
    let names = &mut crd["spec"]["names"];
    names["listKind"] = format!("{}List", names["kind"].as_str().unwrap_or_default()).into();
    let version = &mut crd["spec"]["versions"][0];
    version["subresources"] = json!({"status": {}});
    version["schema"] = json!({"openAPIV3Schema": root(description, parts)});
    crd
}

fn root(description: &str, parts: &[(&str, Schema)]) -> Value {
    let mut root = json!({
        "type": "object",
        "description": description,
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of the API that the object is written in."},
            "kind": {"type": "string", "description": "Kind of the object."},
            "metadata": {"type": "object"},
        },
    });
    for (name, schema) in parts {
        root["properties"][*name] = schema.as_value().clone();
    }
    root
}

fn schema<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    form::Structural.transform(&mut schema);
    form::Defaults.transform(&mut schema);
    schema
}
