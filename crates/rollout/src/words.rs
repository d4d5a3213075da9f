//! Every sentence that a user sees, and nothing but sentences.
//!
//! The texts are interfaces: people and scripts match on them. `docs/events.md` says when each is said.

use std::fmt;
use std::time::Duration;

use api::{HookType, Phase, Severity};

pub use crate::meter_fault::MeterFault;
use crate::plan::{Bounds, Plan, Source, Strategy};

/// How serious a sentence is: the `type` of the event that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As expected.
    Normal,
    /// A person should look.
    Warning,
}

impl Tone {
    /// The event type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something that an event says.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are the sentences of `Sentence::text`, which says them in full")]
pub enum Sentence {
    Suspended,
    TargetHeld {
        against: String,
    },
    TargetYielded {
        to: String,
    },
    ServiceRenamed {
        before: String,
        after: String,
    },
    MetersAvailable,
    MetersUnavailable(String),
    /// What is waited for, in its own words.
    Trouble(String),
    /// What failed, in its own words.
    Fault(String),
    ScaleDownFailed(String),
    Initialized,
    ScalingUp,
    Withdrawn,
    Restarting,
    Starting,
    AdvanceWeight(u8),
    AdvanceIteration(i32),
    AdvancePrimary(u8),
    StepBack {
        weight: u8,
        failed: i32,
    },
    AllToCanary,
    MirrorToCanary,
    AllToPrimary,
    Copying,
    Promoted,
    PromotedUnanalysed,
    Failed,
    Terminating,
    Terminated,
    ThresholdReached(i32),
    FirstStepFailed(i32),
    DeadlineExceeded(String),
    StoppedServing(String),
    ManualRollback,
    PromotionFailed(String),
    Stuck {
        still: Duration,
        why: Option<String>,
    },
    MatchUnsupported,
    WeightsUnsupported,
    IterationsAssumed,
    HookPassed(usize),
    HookRefused(usize, String),
    HookHolds(usize),
    NotRollingBack(usize),
    RollbackAsked(usize),
    NoValues(usize, String),
    MeterFault(usize, MeterFault),
    OutOfBounds(usize, f64),
    Unusable,
}

impl Sentence {
    /// How serious it is.
    pub fn tone(&self) -> Tone {
        match self {
            Self::Suspended
            | Self::MetersAvailable
            | Self::Initialized
            | Self::ScalingUp
            | Self::Withdrawn
            | Self::Restarting
            | Self::Starting
            | Self::AdvanceWeight(_)
            | Self::AdvanceIteration(_)
            | Self::AdvancePrimary(_)
            | Self::AllToCanary
            | Self::MirrorToCanary
            | Self::AllToPrimary
            | Self::Copying
            | Self::Promoted
            | Self::PromotedUnanalysed
            | Self::Terminating
            | Self::Terminated
            | Self::HookPassed(_)
            | Self::NotRollingBack(_) => Tone::Normal,
            Self::TargetHeld { .. }
            | Self::TargetYielded { .. }
            | Self::ServiceRenamed { .. }
            | Self::MetersUnavailable(_)
            | Self::Trouble(_)
            | Self::Fault(_)
            | Self::ScaleDownFailed(_)
            | Self::Failed
            | Self::StepBack { .. }
            | Self::ThresholdReached(_)
            | Self::FirstStepFailed(_)
            | Self::DeadlineExceeded(_)
            | Self::StoppedServing(_)
            | Self::ManualRollback
            | Self::PromotionFailed(_)
            | Self::Stuck { .. }
            | Self::MatchUnsupported
            | Self::WeightsUnsupported
            | Self::IterationsAssumed
            | Self::HookRefused(..)
            | Self::HookHolds(_)
            | Self::RollbackAsked(_)
            | Self::NoValues(..)
            | Self::MeterFault(..)
            | Self::OutOfBounds(..)
            | Self::Unusable => Tone::Warning,
        }
    }

    /// Whether it is an error of the operator's surroundings rather than news of a release: the level of its log line.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Fault(_) | Self::MetersUnavailable(_) | Self::MeterFault(..) | Self::ScaleDownFailed(_))
    }

