//! Which canaries are refused, and what their authors are told.

use flagger_api::{Canary, Rules, validate};
use serde_json::{Value, json};

#[test]
fn a_plain_canary_is_valid() {
    check(json!({}), &[]);
}

#[test]
fn durations_are_gos() {
    check(
        json!({"analysis": {"interval": "1minute"}}),
        &[r#"spec.analysis.interval: a duration's units are ns, us, ms, s, m and h; is "1minute""#],
    );
    check(
        json!({"analysis": {"metrics": [{"name": "request-duration", "interval": "1m30"}]}}),
        &[
            r#"spec.analysis.metrics[0].interval: a duration needs a unit (ns, us, ms, s, m or h) after each number; is "1m30""#,
        ],
    );
    check(
        json!({"service": {"timeout": "15", "retries": {"perTryTimeout": "-1s"}}}),
        &[
            r#"spec.service.timeout: a duration needs a unit (ns, us, ms, s, m or h) after each number; is "15""#,
            r#"spec.service.retries.perTryTimeout: a duration can't be negative; is "-1s""#,
        ],
    );
}

#[test]
fn there_is_one_way_to_proceed() {
    let rule = "spec.analysis: exactly one of iterations, stepWeight and stepWeights must be set";
    check(json!({"analysis": {"stepWeight": 0}}), &[rule]);
    check(json!({"analysis": {"iterations": 10}}), &[rule]);
    check(json!({"analysis": {"stepWeights": [1]}}), &[rule]);
    check(json!({"analysis": {"stepWeight": 0, "iterations": 10}}), &[]);
    check(json!({"analysis": {"stepWeight": 0}, "skipAnalysis": true}), &[]);
}

#[test]
fn weights_are_percentages_and_ladders_go_up() {
    check(
        json!({"analysis": {"stepWeight": 101, "maxWeight": -1, "canaryReadyThreshold": 120}}),
        &[
            "spec.analysis.stepWeight: must be between 0 and 100, is 101",
            "spec.analysis.maxWeight: must be between 0 and 100, is -1",
            "spec.analysis.canaryReadyThreshold: must be between 0 and 100, is 120",
        ],
    );
    check(
        json!({"analysis": {"stepWeight": 0, "stepWeights": [0, 10, 10, 5, 101]}}),
        &[
            "spec.analysis.stepWeights[0]: must be above 0, not 0",
            "spec.analysis.stepWeights[2]: must be above the step before, 10 follows 10",
            "spec.analysis.stepWeights[3]: must be above the step before, 5 follows 10",
        ],
    );
}

#[test]
fn a_metric_has_a_query_and_a_range_that_something_can_be_in() {
    check(
        json!({"analysis": {"metrics": [{"name": "error-rate", "thresholdRange": {"min": 2, "max": 1.5}}]}}),
        &[
            r#"spec.analysis.metrics[0]: must have a templateRef or a query, "error-rate" is not built in"#,
            "spec.analysis.metrics[0].thresholdRange: min must not be above max, are 2 and 1.5",
        ],
    );
    check(json!({"analysis": {"metrics": [{"name": "error-rate", "templateRef": {"name": "errors"}}]}}), &[]);
}

#[test]
fn webhooks_are_called_over_http() {
    check(
        json!({"analysis": {"webhooks": [{"name": "a", "url": "tester:80/"}, {"name": "b", "url": ""}]}}),
        &[
            r#"spec.analysis.webhooks[0].url: must be an http or https URL, is "tester:80/""#,
            "spec.analysis.webhooks[1].url: must be an http or https URL, is empty",
        ],
    );
    check(json!({"analysis": {"webhooks": [{"name": "a", "url": "https://tester/gate", "timeout": "s"}]}}), &[]);
}

#[test]
fn ports_exist() {
    check(
        json!({"service": {"port": 0, "targetPort": 70_000, "gatewayRefs": [{"name": "public", "port": 0}]}}),
        &[
            "spec.service.port: must be between 1 and 65535, is 0",
            "spec.service.targetPort: must be between 0 and 65535, is 70000",
            "spec.service.gatewayRefs[0].port: must be between 1 and 65535, is 0",
        ],
    );
}

#[test]
fn a_cookies_name_means_nothing_to_a_regular_expression() {
    check(
        json!({"analysis": {"sessionAffinity": {"cookieName": "side|all"}}}),
        &[r#"spec.analysis.sessionAffinity.cookieName: must be of letters, digits, '-', '_' and '.', is "side|all""#],
    );
}

#[test]
fn the_two_cookies_differ() {
    check(
        json!({"analysis": {"sessionAffinity": {"cookieName": "side", "primaryCookieName": "side"}}}),
        &[r#"spec.analysis.sessionAffinity.primaryCookieName: must differ from cookieName, both are "side""#],
    );
}

#[test]
fn knative_services_and_the_provider_knative_need_each_other() {
    let target = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "cart"});
    let autoscaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "cart"});
    check(
        json!({"provider": "knative"}),
        &["spec.targetRef: must be a Service of serving.knative.dev/v1 with the provider knative"],
    );
    check(
        json!({"targetRef": target, "autoscalerRef": autoscaler}),
        &[
            r#"spec.provider: must be knative for a Knative Service as target, is "istio""#,
            "spec.autoscalerRef: must be absent for a Knative Service as target, which scales itself",
        ],
    );

    let knative = Rules { default_provider: "knative".into(), ..rules() };
    let canary = canary(json!({"targetRef": target, "service": {"port": null}}));
    assert_eq!(validate(&canary, &knative), [], "the operator's provider counts when the canary names none");
}

#[test]
fn references_stay_in_the_namespace_when_they_have_to() {
    let spec = json!({
        "upstreamRef": {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "cart", "namespace": "gloo"},
        "analysis": {
            "metrics": [{"name": "errors", "templateRef": {"name": "errors", "namespace": "shop"}}],
            "alerts": [{"name": "all", "providerRef": {"name": "chat", "namespace": "ops"}}],
        },
    });
    check(spec.clone(), &[]);
    let strict = Rules { no_cross_namespace_refs: true, ..rules() };
    check_under(
        &strict,
        spec,
        &[
            "spec.upstreamRef.namespace: cross-namespace references are blocked, refers to Upstream cart.gloo",
            "spec.analysis.alerts[0].providerRef.namespace: \
         cross-namespace references are blocked, refers to AlertProvider chat.ops",
        ],
    );
}

fn rules() -> Rules {
    Rules { no_cross_namespace_refs: false, default_provider: "istio".into() }
}

/// Checks which rules a valid canary breaks once its spec is merged with `changes`.
fn check(changes: Value, broken: &[&str]) {
    check_under(&rules(), changes, broken);
}

fn check_under(rules: &Rules, changes: Value, broken: &[&str]) {
    let found: Vec<String> = validate(&canary(changes), rules).iter().map(ToString::to_string).collect();
    assert_eq!(found, broken);
}

fn canary(changes: Value) -> Canary {
    let mut spec = json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
        "service": {"port": 80},
        "analysis": {"interval": "1m", "threshold": 5, "stepWeight": 10},
    });
    merge(&mut spec, changes);
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": spec,
    }))
    .expect("the changed spec can still be read")
}

fn merge(into: &mut Value, changes: Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (field, change) in changes {
                merge(into.entry(field).or_insert(Value::Null), change);
            }
        }
        (into, change) => *into = change,
    }
}
