//! A workload and its canary, and following its releases.

use std::ops::Range;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use sandbox::LoadStats;
use serde_json::{Value, json};

use crate::stack::{PATIENCE, Stack};

/// The end of a weight's time, in which its share is counted: what went before is for it to reach the data plane.
const COUNTED: SignedDuration = SignedDuration::from_secs(3);

/// What a release was like.
#[derive(Debug)]
pub(crate) struct Release {
    /// Each phase, and when it began; the last is that in which it ended.
    pub(crate) phases: Vec<(String, Timestamp)>,
    /// Each weight of the canary, and when it was in force during the analysis.
    pub(crate) weights: Vec<(i64, Range<Timestamp>)>,
}

impl Release {
    /// The phase that it ended in.
    pub(crate) fn phase(&self) -> &str {
        self.phases.last().map(|(phase, _)| phase.as_str()).unwrap_or_default()
    }

    /// When a phase began.
    pub(crate) fn began(&self, phase: &str) -> Timestamp {
        let found = self.phases.iter().find(|(name, _)| name == phase);
        found.unwrap_or_else(|| panic!("it never was {phase}: {:?}", self.phases)).1
    }

    /// The weights alone.
    pub(crate) fn steps(&self) -> Vec<i64> {
        self.weights.iter().map(|(weight, _)| *weight).collect()
    }

    /// While the canary had a share of the traffic, it was as large as its weight says, within sampling error. `counts` says
    /// how many answers came in a stretch of time, and how many of them from the canary.
    pub(crate) fn assert_shares(&self, counts: impl Fn(Range<Timestamp>) -> (u64, u64)) {
        for (weight, time) in self.weights.iter().filter(|(weight, _)| 0 < *weight) {
            let (all, canary) = counts(time.end - COUNTED..time.end);
            assert!(100 < all, "too few requests at {weight} %: {all} in {time:?}");
            #[expect(clippy::cast_precision_loss, reason = "nobody sends 2^52 requests")]
            let (all, canary, wished) = (all as f64, canary as f64, *weight as f64 / 100.0);
            let error = (wished * (1.0 - wished) / all).sqrt();
            // Off by chance once in two million times.
            assert!((canary / all - wished).abs() < 5.0 * error, "{weight} % came to {canary} of {all}");
        }
    }
}

/// Answers of a load by who gave them, for [`Release::assert_shares`].
pub(crate) fn answers(load: &LoadStats, workload: &str, time: Range<Timestamp>) -> (u64, u64) {
    let counts = load.window(time.start, time.end);
    let belongs = |pod: &str| pod.rsplitn(3, '-').nth(2) == Some(workload);
    let canary = counts.pods.iter().filter(|(pod, _)| belongs(pod)).map(|(_, count)| count).sum();
    (counts.pods.values().sum(), canary)
}

/// A Deployment of the application, in the namespace `shop`.
pub(crate) fn deployment(name: &str, tag: &str, replicas: u32, fail_rate: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "podinfo",
                    "image": format!("ghcr.io/stefanprodan/podinfo:{tag}"),
                    "env": [{"name": "FAIL_RATE", "value": fail_rate}],
                    "ports": [{"name": "http", "containerPort": 9898}],
                    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1},
                }]},
            },
        },
    })
}

/// A canary of it, behind the Gateway where there is one.
pub(crate) fn canary(name: &str, analysis: &Value) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "service": {
                "port": 80, "targetPort": "http", "hosts": [host(name)],
                "gatewayRefs": [{"name": "contour", "namespace": "projectcontour"}],
            },
            "analysis": analysis,
        },
    })
}

/// The host by which users reach it.
pub(crate) fn host(name: &str) -> String {
    format!("{name}.example.com")
}

impl Stack {
    /// Waits until the canary is as it should be.
    pub(crate) async fn canary(&self, name: &str, what: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waiting = self.follow(name, |canary| {
            last = canary.clone();
            what(canary)
        });
        let timely = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(timely, "the canary never got there: {last:#}\n{:#?}\n{}", self.events(name).await, self.logs());
        last
    }

    /// Changes the target and follows the release to its end.
    pub(crate) async fn release(&self, target: &Value) -> Release {
        let name = target["metadata"]["name"].as_str().unwrap();
        self.apply(target).await;
        self.canary(name, |canary| canary["status"]["phase"] == "Progressing").await;
        let clock = self.sandbox.clock();
        let mut release = Release { phases: Vec::new(), weights: Vec::new() };
        let waiting = self.follow(name, |canary| {
            let (now, weight) = (clock.now(), canary["status"]["canaryWeight"].as_i64().unwrap_or(0));
            // What comes after the analysis is the promotion's, in which the primary changes.
            let analysed = release.phase() == "Progressing";
            release.weights.last_mut().into_iter().filter(|_| analysed).for_each(|(_, time)| time.end = now);
            if release.weights.last().is_none_or(|(last, _)| *last != weight) {
                release.weights.push((weight, now..now));
            }
            let phase = canary["status"]["phase"].as_str().unwrap_or_default();
            if release.phase() != phase {
                release.phases.push((phase.to_owned(), now));
            }
            matches!(phase, "Succeeded" | "Failed")
        });
        let timely = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(timely, "{release:?} never ended: {:#?}\n{}", self.events(name).await, self.logs());
        release
    }

    /// Shows every state of the canary, until one is what is waited for.
    async fn follow(&self, name: &str, mut what: impl FnMut(&Value) -> bool) {
        let kind =
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("flagger.app", "v1beta1", "Canary"), "canaries");
        let canaries: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), "shop", &kind);
        let selected = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut states = std::pin::pin!(watcher(canaries, selected).default_backoff().applied_objects());
        while let Some(state) = states.next().await {
            let Ok(canary) = state else { continue };
            if what(&serde_json::to_value(canary).unwrap()) {
                return;
            }
        }
    }

    /// What was said about the canary.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        let events: Api<k8s_openapi::api::core::v1::Event> = Api::namespaced(self.client.clone(), "shop");
        let about = events.list(&kube::api::ListParams::default()).await.unwrap();
        let about = about.items.into_iter().filter(|event| event.involved_object.name.as_deref() == Some(name));
        about.filter_map(|event| event.message).collect()
    }
}
