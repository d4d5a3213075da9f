//! The cluster as people and controllers have it: objects by kind and name in one namespace, requests answered at once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use apiserver::{Api, Options};
use bytes::Bytes;
use futures::FutureExt;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Collected};
use serde_json::{Value, json};

use crate::clock::DAWN;
use crate::scene::{Actor, Scene};

/// Where everything happens.
pub(crate) const NAMESPACE: &str = "shop";

/// The kinds that a history is about: name, root of the path, plural.
const KINDS: [(&str, &str, &str); 8] = [
    ("Canary", "apis/flagger.app/v1beta1", "canaries"),
    ("ConfigMap", "api/v1", "configmaps"),
    ("Deployment", "apis/apps/v1", "deployments"),
    ("HTTPRoute", "apis/gateway.networking.k8s.io/v1", "httproutes"),
    ("HorizontalPodAutoscaler", "apis/autoscaling/v2", "horizontalpodautoscalers"),
    ("Lease", "apis/coordination.k8s.io/v1", "leases"),
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
        let Some(request) = request(method, path, body) else { return false };
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

fn request(method: &Method, path: &str, body: Bytes) -> Option<Request<Bytes>> {
    let kind = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind).body(body).ok()
}

fn folder(kind: &str) -> String {
    let (_, root, plural) = KINDS.iter().find(|(known, ..)| *known == kind).copied().unwrap_or(KINDS[0]);
    format!("/{root}/namespaces/{NAMESPACE}/{plural}")
}

fn path(id: &Id) -> String {
    format!("{}/{}", folder(id.kind), id.name)
}

/// A cluster with the kinds and the namespace that everything else needs: what every history begins with, made once.
pub(crate) fn furnished() -> &'static Api {
    static FURNISHED: OnceLock<Api> = OnceLock::new();
    FURNISHED.get_or_init(|| {
        let api = Api::new(&Options { now: Arc::new(|| DAWN), ..Options::default() });
        let furnish = |path: &str, object: &Value| {
            let request = request(&Method::POST, path, Bytes::from(object.to_string()));
            let created = request.is_some_and(|request| api.call(request).status().is_success());
            assert!(created, "{} can be created in an empty cluster", object["metadata"]["name"]);
        };
        for definition in definitions() {
            furnish("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition);
        }
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        furnish("/api/v1/namespaces", &namespace);
        api
    })
}

fn definitions() -> impl Iterator<Item = Value> {
    let gateway: Vec<Value> = serde_saphyr::from_multiple(GATEWAY).expect("the sandbox's kinds are valid YAML");
    let routes = gateway.into_iter().filter(|kind| kind["spec"]["names"]["kind"] == "HTTPRoute");
    api::crds().into_iter().chain(routes)
}
