//! Canaries to release.

use api::Canary;
use rollout::{Plan, Settings};
use serde_json::{Value, json};

/// A small canary: steps of 20 up to 60, threshold 2, one metric; changed as asked.
pub(crate) fn plan(change: impl FnOnce(&mut Value)) -> Plan {
    let mut canary = json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 9898, "gatewayRefs": [{"name": "gateway"}]},
            "analysis": {
                "interval": "30s", "threshold": 2, "stepWeight": 20, "maxWeight": 60,
                "metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}],
            },
        },
    });
    change(&mut canary);
    let canary: Canary = serde_json::from_value(canary).expect("a canary");
    let settings = Settings { provider: "gatewayapi:v1".into(), no_cross_namespace_refs: false };
    Plan::of(&canary, &settings).expect("a valid canary")
}
