//! What the spec means: defaults filled in, strategy and names derived, everything validated. Below this file nothing is
//! optional that has a default.

use std::time::Duration;

use api::{BuiltIn, Canary, CanaryMetric, HookType, OnFailedCheck, SessionAffinity};

use crate::traffic::Split;
use crate::words::Sentence;

/// What the operator was told that matters for a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Provider of canaries that name none (`-mesh-provider`).
    pub provider: String,
    /// Whether references into other namespaces are refused (`-no-cross-namespace-refs`).
    pub no_cross_namespace_refs: bool,
}

/// A canary as the decision needs it.
#[expect(clippy::struct_excessive_bools, reason = "they are switches of the spec, independent of each other")]
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Name of the canary.
    pub name: String,
    /// Namespace of the canary and everything it follows.
    pub namespace: String,
    /// What tells it from others of its name, before and after.
    pub uid: String,
    /// Kind of the target workload.
    pub kind: String,
    /// Name of the target workload.
    pub target: String,
    /// Mesh, gateway or ingress that carries the traffic.
    pub provider: String,
    /// What the provider can do with traffic.
    pub traffic: Traffic,
    /// Time between two analysis steps, at least ten seconds.
    pub interval: Duration,
    /// Failed checks that cause a rollback, at least 1.
    pub threshold: i32,
    /// How a run goes.
    pub strategy: Strategy,
    /// The weights of a run.
    pub ladder: Ladder,
    /// What a failed check does to the canary's share.
    pub on_failed_check: OnFailedCheck,
    /// Percentage points by which traffic goes back to the primary in a promotion; 0 is all at once.
    pub step_weight_promotion: u8,
    /// Whether requests are mirrored before (canary) or while (Blue/Green) the canary is analysed.
    pub mirror: bool,
    /// The cookies that keep users on their side, where the strategy shares them out.
    pub affinity: Option<SessionAffinity>,
    /// Whether runs go without analysis.
    pub skip_analysis: bool,
    /// Whether nothing is done at all.
    pub suspend: bool,
    /// Whether the target gets everything back when the canary is deleted.
    pub revert_on_deletion: bool,
    /// Whether an autoscaler is attached to the target.
    pub autoscaled: bool,
    /// Time after which a workload that makes no progress counts as broken.
    pub progress_deadline: Duration,
    /// Webhooks in the order of the spec.
    pub hooks: Vec<Hook>,
    /// Metric checks in the order of evaluation.
    pub checks: Vec<Check>,
    /// What the user is told at each analysis step about settings that the provider can't honour.
    pub notes: Vec<Sentence>,
}

/// What a provider can do with traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// It moves shares of the requests.
    Weighted,
    /// It has no routes at all: the apex service points at the primary, always.
    Unrouted,
}

/// How a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Traffic grows step by step.
    Canary,
    /// The canary is checked a number of times before it gets all traffic.
    BlueGreen {
        /// How many times.
        iterations: i32,
    },
    /// Requests that match a condition go to the canary, for a number of checks.
    AbTesting {
        /// How many.
        iterations: i32,
    },
}

impl Strategy {
    /// Number of iterations, 0 for a strategy without.
    pub fn iterations(self) -> i32 {
        match self {
            Self::Canary => 0,
            Self::BlueGreen { iterations } | Self::AbTesting { iterations } => iterations,
        }
    }

    /// Its name as metric labels have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::BlueGreen { .. } => "blue-green",
            Self::AbTesting { .. } => "ab-testing",
        }
    }
}

/// The weights that a canary climbs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// Percentage points added at each step; 0 when `steps` has the weights.
    step: u8,
    /// The weights one by one.
    steps: Vec<u8>,
    /// `maxWeight` as written, 0 when absent.
    max: u8,
}

impl Ladder {
    /// A ladder of equal steps up to `max` percent, where 0 means 100.
    pub fn equal(step: u8, max: u8) -> Self {
        Self { step, steps: Vec::new(), max }
    }

    /// A ladder of these weights.
    pub fn of(steps: impl Into<Vec<u8>>) -> Self {
        Self { step: 0, steps: steps.into(), max: 0 }
    }

