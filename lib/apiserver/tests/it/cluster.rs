//! A cluster in memory and short ways to talk to it.

use std::sync::Arc;

use apiserver::{Api, Options};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) struct Cluster {
    pub(crate) api: Api,
}

/// An answer that is complete.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    pub(crate) warnings: Vec<String>,
}

impl Answer {
    /// The object of a call that must succeed.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!(self.code < 300, "{} {}", self.code, self.body["message"]);
        self.body
    }

    /// Code and message of a call that must fail.
    #[track_caller]
    pub(crate) fn refused(self) -> (u16, String) {
        assert!(300 <= self.code, "{}", self.body);
        (self.code, self.body["message"].as_str().unwrap_or_default().to_owned())
    }
}

impl Cluster {
    pub(crate) fn new() -> Cluster {
        Cluster::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Cluster {
        let now = Arc::new(|| Timestamp::UNIX_EPOCH);
        Cluster { api: Api::new(&Options { now, ..options }) }
    }

    pub(crate) fn send(&self, method: Method, path: &str, media: &str, body: &str) -> http::Response<axum::body::Body> {
        let request = Request::builder().method(method).uri(path).header("content-type", media);
        let request = request.header("user-agent", "test/1.0").body(Bytes::from(body.to_owned())).unwrap();
        self.api.call(request)
    }

    fn whole(&self, method: Method, path: &str, media: &str, body: &str) -> Answer {
        let response = self.send(method, path, media, body);
        let code = response.status().as_u16();
        let warnings = response.headers().get_all("warning").iter();
        let warnings = warnings.map(|value| value.to_str().unwrap().to_owned()).collect();
        let bytes = futures::executor::block_on(response.into_body().collect()).unwrap().to_bytes();
        Answer { code, body: serde_json::from_slice(&bytes).unwrap_or_default(), warnings }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.whole(Method::GET, path, "", "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.whole(Method::POST, path, "application/json", &body.to_string())
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.whole(Method::PUT, path, "application/json", &body.to_string())
    }

    /// `media` is `json`, `merge` or `strategic-merge`.
    pub(crate) fn patch(&self, path: &str, media: &str, body: &Value) -> Answer {
        self.whole(Method::PATCH, path, &format!("application/{media}-patch+json"), &body.to_string())
    }

    pub(crate) fn apply(&self, path: &str, manager: &str, body: &Value) -> Answer {
        self.apply_with(path, &format!("fieldManager={manager}"), body)
    }

    pub(crate) fn apply_with(&self, path: &str, query: &str, body: &Value) -> Answer {
        self.whole(Method::PATCH, &format!("{path}?{query}"), "application/apply-patch+yaml", &body.to_string())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.whole(Method::DELETE, path, "", "")
    }

    pub(crate) fn delete_with(&self, path: &str, options: &Value) -> Answer {
        self.whole(Method::DELETE, path, "application/json", &options.to_string())
    }

    /// Whether there is an object at the path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.get(path).code == 200
    }
}

pub(crate) const MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";

pub(crate) fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

pub(crate) fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}})
}

pub(crate) fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
        },
    })
}

/// A CRD of kind Foo (`foos.example.com`, `v1`) with a status and a scale.
pub(crate) fn crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "foos.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Foo", "plural": "foos", "shortNames": ["fo"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
                },
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": {
                            "type": "object",
                            "properties": {
                                "size": {"type": "integer", "minimum": 1},
                                "color": {"type": "string", "default": "red"},
                                "rules": {
                                    "type": "array",
                                    "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                                    "items": {
                                        "type": "object", "required": ["name"],
                                        "properties": {"name": {"type": "string"}, "on": {"type": "boolean"}},
                                    },
                                },
                            },
                        },
                        "status": {"type": "object", "properties": {"size": {"type": "integer"}}},
                    },
                }},
            }],
        },
    })
}

pub(crate) const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
pub(crate) const FOOS: &str = "/apis/example.com/v1/namespaces/default/foos";

pub(crate) fn foo(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": name}, "spec": spec})
}
