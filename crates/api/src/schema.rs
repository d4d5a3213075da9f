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
    GROUP, INTERVAL, KIND, LABEL, PROVIDERS, SUBDOMAIN, analysis_by_either_name, analysis_match, load_balancer,
    of_kind, one_required_of, or_empty, origin_match, service_match, service_needs_port,
};

use crate::{AlertProvider, AlertProviderSpec, Canary, CanarySpec, CanaryStatus, MetricTemplate, MetricTemplateSpec};

/// The CustomResourceDefinitions of the three kinds.
pub fn crds() -> Vec<Value> {
    let mut canaries = crd::<Canary>(
        "A Canary releases new revisions of a workload step by step.",
        &[("spec", schema::<CanarySpec>()), ("status", schema::<CanaryStatus>())],
    );
    serve_older(&mut canaries);
    vec![
        canaries,
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

/// Versions that manifests of Flagger's first years are written in.
const OLDER: [&str; 2] = ["v1alpha3", "v1alpha1"];

/// Serves the older versions beside the one that is stored.
///
/// Nothing is converted but the version's name: objects written in an older one are checked by the operator and read, by
/// all, with the fields that the stored version has.
fn serve_older(crd: &mut Value) {
    let Some(versions) = crd["spec"]["versions"].as_array_mut() else { return };
    let Some(current) = versions.first().cloned() else { return };
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    versions.extend(OLDER.map(|name| {
        let mut version = current.clone();
        version["name"] = name.into();
        version["storage"] = false.into();
        version["deprecated"] = true.into();
        version["deprecationWarning"] = format!(
            "flagger.app/{name} Canary is deprecated; use flagger.app/v1beta1, where spec.canaryAnalysis is spec.analysis"
        )
        .into();
        let root = &mut version["schema"]["openAPIV3Schema"];
        root["properties"]["spec"] = anything.clone();
        root["properties"]["status"] = anything.clone();
        version
    }));
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
