//! References, and which of them go together.

use super::{Findings, Rules};
use crate::{Canary, CanarySpec};

pub(super) fn check(canary: &Canary, rules: &Rules, findings: &mut Findings) {
    knative(&canary.spec, rules, findings);
    autoscaler(&canary.spec, findings);
    if rules.no_cross_namespace_refs {
        cross_namespace(canary, findings);
    }
}

/// A Knative Service and the provider `knative` need each other.
fn knative(spec: &CanarySpec, rules: &Rules, findings: &mut Findings) {
    let provider = spec.provider_or(&rules.default_provider);
    match (spec.target_ref.is_knative(), provider == "knative") {
        (true, false) => {
            findings.add("spec.provider", format!("must be knative for a Knative Service as target, is {provider:?}"));
        }
        (false, true) => {
            findings.add("spec.targetRef", "must be a Service of serving.knative.dev/v1 with the provider knative");
        }
        (true, true) | (false, false) => {}
    }
    if spec.target_ref.is_knative() && spec.autoscaler_ref.is_some() {
        findings.add("spec.autoscalerRef", "must be absent for a Knative Service as target, which scales itself");
    }
}

fn autoscaler(spec: &CanarySpec, findings: &mut Findings) {
    let Some(replicas) =
        spec.autoscaler_ref.as_ref().and_then(|autoscaler| autoscaler.primary_scaler_replicas.as_ref())
    else {
        return;
    };
    let path = "spec.autoscalerRef.primaryScalerReplicas";
    for (field, count) in [("minReplicas", replicas.min_replicas), ("maxReplicas", replicas.max_replicas)] {
        if let Some(count) = count {
            findings.range(&format!("{path}.{field}"), count, 1, i32::MAX);
        }
    }
    if let (Some(min), Some(max)) = (replicas.min_replicas, replicas.max_replicas)
        && max < min
    {
        findings.add(path, format!("minReplicas must not be above maxReplicas, are {min} and {max}"));
    }
}

fn cross_namespace(canary: &Canary, findings: &mut Findings) {
    let own = canary.metadata.namespace.as_deref().unwrap_or_default();
    let mut check = |field: String, kind: &str, name: &str, namespace: Option<&str>| {
        if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty() && *namespace != own) {
            findings.add(field, format!("cross-namespace references are blocked, refers to {kind} {name}.{namespace}"));
        }
    };
    if let Some(upstream) = &canary.spec.upstream_ref {
        check("spec.upstreamRef.namespace".into(), &upstream.kind, &upstream.name, upstream.namespace.as_deref());
    }
    for (index, metric) in canary.spec.analysis.metrics.iter().enumerate() {
        if let Some(template) = &metric.template_ref {
            let field = format!("spec.analysis.metrics[{index}].templateRef.namespace");
            check(field, "MetricTemplate", &template.name, template.namespace.as_deref());
        }
    }
    for (index, alert) in canary.spec.analysis.alerts.iter().enumerate() {
        let field = format!("spec.analysis.alerts[{index}].providerRef.namespace");
        check(field, "AlertProvider", &alert.provider_ref.name, alert.provider_ref.namespace.as_deref());
    }
}
