//! A cluster of a few objects, and a shell on it, for tests.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use kube::client::Body;
use ports::RealClock;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::drive::Shell;
use crate::recorder::Recorder;
use crate::telemetry::Metrics;
use crate::web::Web;

/// A cluster with these objects of namespace `test`, by the end of their path such as `secrets/token`, which may be read one
/// by one and not listed.
pub(crate) fn cluster(objects: impl IntoIterator<Item = (String, Value)>) -> Cluster {
    let objects: BTreeMap<String, Value> = objects.into_iter().collect();
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().path().split("/namespaces/test/").nth(1).unwrap_or_default();
        let refusal = |code: u16, reason: &str| {
            (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason}))
        };
        let (status, body) = match objects.get(path) {
            Some(object) => (200, object.clone()),
            None if path.contains('/') => refusal(404, "NotFound"),
            None => refusal(403, "Forbidden"),
        };
        let body = Body::from(body.to_string().into_bytes());
        async move { Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap()) }
    });
    Cluster::new(kube::Client::new(service, "default"))
}

/// An object's name, namespace and version, which all need to have.
pub(crate) fn named(name: &str) -> Value {
    json!({"name": name, "namespace": "test", "resourceVersion": "1"})
}

/// A shell with all that a look takes, and the flags' defaults.
pub(crate) fn shell(cluster: Cluster, web: Web) -> Shell {
    let clock = Arc::new(RealClock);
    let recorder = Recorder::start(cluster.clone(), clock.clone());
    let settings = crate::args::parse(std::iter::empty(), |_| None).unwrap();
    Shell::new(cluster, web, clock, recorder, Arc::new(Metrics::new("1", "kubernetes")), settings)
}