    /// The sentence, for the canary that the plan is of.
    pub fn text(&self, plan: &Plan) -> String {
        let canary = format_args!("{}.{}", plan.name, plan.namespace).to_string();
        let target = format!("{}.{}", plan.target, plan.namespace);
        match self {
            Self::Suspended => "skipping canary run as object is suspended".into(),
            Self::TargetHeld { against } => {
                format!("{} {target} is also the target of the younger canary {against}, which waits", plan.kind)
            }
            Self::TargetYielded { to } => {
                format!("{} {target} is left to the older canary {to}, whose target it is, too", plan.kind)
            }
            Self::ServiceRenamed { before, after } => {
                format!(
                    "The service name of {canary} changed from {before} to {after}, what belongs to {before} should be removed"
                )
            }
            Self::MetersAvailable => "all the metrics providers are available!".into(),
            Self::MetersUnavailable(error) => format!("Error checking metric providers: {error}"),
            Self::Trouble(error) | Self::Fault(error) => error.clone(),
            Self::ScaleDownFailed(error) => format!("scaling down canary {} {target} failed: {error}", plan.kind),
            Self::Initialized => format!("Initialization done! {canary}"),
            Self::ScalingUp => format!("New revision detected! Scaling up {target}"),
            Self::Withdrawn => format!("New revision withdrawn! {target} is back at the promoted one"),
            Self::Restarting => format!("New revision detected! Restarting analysis for {target}"),
            Self::Starting => format!("Starting canary analysis for {target}"),
            Self::AdvanceWeight(weight) => format!("Advance {canary} canary weight {weight}"),
            Self::AdvanceIteration(iteration) => {
                format!("Advance {canary} canary iteration {iteration}/{}", plan.strategy.iterations())
            }
            Self::AdvancePrimary(weight) => format!("Advance {canary} primary weight {weight}"),
            Self::StepBack { weight, failed } => {
                format!("Step back {canary} canary weight {weight} failed check {failed}/{}", plan.threshold)
            }
            Self::AllToCanary => "Routing all traffic to canary".into(),
            Self::MirrorToCanary => "Stop traffic mirroring and route all traffic to canary".into(),
            Self::AllToPrimary => "Routing all traffic to primary".into(),
            Self::Copying => {
                format!("Copying {target} template spec to {}-primary.{}", plan.target, plan.namespace)
            }
            Self::Promoted => format!("Promotion completed! Scaling down {target}"),
            Self::PromotedUnanalysed => format!("Promotion completed! Canary analysis was skipped for {target}"),
            Self::Failed => format!("Canary failed! Scaling down {canary}"),
            Self::Terminating => format!("Terminating canary {canary}"),
            Self::Terminated => format!("Terminated canary {canary}"),
            Self::ThresholdReached(failed) => {
                format!("Rolling back {canary} failed checks threshold reached {failed}")
            }
            Self::FirstStepFailed(failed) => {
                format!("Rolling back {canary} failed check {failed}/{} at the first step", plan.threshold)
            }
            Self::DeadlineExceeded(reason) => format!("Rolling back {canary} progress deadline exceeded {reason}"),
            Self::StoppedServing(reason) => format!("Rolling back {canary} canary stopped serving {reason}"),
            Self::ManualRollback => format!("Rolling back {canary} manual webhook invoked"),
            Self::PromotionFailed(reason) => format!("Promotion of {target} failed, primary not ready: {reason}"),
            Self::Stuck { still, why } => {
                let why = why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                format!("{canary} has taken no step for {}{why}", api::duration::format(*still))
            }
            Self::MatchUnsupported => "A/B testing is not supported when using the kubernetes provider".into(),
            Self::WeightsUnsupported => {
                "Progressive traffic is not supported when using the kubernetes provider".into()
            }
            Self::IterationsAssumed => format!("Setting canaryAnalysis.iterations: {}", plan.strategy.iterations()),
            Self::HookPassed(hook) => format!("{} check {} passed", gate(plan, *hook), plan.hook_name(*hook)),
            Self::HookRefused(hook, error) => refused(plan, &canary, *hook, error),
            Self::HookHolds(hook) => holds(plan, &canary, *hook),
            Self::NotRollingBack(hook) => {
                format!("Rollback hook {} not signaling a rollback", plan.hook_name(*hook))
            }
            Self::RollbackAsked(hook) => format!("Rollback check {} passed", plan.hook_name(*hook)),
            Self::NoValues(check, error) => no_values(plan, &target, *check, error),
            Self::MeterFault(check, fault) => meter_fault(plan, *check, fault),
            Self::OutOfBounds(check, value) => out_of_bounds(plan, &canary, *check, *value),
            Self::Unusable => "Metric query failed for no usable metrics template and query were configured".into(),
        }
    }
}

fn gate(plan: &Plan, hook: usize) -> &'static str {
    match plan.hook_type(hook) {
        HookType::ConfirmRollout => "Confirm-rollout",
        HookType::PreRollout => "Pre-rollout",
        HookType::ConfirmTrafficIncrease => "Confirm-traffic-increase",
        HookType::ConfirmPromotion => "Confirm-promotion",
        HookType::PostRollout => "Post-rollout",
        HookType::Rollout => "Rollout",
        HookType::Rollback => "Rollback",
        HookType::Event => "Event",
    }
}