    /// The weight at which promotion starts.
    pub fn top(&self) -> u8 {
        match self.steps.last() {
            Some(last) => (*last).min(100),
            None if 0 < self.max => self.max.min(100),
            None => 100,
        }
    }

    /// The split after one with this canary weight; `None` at the top, or when the spec has no step at all.
    ///
    /// Quirk: equal steps are not clamped to the top, so 30 after 30 with a top of 50 is 60, as in the reference; the test
    /// `equal_steps_may_pass_the_top` pins it.
    pub fn next(&self, weight: u8) -> Option<Split> {
        if self.top() <= weight {
            return None;
        }
        if 0 < self.step {
            return Some(Split::canary(weight.saturating_add(self.step)));
        }
        self.steps.iter().find(|step| weight < **step).map(|step| Split::canary(*step))
    }

    /// The split one step below this canary weight.
    pub fn back(&self, weight: u8) -> Split {
        let below = match self.step {
            0 => self.steps.iter().copied().filter(|step| *step < weight).max().unwrap_or_default(),
            step => weight.saturating_sub(step),
        };
        Split::canary(below)
    }

    /// Whether there is any step to take.
    pub fn has_steps(&self) -> bool {
        0 < self.step || !self.steps.is_empty()
    }

    /// What an alert says about it.
    pub(crate) fn describe(&self) -> Option<String> {
        let max = self.max;
        if 0 < self.step {
            return Some(format!("Weight step: {} max: {max}", self.step));
        }
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        (!steps.is_empty()).then(|| format!("Weight steps: {} max: {max}", steps.join(",")))
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its name in events.
    pub name: String,
    /// When it is called.
    pub kind: HookType,
    /// Whether a closed gate alerts nobody.
    pub mute_alert: bool,
}

/// A metric check.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Name of the metric.
    pub name: String,
    /// Index of the metric in the spec.
    pub metric: usize,
    /// Where the reading comes from.
    pub source: Source,
    /// What is acceptable.
    pub bounds: Bounds,
}

/// Where a reading comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The built-in `request-success-rate`, in percent.
    SuccessRate,
    /// The built-in `request-duration`, in milliseconds.
    Duration,
    /// A query in the spec.
    Query,
    /// A metric template.
    Template {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// Nothing: neither a built-in name, nor a query, nor a template.
    Unusable,
}

/// An inclusive range of acceptable readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// Smallest acceptable reading.
    pub min: Option<f64>,
    /// Largest acceptable reading.
    pub max: Option<f64>,
}

impl Bounds {
    /// The bound that `value` breaks and the sign between the two: `<` below the least, `>` above the most.
    pub fn broken_by(&self, value: f64) -> Option<(char, f64)> {
        let below = self.min.filter(|min| value < *min).map(|min| ('<', min));
        below.or_else(|| self.max.filter(|max| *max < value).map(|max| ('>', max)))
    }
}

impl Plan {
    /// What this canary means.
    ///
    /// # Errors
    /// Every rule that the canary breaks, each naming its field.
    pub fn of(canary: &Canary, settings: &Settings) -> Result<Self, Vec<api::Invalid>> {
        let rules = api::Rules {
            no_cross_namespace_refs: settings.no_cross_namespace_refs,
            default_provider: settings.provider.clone(),
        };
        let invalid = api::validate(canary, &rules);
        if !invalid.is_empty() {
            return Err(invalid);
        }
        Ok(Self::as_written(canary, settings))
    }

