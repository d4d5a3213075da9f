//! Everything that can be asked of the world, and what can come back.

use std::collections::BTreeMap;

use api::{CanaryStatus, Phase};
use jiff::Timestamp;

use crate::traffic::Split;
use crate::words::{Alert, MeterFault, Sentence};

/// One thing that a tick asks of the world. All are safe to repeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Look at the workload that the canary follows. Answer: [`Outcome::Target`].
    ReadTarget,
    /// Have the services of the two sides as the spec wants them.
    EnsureServices,
    /// Have a primary workload; an existing one is left as it is. Answer: [`Outcome::Made`] when it was made just now, of what
    /// the target was read as, or [`Outcome::Done`].
    EnsurePrimary,
    /// Have a primary autoscaler; an existing one follows the target's only when `update` is set.
    EnsureScaler {
        /// Whether an existing primary autoscaler is brought up to date, as happens with a promotion.
        update: bool,
    },
    /// Have the apex service point at the primary.
    EnsureApex,
    /// Have the routing objects as the spec wants them, weights kept.
    EnsureRoutes,
    /// See whether the metric providers of this canary answer. Answer: [`Outcome::Done`], [`Outcome::Missing`], or that it
    /// failed.
    CheckMeters,
    /// Ask whether a side can serve. Answer: [`Outcome::Ready`].
    CheckReady(Side),
    /// Read the split back from the routing objects. Answer: [`Outcome::Split`].
    ReadSplit,
    /// Write the split into the routing objects.
    SetSplit(Split),
    /// Scale the target workload.
    ScaleTarget(Scale),
    /// Copy the target to the primary, provided that its revision still is this one.
    ///
    /// Answer: [`Outcome::Done`] when the primary carries the revision, [`Outcome::Moved`] when the target has another one by
    /// now and the primary does not carry this one.
    Promote {
        /// The revision that was analysed.
        revision: String,
    },
    /// Call the hook with this index in [`crate::Plan::hooks`]. Answer: [`Outcome::Done`] or [`Outcome::Refused`].
    CallHook {
        /// Index into the plan's hooks.
        hook: usize,
        /// The phase that the hook is told.
        phase: Phase,
    },
    /// Take the reading for the check with this index in [`crate::Plan::checks`]. Answer: [`Outcome::Measured`].
    Measure(usize),
    /// Tell the user, as an event.
    Say(Sentence),
    /// Tell the people who are on call.
    Alert(Alert),
    /// Have the finalizer on the canary, so that it can't go before its target has everything back.
    Hold,
    /// Take the finalizer off the canary.
    LetGo,
    /// Point what is the user's of services and routes at the target again, as it was before there was a canary.
    GiveBackTraffic,
    /// Store the status.
    Save(Box<CanaryStatus>),
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It was not there, and is now.
    Made,
    /// What the workload looks like.
    Target(Box<Target>),
    /// Whether a side can serve.
    Ready(Readiness),
    /// How requests are shared now.
    Split(Split),
    /// What a metric provider said.
    Measured(Measured),
    /// A hook answered no, or did not answer; why.
    Refused(String),
    /// The target has another revision than the one to promote.
    Moved,
    /// There is no target any more.
    Gone,
    /// Something that the spec names is not there, or of no use; what, as the user reads it.
    Missing(String),
    /// It could not be done; the reason as the user reads it.
    Failed(String),
}

/// One asked and answered effect of a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What was asked.
    pub effect: Effect,
    /// What came back.
    pub outcome: Outcome,
    /// When it came back.
    pub at: Timestamp,
}

/// One of the two workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The workload that serves everybody.
    Primary,
    /// The workload with the new revision: the target.
    Canary,
}

/// Where to scale the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// To nothing.
    Zero,
    /// To what its spec, its autoscaler or the primary asks for.
    Up,
    /// To what the primary runs with, to take its place. Answer: [`Outcome::Gone`] when there is no target any more.
    Restored,
}

/// The facts about the target that a tick decides on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Hash of what makes a revision; equal hashes are equal revisions.
    pub revision: String,
    /// Checksums of the configs it refers to, by `configmap/NAME` and `secret/NAME`; `None` when they are not tracked.
    pub configs: Option<BTreeMap<String, String>>,
    /// Whether it is scaled to zero on purpose, so that none of its pods can be expected.
    pub parked: bool,
    /// How it stands to its primary where the status, being Flagger's (Go), can't tell.
    pub foreign: Option<Foreign>,
}

/// What there is of Flagger's (Go) in a status, and what the workloads say in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    /// The revision last seen has a hash of Flagger's.
    pub applied: bool,
    /// The revision last promoted has one.
    pub promoted: bool,
    /// The primary carries what the target has now.
    pub carried: bool,
}

/// Whether a side can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// All that its threshold asks for is available.
    Ready,
    /// Something is missing.
    NotReady {
        /// What, as the user reads it.
        reason: String,
        /// Whether waiting may help; `false` once the progress deadline is over.
        retriable: bool,
        /// Whether at least one of its pods is available, so that it serves some traffic.
        serving: bool,
        /// Whether a pod can't start or keeps crashing, as far as one can see.
        broken: bool,
    },
}

impl Readiness {
    /// Whether the side serves traffic, with all of its pods or some.
    pub fn serves(&self) -> bool {
        matches!(self, Self::Ready | Self::NotReady { serving: true, .. })
    }
}

/// What a metric provider said.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// A number: percent for the success rate, milliseconds for the duration, as it is for all others.
    Value(f64),
    /// The query has no answer; why.
    NoData(String),
    /// The query could not be made or answered.
    Fault(MeterFault),
}