fn refused(plan: &Plan, canary: &str, hook: usize, error: &str) -> String {
    let name = plan.hook_name(hook);
    match plan.hook_type(hook) {
        HookType::PreRollout => format!("Halt {canary} advancement pre-rollout check {name} failed {error}"),
        HookType::PostRollout => format!("Post-rollout hook {name} failed {error}"),
        HookType::Rollout
        | HookType::Rollback
        | HookType::Event
        | HookType::ConfirmRollout
        | HookType::ConfirmPromotion
        | HookType::ConfirmTrafficIncrease => {
            format!("Halt {canary} advancement external check {name} failed {error}")
        }
    }
}

fn holds(plan: &Plan, canary: &str, hook: usize) -> String {
    let what = match plan.hook_type(hook) {
        HookType::ConfirmPromotion => "promotion approval",
        HookType::ConfirmTrafficIncrease => "traffic increase approval",
        HookType::ConfirmRollout
        | HookType::PreRollout
        | HookType::Rollout
        | HookType::PostRollout
        | HookType::Rollback
        | HookType::Event => "approval",
    };
    format!("Halt {canary} advancement waiting for {what} {}", plan.hook_name(hook))
}

fn no_values(plan: &Plan, target: &str, check: usize, error: &str) -> String {
    let name = plan.check_name(check);
    let observed = format!(
        "Halt advancement no values found for {} metric {name} probably {target} is not receiving traffic",
        plan.provider
    );
    match plan.check_source(check) {
        Source::SuccessRate => format!("{observed}: {error}"),
        Source::Duration => observed,
        Source::Query => format!("Halt advancement no values found for metric: {name}"),
        Source::Template { .. } | Source::Unusable => {
            format!("Halt advancement no values found for custom metric: {name}: {error}")
        }
    }
}

fn meter_fault(plan: &Plan, check: usize, fault: &MeterFault) -> String {
    let name = plan.check_name(check);
    let template = match plan.check_source(check) {
        Source::Template { name, namespace } => format!("{name}.{namespace}"),
        Source::SuccessRate | Source::Duration | Source::Query | Source::Unusable => name.to_owned(),
    };
    match (fault, plan.check_source(check)) {
        (MeterFault::Query(error), Source::SuccessRate | Source::Duration) => {
            format!("Prometheus query failed: {error}")
        }
        (MeterFault::Query(error), Source::Query) => format!("Prometheus query failed for {name}: {error}"),
        (MeterFault::Query(error), Source::Template { .. } | Source::Unusable) => {
            format!("Metric query failed for {name}: {error}")
        }
        (MeterFault::Template(_) | MeterFault::Secret { .. } | MeterFault::Provider { .. }, _) => {
            format!("Metric template {template} {fault}")
        }
        (MeterFault::Knative(error), _) => {
            format!("Error fetching Knative service {}/{} {error}", plan.namespace, plan.target)
        }
        (MeterFault::Render(error), _) => format!("Metric template {template} query render error: {error}"),
    }
}

fn out_of_bounds(plan: &Plan, canary: &str, check: usize, value: f64) -> String {
    let Some(plan_check) = plan.checks.get(check) else { return String::new() };
    let (sign, bound) = plan_check.bounds.broken_by(value).unwrap_or(('>', Bounds::default().max.unwrap_or_default()));
    match plan_check.source {
        Source::SuccessRate => {
            format!("Halt {canary} advancement success rate {}% {sign} {}%", fixed(value), Float(bound))
        }
        Source::Duration => {
            format!("Halt {canary} advancement request duration {} {sign} {}", millis(value), millis(bound))
        }
        Source::Query | Source::Template { .. } | Source::Unusable => {
            format!("Halt {canary} advancement {} {} {sign} {}", plan_check.name, fixed(value), Float(bound))
        }
    }
}

fn millis(value: f64) -> String {
    api::duration::format(Duration::from_secs_f64((value / 1000.0).clamp(0.0, 1e12)))
}

/// A float with two digits, as Go's `%.2f` prints it.
fn fixed(value: f64) -> String {
    if value.is_finite() { format!("{value:.2}") } else { Float(value).to_string() }
}

/// A float as Go's `%v` prints it: shortest digits that round-trip, exponents from 21 digits on.
struct Float(f64);

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = *self;
        if value.is_infinite() {
            return f.write_str(if value < 0.0 { "-Inf" } else { "+Inf" });
        }
        if value != 0.0 && !(1e-4..1e21).contains(&value.abs()) {
            let text = format!("{value:e}");
            let Some((digits, exponent)) = text.split_once('e') else { return f.write_str(&text) };
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            return write!(f, "{digits}e{sign}{exponent:0>2}");
        }
        write!(f, "{value}")
    }
}

