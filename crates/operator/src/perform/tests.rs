//! Effects against an API server whose watch has fallen silent.

mod bad_servers;

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use kube::client::Body;
use ports::{RealClock, kinds};
use rollout::{Effect, Outcome, Plan, Readiness, Side};
use serde_json::{Value, json};

use super::World;
use crate::cluster::{Cluster, Scope};
use crate::drive::Shell;
use crate::recorder::Recorder;
use crate::telemetry::Metrics;
use crate::web::Web;

/// Lists the Deployment as it was, returns it as it is, and says nothing to those who watch; there is nothing else.
fn silent(was: &Value, is: &Value) -> Cluster {
    let list = json!({"metadata": {"resourceVersion": "100"}, "items": [was]});
    let is = is.clone();
    let missing = json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"});
    let service = tower::service_fn(move |request: Request<Body>| {
        let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let (status, answer) = match request.uri().path() {
            "/apis/apps/v1/deployments" => (200, list.clone()),
            "/apis/apps/v1/namespaces/test/deployments/podinfo" => (200, is.clone()),
            _ => (404, missing.clone()),
        };
        async move {
            if watches {
                std::future::pending::<()>().await;
            }
            let body = Body::from(answer.to_string().into_bytes());
            Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
        }
    });
    Cluster::new(kube::Client::new(service, "default"))
}

fn deployment(version: &str, available: i64, progressing: &str) -> Value {
    json!({
        "metadata": {"name": "podinfo", "namespace": "test", "resourceVersion": version, "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "podinfo"}}, "template": {}},
        "status": {
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": available,
            "conditions": [{"type": "Progressing", "status": "True", "reason": progressing}],
        },
    })
}

/// Whether the canary is ready when the watch has seen that it missed its deadline, and the API server has `is`.
async fn ready(is: &Value) -> Readiness {
    let cluster = silent(&deployment("7", 0, "ProgressDeadlineExceeded"), is);
    cluster.watch(kinds::DEPLOYMENT, &Scope::All);
    cluster.settled(kinds::DEPLOYMENT).await;
    let clock = Arc::new(RealClock);
    let recorder = Recorder::start(cluster.clone(), clock.clone());
    let settings = crate::args::parse(std::iter::empty(), |_| None).unwrap();
    let shell = Shell::new(cluster, Web::new(), clock, recorder, Arc::new(Metrics::new("1", "kubernetes")), settings);
    let canary = json!({
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "provider": "kubernetes",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 80},
            "analysis": {"interval": "30s", "threshold": 2, "iterations": 2},
        },
    });
    let canary: api::Canary = serde_json::from_value(canary).unwrap();
    let plan = Plan::of(&canary, &shell.rules).unwrap();
    let mut world = World::new(&shell, &canary, &plan);
    match world.perform(&Effect::CheckReady(Side::Canary)).await {
        Outcome::Ready(readiness) => readiness,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_deadline_is_judged_by_a_fresh_read() {
    assert_eq!(ready(&deployment("8", 1, "NewReplicaSetAvailable")).await, Readiness::Ready);
    let late = ready(&deployment("8", 0, "ProgressDeadlineExceeded")).await;
    assert!(matches!(late, Readiness::NotReady { retriable: false, .. }), "{late:?}");
}