    /// What this canary means, whatever rules it breaks: for one that is being deleted, which must not be stuck because of
    /// them.
    pub fn as_written(canary: &Canary, settings: &Settings) -> Self {
        let spec = &canary.spec;
        let analysis = &spec.analysis;
        let provider = spec.provider.clone().unwrap_or_else(|| settings.provider.clone());
        let traffic = match provider.as_str() {
            "kubernetes" if !spec.splits_by_replicas(&provider) => Traffic::Unrouted,
            _ => Traffic::Weighted,
        };
        let (strategy, mut notes) = strategy(analysis, traffic);
        if spec.splits_by_replicas(&provider) && !analysis.match_.is_empty() {
            notes.push(Sentence::MatchUnsupported);
        }
        let namespace = canary.metadata.namespace.clone().unwrap_or_default();
        Self {
            name: canary.metadata.name.clone().unwrap_or_default(),
            uid: canary.metadata.uid.clone().unwrap_or_default(),
            kind: spec.target_ref.kind.clone(),
            target: spec.target_ref.name.clone(),
            traffic,
            interval: interval(&analysis.interval),
            threshold: analysis.threshold.max(1),
            strategy,
            ladder: Ladder {
                step: percent(analysis.step_weight),
                steps: analysis.step_weights.iter().copied().map(percent).collect(),
                max: percent(analysis.max_weight),
            },
            on_failed_check: analysis.on_failed_check,
            step_weight_promotion: percent(analysis.step_weight_promotion),
            mirror: analysis.mirror && provider != "kubernetes",
            affinity: analysis.session_affinity.clone().filter(|_| analysis.match_.is_empty()),
            skip_analysis: spec.skip_analysis,
            suspend: spec.suspend,
            revert_on_deletion: spec.revert_on_deletion,
            autoscaled: spec.autoscaler_ref.is_some(),
            progress_deadline: Duration::from_secs(
                spec.progress_deadline_seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(600),
            ),
            hooks: analysis
                .webhooks
                .iter()
                .map(|hook| Hook { name: hook.name.clone(), kind: hook.type_, mute_alert: hook.mute_alert })
                .collect(),
            checks: checks(&analysis.metrics, &namespace),
            notes,
            namespace,
            provider,
        }
    }

    pub(crate) fn hook_name(&self, hook: usize) -> &str {
        self.hooks.get(hook).map_or("", |hook| &hook.name)
    }

    pub(crate) fn hook_type(&self, hook: usize) -> HookType {
        self.hooks.get(hook).map_or(HookType::Rollout, |hook| hook.kind)
    }

    pub(crate) fn check_name(&self, check: usize) -> &str {
        self.checks.get(check).map_or("", |check| &check.name)
    }

    pub(crate) fn check_source(&self, check: usize) -> &Source {
        self.checks.get(check).map_or(&Source::Unusable, |check| &check.source)
    }
}

/// Iterations of a canary that must go without weights and names none.
const ITERATIONS_ASSUMED: i32 = 10;

fn strategy(analysis: &api::Analysis, traffic: Traffic) -> (Strategy, Vec<Sentence>) {
    let iterations = analysis.iterations;
    let matching = !analysis.match_.is_empty();
    match traffic {
        Traffic::Weighted if iterations <= 0 => (Strategy::Canary, Vec::new()),
        Traffic::Weighted if matching => (Strategy::AbTesting { iterations }, Vec::new()),
        Traffic::Weighted => (Strategy::BlueGreen { iterations }, Vec::new()),
        Traffic::Unrouted => {
            let mut notes = Vec::new();
            if matching {
                notes.push(Sentence::MatchUnsupported);
            }
            if 0 < iterations {
                return (Strategy::BlueGreen { iterations }, notes);
            }
            notes.extend([Sentence::WeightsUnsupported, Sentence::IterationsAssumed]);
            (Strategy::BlueGreen { iterations: ITERATIONS_ASSUMED }, notes)
        }
    }
}

/// Built-in checks and inline queries come first, templates after them, both in the order of the spec.
fn checks(metrics: &[CanaryMetric], namespace: &str) -> Vec<Check> {
    let check = |(index, metric): (usize, &CanaryMetric), source: Source| Check {
        name: metric.name.clone(),
        metric: index,
        bounds: bounds(metric, &source),
        source,
    };
    let mut first = Vec::new();
    let mut second = Vec::new();
    for entry @ (_, metric) in metrics.iter().enumerate() {
        let builtin = metric.built_in().map(|built_in| match built_in {
            BuiltIn::SuccessRate => Source::SuccessRate,
            BuiltIn::Duration => Source::Duration,
        });
        if builtin.is_none() && metric.query.is_none() && metric.template_ref.is_none() {
            first.push(check(entry, Source::Unusable));
        }
        first.extend(builtin.map(|source| check(entry, source)));
        if metric.query.is_some() {
            first.push(check(entry, Source::Query));
        }
        if let Some(template) = &metric.template_ref {
            let namespace = template.namespace.clone().unwrap_or_else(|| namespace.to_owned());
            second.push(check(entry, Source::Template { name: template.name.clone(), namespace }));
        }
    }
    first.append(&mut second);
    first
}