/// Something that an alert says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the sentences of `Alert::text`, which says them in full")]
pub enum Alert {
    Initialized,
    Started,
    Promoted,
    PromotedUnanalysed,
    AwaitingApproval,
    AwaitingPromotion,
    AwaitingIncrease,
    ManualRollback,
    ThresholdReached(i32),
    FirstStepFailed(i32),
    DeadlineExceeded(String),
    StoppedServing(String),
    PromotionFailed(String),
    Stuck { still: Duration },
}

impl Alert {
    /// How grave it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Initialized | Self::Started | Self::Promoted | Self::PromotedUnanalysed => Severity::Info,
            Self::AwaitingApproval
            | Self::AwaitingPromotion
            | Self::AwaitingIncrease
            | Self::ManualRollback
            | Self::Stuck { .. } => Severity::Warn,
            Self::ThresholdReached(_)
            | Self::FirstStepFailed(_)
            | Self::DeadlineExceeded(_)
            | Self::StoppedServing(_)
            | Self::PromotionFailed(_) => Severity::Error,
        }
    }

    /// The sentence.
    pub fn text(&self, plan: &Plan) -> String {
        match self {
            Self::Initialized => format!("New {} detected, initialization completed.", plan.kind),
            Self::Started => "New revision detected, progressing canary analysis.".into(),
            Self::Promoted => "Canary analysis completed successfully, promotion finished.".into(),
            Self::PromotedUnanalysed => "Canary analysis was skipped, promotion finished.".into(),
            Self::AwaitingApproval => "Canary is waiting for approval.".into(),
            Self::AwaitingPromotion => "Canary promotion is waiting for approval.".into(),
            Self::AwaitingIncrease => "Canary traffic increase is waiting for approval.".into(),
            Self::ManualRollback => "Rolling back manual webhook invoked".into(),
            Self::ThresholdReached(failed) => format!("Failed checks threshold reached {failed}"),
            Self::FirstStepFailed(failed) => format!("Failed check {failed}/{} at the first step", plan.threshold),
            Self::DeadlineExceeded(reason) => format!("Progress deadline exceeded {reason}"),
            Self::StoppedServing(reason) => format!("Canary stopped serving {reason}"),
            Self::PromotionFailed(reason) => format!("Promotion failed, primary not ready: {reason}"),
            Self::Stuck { still } => format!("Canary has taken no step for {}", api::duration::format(*still)),
        }
    }

    /// Whether the fields of [`fields`] go with it.
    pub fn has_fields(&self) -> bool {
        matches!(self, Self::Initialized | Self::Started)
    }
}

/// The facts that go with an alert about a new workload or revision, in order.
pub fn fields(plan: &Plan) -> Vec<(&'static str, String)> {
    let routing = match plan.strategy {
        Strategy::AbTesting { .. } => Some("A/B Testing".to_owned()),
        Strategy::BlueGreen { .. } => Some("Blue/Green".to_owned()),
        Strategy::Canary => plan.ladder.describe(),
    };
    let mut fields = vec![
        ("Target", format!("{}/{}.{}", plan.kind, plan.target, plan.namespace)),
        ("Failed checks threshold", plan.threshold.to_string()),
        ("Progress deadline", format!("{}s", plan.progress_deadline.as_secs())),
    ];
    fields.extend(routing.map(|routing| ("Traffic routing", routing)));
    fields
}

/// Status and message of the condition `Promoted` in a phase, for a target of this kind.
pub fn condition(phase: Phase, kind: &str) -> (&'static str, String) {
    match phase {
        Phase::New | Phase::Initializing => ("Unknown", format!("New {kind} detected, starting initialization.")),
        Phase::Initialized => ("True", format!("{kind} initialization completed.")),
        Phase::Waiting | Phase::WaitingPromotion => ("Unknown", "Waiting for approval.".into()),
        Phase::Progressing => ("Unknown", "New revision detected, progressing canary analysis.".into()),
        Phase::Promoting => ("Unknown", "Canary analysis completed, starting primary rolling update.".into()),
        Phase::Finalising => ("Unknown", "Canary analysis completed, routing all traffic to primary.".into()),
        Phase::Succeeded => ("True", "Canary analysis completed successfully, promotion finished.".into()),
        Phase::Failed => ("False", format!("Canary analysis failed, {kind} scaled to zero.")),
        Phase::Terminating | Phase::Terminated => ("Unknown", format!("{kind} is being released from the canary.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_values_have_two_digits_unless_they_are_without_bound() {
        let printed = [99.456, 0.0, f64::INFINITY, f64::NEG_INFINITY].map(fixed);
        assert_eq!(printed, ["99.46", "0.00", "+Inf", "-Inf"]);
    }

    #[test]
    fn floats_print_as_users_wrote_them() {
        let printed = [99.0, 99.5, 0.0, 0.1, 1e6, 1e21, 1e-5].map(|value| Float(value).to_string());
        assert_eq!(printed, ["99", "99.5", "0", "0.1", "1000000", "1e+21", "1e-05"]);
    }
}
