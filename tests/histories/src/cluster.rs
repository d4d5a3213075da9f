//! The cluster as people and controllers have it: objects by kind and name in one namespace, requests answered at once.

use std::fmt;
use std::sync::OnceLock;

use apiserver::Api;
use bytes::Bytes;
use futures::FutureExt;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Collected};
use serde_json::{Value, json};

use crate::scene::{Actor, Scene};

/// Where everything happens.
pub(crate) const NAMESPACE: &str = "shop";

/// The kinds that a history is about: name, root of the path, plural.
const KINDS: [(&str, &str, &str); 7] = [
    ("Canary", "apis/flagger.app/v1beta1", "canaries"),
    ("ConfigMap", "api/v1", "configmaps"),
    ("Deployment", "apis/apps/v1", "deployments"),
    ("HTTPRoute", "apis/gateway.networking.k8s.io/v1", "httproutes"),
    ("HorizontalPodAutoscaler", "apis/autoscaling/v2", "horizontalpodautoscalers"),
    ("MetricTemplate", "apis/flagger.app/v1beta1", "metrictemplates"),
    ("Service", "api/v1", "services"),
];

/// The Gateway API's kinds; Flagger's own come from the types.
const GATEWAY: &str = include_str!("../../../crates/sandbox/crds/gateway.networking.k8s.io.yaml");

/// An object: its kind and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

impl Id {
    pub(crate) fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The object's own account of what it is; nothing for kinds that no history is about.
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let (kind, ..) = KINDS.iter().find(|(kind, ..)| object["kind"] == *kind)?;
        Some(Self::new(kind, object["metadata"]["name"].as_str()?))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Requests of somebody; clones are of the same person.
#[derive(Clone)]
pub(crate) struct Cluster {
    api: Api,
    scene: Scene,
    actor: Actor,
}

impl Cluster {
    /// The cluster in the hands of `actor`.
    pub(crate) fn new(api: Api, scene: Scene, actor: Actor) -> Self {
        Self { api, scene, actor }
    }

    /// The kinds and the namespace that everything else needs.
    pub(crate) fn furnish(&self) {
        for definition in definitions() {
            self.ask(&Method::POST, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition.clone());
        }
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        self.ask(&Method::POST, "/api/v1/namespaces", Bytes::from(namespace.to_string()));
    }

    /// Creates an object; whether that worked.
    pub(crate) fn create(&self, object: &Value) -> bool {
        let Some(id) = Id::of(object) else { return false };
        self.ask(&Method::POST, &folder(id.kind), Bytes::from(object.to_string()))
    }

    /// Merges fields into an object; whether that worked.
    pub(crate) fn merge(&self, id: &Id, patch: &Value) -> bool {
        self.ask(&Method::PATCH, &path(id), Bytes::from(patch.to_string()))
    }

    /// Merges fields into an object's status; whether that worked.
    pub(crate) fn merge_status(&self, id: &Id, patch: &Value) -> bool {
        self.ask(&Method::PATCH, &format!("{}/status", path(id)), Bytes::from(patch.to_string()))
    }

    /// Deletes an object; whether it was there.
    pub(crate) fn delete(&self, id: &Id) -> bool {
        self.ask(&Method::DELETE, &path(id), Bytes::new())
    }

    fn ask(&self, method: &Method, path: &str, body: Bytes) -> bool {
        let kind = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind).body(body);
        let Ok(request) = request else { return false };
        let response = self.scene.acting(self.actor, || self.api.call(request));
        let (head, body) = response.into_parts();
        if head.status.is_server_error() || head.status == http::StatusCode::UNPROCESSABLE_ENTITY {
            let body = body.collect().now_or_never().and_then(Result::ok).map(Collected::to_bytes);
            let said = String::from_utf8_lossy(body.as_deref().unwrap_or_default()).into_owned();
            self.scene.say(format_args!("{method} {path} was answered {}: {said}", head.status));
        }
        head.status.is_success()
    }
}

fn folder(kind: &str) -> String {
    let (_, root, plural) = KINDS.iter().find(|(known, ..)| *known == kind).copied().unwrap_or(KINDS[0]);
    format!("/{root}/namespaces/{NAMESPACE}/{plural}")
}

fn path(id: &Id) -> String {
    format!("{}/{}", folder(id.kind), id.name)
}

/// What is installed before anything else; the same for every history, so it is read once.
fn definitions() -> &'static [Bytes] {
    static DEFINITIONS: OnceLock<Vec<Bytes>> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        let gateway: Vec<Value> = serde_saphyr::from_multiple(GATEWAY).expect("the sandbox's kinds are valid YAML");
        let routes = gateway.into_iter().filter(|kind| kind["spec"]["names"]["kind"] == "HTTPRoute");
        api::crds().into_iter().chain(routes).map(|kind| Bytes::from(kind.to_string())).collect()
    })
}
