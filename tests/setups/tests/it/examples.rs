//! The five set-ups in `examples/`.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use api::{Canary, MetricTemplate, Rules};
use apiserver::Server;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, oneshot};
use kube::{Api, Client};
use meters::Names;
use metricstore::Store;
use serde_json::Value;
use setups::{manifests, root};

/// What is applied together, in this order.
const SETUPS: [&[&str]; 9] = [
    &["tenants/manifests", "tenants/releases/1-tenant-a.yaml", "tenants/releases/2-tenant-b.yaml"],
    &["tenants/manifests", "tenants/releases/3-tenant-a-bad.yaml", "tenants/releases/4-tenant-a-vulnerable.yaml"],
    &["environments/development.yaml", "environments/releases/1-good.yaml", "environments/releases/2-bad.yaml"],
    &["environments/staging.yaml"],
    &["environments/production.yaml"],
    &["load-harness/manifests", "load-harness/releases/1-good.yaml", "load-harness/releases/2-chaos.yaml"],
    &["istio/manifests", "istio/releases/1-good.yaml", "istio/releases/2-bad.yaml", "istio/releases/3-slow.yaml"],
    &["nginx/manifests", "nginx/releases/1-good.yaml", "nginx/releases/2-bad.yaml"],
    &["nginx/manifests", "nginx/releases/step-back.yaml"],
];

#[tokio::test]
async fn every_manifest_is_taken_by_the_api_server_and_every_canary_is_valid() {
    for setup in SETUPS {
        let server = Server::start(apiserver::Options::default()).await.unwrap();
        let client = Client::new(server.api(), "default");
        for object in manifests(&root().join("charts/flagger/crds/crd.yaml")).unwrap() {
            apply(&client, &object).await;
        }
        for path in setup {
            for object in manifests(&root().join("examples").join(path)).unwrap() {
                apply(&client, &object).await;
            }
        }
        let canaries: Vec<Canary> = all(&client).await;
        assert!(!canaries.is_empty(), "{setup:?}");
        let rules = Rules { default_provider: "istio".to_owned(), ..Rules::default() };
        for canary in &canaries {
            assert_eq!(api::validate(canary, &rules), [], "{setup:?}");
        }
        let templates: Vec<MetricTemplate> = all(&client).await;
        for canary in &canaries {
            every_check_can_be_asked(canary, &templates);
        }
        server.stop().await;
    }
}

/// Templates are there, render, and are queries that a Prometheus understands.
fn every_check_can_be_asked(canary: &Canary, templates: &[MetricTemplate]) {
    let store = Store::new(Duration::from_secs(60));
    for query in template_queries(canary, templates) {
        store.query(&query, 0).unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}

/// The queries of the metric templates that a canary's analysis names, over a minute.
pub(crate) fn template_queries(canary: &Canary, templates: &[MetricTemplate]) -> Vec<String> {
    let namespace = canary.metadata.namespace.clone().unwrap();
    let wanted = canary.spec.analysis.metrics.iter().filter_map(|check| check.template_ref.as_ref());
    let rendered = wanted.map(|wanted| {
        let within = wanted.namespace.as_ref().unwrap_or(&namespace);
        let is_wanted = |template: &&MetricTemplate| {
            template.metadata.name.as_ref() == Some(&wanted.name)
                && template.metadata.namespace.as_ref() == Some(within)
        };
        let template = templates.iter().find(is_wanted).unwrap_or_else(|| panic!("no {}.{within}", wanted.name));
        meters::template::render(&template.spec.query, &Names::of(canary), "1m", &BTreeMap::new()).unwrap()
    });
    rendered.collect()
}

#[test]
fn what_kustomize_makes_of_the_overlays_is_committed() {
    for profile in ["development", "staging", "production"] {
        let folder = root().join("examples/environments").join(profile);
        let Ok(made) = Command::new("kubectl").arg("kustomize").arg(&folder).output() else {
            let required = std::env::var_os("CONTROLPLANE").is_some_and(|value| value == "required");
            assert!(!required, "there is no kubectl");
            return;
        };
        let committed = std::fs::read_to_string(folder.with_extension("yaml")).unwrap();
        let complaint = "run `kubectl kustomize` again";
        assert_eq!(committed, String::from_utf8(made.stdout).unwrap(), "{profile}: {complaint}");
    }
}

/// As `kubectl apply --server-side --validate=strict` does.
pub(crate) async fn apply(client: &Client, object: &Value) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
    let kind = GroupVersionKind::gvk(group, version, text("/kind"));
    let (resource, abilities) = oneshot::pinned_kind(client, &kind).await.unwrap();
    let objects: Api<DynamicObject> = match abilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), text("/metadata/namespace"), &resource),
    };
    let params = PatchParams::apply("test").force().validation_strict();
    let applied = objects.patch(text("/metadata/name"), &params, &Patch::Apply(object)).await;
    applied.unwrap_or_else(|error| panic!("{object:#}: {error}"));
}

/// All objects of a kind, in the version that is stored.
pub(crate) async fn all<K>(client: &Client) -> Vec<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    Api::<K>::all(client.clone()).list(&ListParams::default()).await.unwrap().items
}
