//! Canaries as Flagger 1.44 left them in a cluster (`data`, recorded there; managed fields are left out).

use flagger_api::{Canary, CanaryStatus, HookType, Phase, Rules, Severity, validate};
use serde_json::{Value, json};

const RECORDED: [(&str, &str, Phase, i32); 8] = [
    ("cart-initialized", include_str!("data/cart-initialized.json"), Phase::Initialized, 0),
    ("checkout-end", include_str!("data/checkout-end.json"), Phase::Succeeded, 0),
    ("checkout-midrun", include_str!("data/checkout-midrun.json"), Phase::Progressing, 30),
    ("gate-midrun", include_str!("data/gate-midrun.json"), Phase::Waiting, 0),
    ("login-end", include_str!("data/login-end.json"), Phase::Failed, 0),
    ("login-midrun", include_str!("data/login-midrun.json"), Phase::Progressing, 10),
    ("search-end", include_str!("data/search-end.json"), Phase::Succeeded, 0),
    ("search-midrun", include_str!("data/search-midrun.json"), Phase::Progressing, 30),
];

#[test]
fn recorded_canaries_are_valid_and_written_back_as_they_were_read() {
    for (name, text, phase, weight) in RECORDED {
        let recorded: Value = serde_json::from_str(text).unwrap();
        let canary: Canary = serde_json::from_value(recorded.clone()).unwrap();
        let status = canary.status.as_ref().unwrap();
        assert_eq!((status.phase, status.canary_weight), (phase, weight), "{name}");
        assert_eq!(validate(&canary, &Rules::default()), [], "{name}");
        assert_eq!(json!(canary), recorded, "{name}");
    }
}

#[test]
fn a_new_status_holds_the_four_fields_that_are_always_written() {
    let fresh = json!(CanaryStatus::default());
    assert_eq!(fresh, json!({"phase": "", "failedChecks": 0, "canaryWeight": 0, "iterations": 0}));
}

#[test]
fn times_are_written_to_the_second() {
    let status: CanaryStatus =
        serde_json::from_value(json!({"lastTransitionTime": "2026-11-21T14:30:26.987654Z"})).unwrap();
    assert_eq!(json!(status)["lastTransitionTime"], "2026-11-21T14:30:26Z");
}

#[test]
fn empty_hook_types_and_severities_mean_the_default_and_unknown_fields_are_ignored() {
    let canary: Canary = serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cart"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
            "analysis": {
                "interval": "1m",
                "threshold": 5.0,
                "stepWeights": [10, 20.0],
                "webhooks": [{"name": "load", "type": "", "url": "http://tester", "disableTLS": true, "color": "red"}],
                "alerts": [{"name": "all", "severity": "", "providerRef": {"name": "chat"}}],
            },
        },
    }))
    .unwrap();
    let analysis = &canary.spec.analysis;
    assert_eq!((analysis.threshold, analysis.step_weights.as_slice()), (5, [10, 20].as_slice()));
    assert_eq!(analysis.webhooks[0].type_, HookType::Rollout);
    assert!(analysis.webhooks[0].disable_tls);
    assert_eq!(analysis.alerts[0].severity, Severity::Info);
}
