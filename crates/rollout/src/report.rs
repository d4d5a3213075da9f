//! Why a tick did what it did.

use std::time::Duration;

use api::CanaryStatus;

use crate::effect::Side;
use crate::traffic::Split;

/// The end of a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Over {
    /// The status as it was last stored.
    pub status: CanaryStatus,
    /// Why the tick ended where it did.
    pub ending: Ending,
    /// When to look again.
    pub wake: Wake,
    /// After how long to ask again in between, where people or pods are waited for, see [`crate::pace::POLL`].
    pub poll: Option<Duration>,
}

/// When a canary is looked at again, at the latest; a change of anything it depends on wakes it earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// At the time that was planned before this tick.
    Keep,
    /// After this long, counted from this tick's due time.
    After(Duration),
    /// When something changes.
    OnChange,
}

/// Why a tick ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// `spec.suspend` is set.
    Suspended,
    /// An older canary has the same target.
    Yielded {
        /// Its name.
        to: String,
    },
    /// The primary is not there yet.
    Initializing {
        /// What is missing.
        reason: String,
    },
    /// Everything is in place for the first release.
    Initialized,
    /// The target is what was last seen: nothing to release.
    Unchanged,
    /// The revision that waited for its approval is gone again: nothing to release.
    Withdrawn,
    /// A hook holds the start.
    AwaitingApproval {
        /// Name of the hook.
        hook: String,
    },
    /// A run began.
    Started,
    /// The run began again, for a newer revision.
    Restarted,
    /// A side can't serve yet.
    NotReady {
        /// Which one.
        side: Side,
        /// What is missing.
        reason: String,
    },
    /// The analysis interval is not over.
    Pacing,
    /// A check failed, or a hook refused, and was counted.
    CheckFailed {
        /// Failed checks of this run, this one included.
        failed: i32,
    },
    /// A check failed and was counted, and the canary's share went back by a step.
    SteppedBack {
        /// To this split.
        split: Split,
        /// Failed checks of this run, this one included.
        failed: i32,
    },
    /// A hook holds the next traffic increase.
    AwaitingIncrease {
        /// Name of the hook.
        hook: String,
    },
    /// A hook holds the promotion.
    AwaitingPromotion {
        /// Name of the hook.
        hook: String,
    },
    /// Traffic moved.
    Advanced {
        /// To this split.
        split: Split,
    },
    /// An iteration of the analysis passed.
    Iterated {
        /// Iterations so far.
        iteration: i32,
    },
    /// There is no step to take: the spec has none.
    Stepless,
    /// The primary is getting the new revision.
    Promoting,
    /// All traffic is on the promoted primary; the canary goes next.
    Finalising,
    /// The release is finished.
    Promoted {
        /// Whether it went without analysis.
        skipped: bool,
    },
    /// All traffic is back on the primary.
    RolledBack {
        /// What caused it.
        cause: Cause,
    },
    /// The primary did not get up with the new revision; the canary keeps serving.
    PromotionFailed {
        /// What is missing.
        reason: String,
    },
    /// The target has all traffic; proxies get time to hear of it before the primary goes.
    Terminating,
    /// The canary that is being deleted was let go.
    Terminated,
    /// An effect failed; the tick will be tried again.
    Faulted {
        /// What failed.
        reason: String,
    },
}

impl Ending {
    /// Whether a run ended with this tick.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Promoted { .. } | Self::RolledBack { .. } | Self::PromotionFailed { .. })
    }
}

/// What caused a rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// As many checks failed as the threshold allows.
    Threshold {
        /// Failed checks.
        failed: i32,
    },
    /// A check failed at the first step, below which there is none to go back to.
    FirstStep {
        /// Failed checks.
        failed: i32,
    },
    /// A side did not get ready within its deadline.
    Deadline {
        /// What is missing.
        reason: String,
    },
    /// The canary had traffic, and nothing of it serves any more.
    Broken {
        /// What is wrong with it.
        reason: String,
    },
    /// A rollback hook asked for it.
    Hook {
        /// Name of the hook.
        hook: String,
    },
}