fn bounds(metric: &CanaryMetric, source: &Source) -> Bounds {
    let written = match (&metric.threshold_range, source) {
        (Some(range), _) => Bounds { min: range.min, max: range.max },
        (None, Source::SuccessRate) => Bounds { min: Some(metric.threshold.unwrap_or_default()), max: None },
        (None, _) => Bounds { min: None, max: Some(metric.threshold.unwrap_or_default()) },
    };
    match source {
        // The reading is in whole milliseconds, and so are its bounds.
        Source::Duration => Bounds { min: written.min.map(f64::trunc), max: written.max.map(f64::trunc) },
        Source::SuccessRate | Source::Query | Source::Template { .. } | Source::Unusable => written,
    }
}

/// Shortest and assumed time between two steps.
const INTERVAL_MIN: Duration = Duration::from_secs(10);
const INTERVAL_ASSUMED: Duration = Duration::from_secs(60);

/// Time between two steps, from what `analysis.interval` says.
pub fn interval(written: &str) -> Duration {
    api::duration::parse(written).unwrap_or(INTERVAL_ASSUMED).max(INTERVAL_MIN)
}

fn percent(written: i32) -> u8 {
    u8::try_from(written.clamp(0, 100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climb(ladder: &Ladder) -> Vec<u8> {
        std::iter::successors(Some(0), |weight| ladder.next(*weight).map(Split::canary_weight)).skip(1).collect()
    }

    #[test]
    fn equal_steps_climb_to_the_top() {
        assert_eq!(climb(&Ladder::equal(10, 50)), [10, 20, 30, 40, 50]);
        assert_eq!(climb(&Ladder::equal(40, 0)), [40, 80, 100]);
    }

    #[test]
    fn equal_steps_may_pass_the_top() {
        assert_eq!(climb(&Ladder::equal(30, 50)), [30, 60]);
    }

    #[test]
    fn listed_steps_are_taken_one_by_one_and_capped() {
        assert_eq!(climb(&Ladder::of([1, 2, 10, 80])), [1, 2, 10, 80]);
        assert_eq!(climb(&Ladder::of([1, 2, 10, 200])), [1, 2, 10, 100]);
    }

    #[test]
    fn a_ladder_is_climbed_down_by_the_same_steps() {
        let descend = |ladder: &Ladder, from: u8| -> Vec<u8> {
            let down = |weight: &u8| (0 < *weight).then(|| ladder.back(*weight).canary_weight());
            std::iter::successors(Some(from), down).skip(1).collect()
        };
        assert_eq!(descend(&Ladder::equal(20, 50), 50), [30, 10, 0]);
        assert_eq!(descend(&Ladder::of([1, 10, 80]), 80), [10, 1, 0]);
        assert_eq!(descend(&Ladder::of([10, 20]), 15), [10, 0]);
    }

    #[test]
    fn degenerate_ladders_never_get_stuck() {
        assert_eq!(climb(&Ladder::of([0, 5, 5, 3, 20])), [5, 20]);
        assert_eq!(Ladder::default().next(0), None);
    }

    #[test]
    fn a_ladder_goes_on_from_a_weight_that_somebody_else_set() {
        assert_eq!(Ladder::of([10, 20, 50]).next(15).map(Split::canary_weight), Some(20));
    }

    #[test]
    fn bounds_are_inclusive() {
        let bounds = Bounds { min: Some(1.0), max: Some(2.0) };
        assert_eq!(
            [0.9, 1.0, 2.0, 2.1].map(|value| bounds.broken_by(value)),
            [Some(('<', 1.0)), None, None, Some(('>', 2.0))]
        );
    }
}
