//! Pace, weights, checks and hooks.

use super::Findings;
use crate::{Analysis, CanaryMetric, CanarySpec, CanaryWebhook, OnFailedCheck, SessionAffinity};

/// A webhook's timeout shorter than this means the default.
const TIMEOUT_LENGTH_MIN: usize = 2;

pub(super) fn check(spec: &CanarySpec, findings: &mut Findings) {
    let analysis = &spec.analysis;
    findings.duration("spec.analysis.interval", &analysis.interval);
    strategy(spec, findings);
    weights(analysis, findings);
    ladder(&analysis.step_weights, findings);
    for (index, metric) in analysis.metrics.iter().enumerate() {
        check_metric(&format!("spec.analysis.metrics[{index}]"), metric, findings);
    }
    for (index, hook) in analysis.webhooks.iter().enumerate() {
        check_webhook(&format!("spec.analysis.webhooks[{index}]"), hook, findings);
    }
    if let Some(affinity) = &analysis.session_affinity {
        cookies(affinity, findings);
    }
}

/// Iterations, an even ladder or an explicit one; a canary that skips its analysis needs none of them.
fn strategy(spec: &CanarySpec, findings: &mut Findings) {
    let analysis = &spec.analysis;
    findings.range("spec.analysis.iterations", analysis.iterations, 0, i32::MAX);
    let ways = [analysis.iterations != 0, analysis.step_weight != 0, !analysis.step_weights.is_empty()];
    let count = ways.into_iter().filter(|way| *way).count();
    if 1 < count || count == 0 && !spec.skip_analysis {
        findings.add("spec.analysis", "exactly one of iterations, stepWeight and stepWeights must be set");
    }
    if analysis.on_failed_check == OnFailedCheck::StepBack && analysis.iterations != 0 {
        findings
            .add("spec.analysis.onFailedCheck", "stepBack needs stepWeight or stepWeights, iterations have no steps");
    }
}

fn weights(analysis: &Analysis, findings: &mut Findings) {
    for (field, percent) in [
        ("stepWeight", analysis.step_weight),
        ("maxWeight", analysis.max_weight),
        ("stepWeightPromotion", analysis.step_weight_promotion),
        ("mirrorWeight", analysis.mirror_weight),
        ("primaryReadyThreshold", analysis.primary_ready_threshold.unwrap_or_default()),
        ("canaryReadyThreshold", analysis.canary_ready_threshold.unwrap_or_default()),
    ] {
        findings.range(&format!("spec.analysis.{field}"), percent, 0, 100);
    }
}

/// A step that is not above the one before would be taken again and again. One above 100 means 100, as in Flagger.
fn ladder(steps: &[i32], findings: &mut Findings) {
    let mut below = 0;
    for (index, step) in steps.iter().copied().enumerate() {
        let field = format!("spec.analysis.stepWeights[{index}]");
        if step < 1 {
            findings.add(field.clone(), format!("must be above 0, not {step}"));
        }
        if 0 < index && step <= below {
            findings.add(field, format!("must be above the step before, {step} follows {below}"));
        }
        below = step;
    }
}

fn check_metric(path: &str, metric: &CanaryMetric, findings: &mut Findings) {
    findings.duration(&format!("{path}.interval"), metric.interval.as_deref().unwrap_or_default());
    let has_query = metric.query.as_deref().is_some_and(|query| !query.is_empty());
    if metric.built_in().is_none() && !has_query && metric.template_ref.is_none() {
        findings.add(path, format!("must have a templateRef or a query, {:?} is not built in", metric.name));
    }
    if let Some(range) = metric.threshold_range
        && let (Some(min), Some(max)) = (range.min, range.max)
        && max < min
    {
        findings.add(format!("{path}.thresholdRange"), format!("min must not be above max, are {min} and {max}"));
    }
}

fn check_webhook(path: &str, hook: &CanaryWebhook, findings: &mut Findings) {
    let url = format!("{path}.url");
    if hook.url.is_empty() {
        findings.add(url, "must be an http or https URL, is empty");
    } else {
        findings.url(&url, &hook.url);
    }
    if let Some(timeout) = hook.timeout.as_deref().filter(|timeout| TIMEOUT_LENGTH_MIN <= timeout.len()) {
        findings.duration(&format!("{path}.timeout"), timeout);
    }
    findings.range(&format!("{path}.retries"), hook.retries, 0, i32::MAX);
}

fn cookies(affinity: &SessionAffinity, findings: &mut Findings) {
    if affinity.cookie_name.is_empty() {
        findings.add("spec.analysis.sessionAffinity.cookieName", "must not be empty");
    } else if affinity.primary_cookie_name.as_ref() == Some(&affinity.cookie_name) {
        let rule = format!("must differ from cookieName, both are {:?}", affinity.cookie_name);
        findings.add("spec.analysis.sessionAffinity.primaryCookieName", rule);
    }
    let names =
        [("cookieName", Some(&affinity.cookie_name)), ("primaryCookieName", affinity.primary_cookie_name.as_ref())];
    for (field, name) in names {
        if let Some(name) = name.filter(|name| !name.chars().all(is_in_cookie_name)) {
            let rule = format!("must be of letters, digits, '-', '_' and '.', is {name:?}");
            findings.add(format!("spec.analysis.sessionAffinity.{field}"), rule);
        }
    }
    findings.range("spec.analysis.sessionAffinity.maxAge", affinity.max_age, 0, i32::MAX);
}

/// Routes look for the cookie with a regular expression, in which all else of a cookie's name could mean something.
fn is_in_cookie_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}
