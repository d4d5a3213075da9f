//! Where a canary is in its life.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Phase of a canary: what is true now, and what comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Phase {
    /// The operator has not begun with this canary; nothing is generated yet.
    /// Next: [`Phase::Initializing`].
    #[default]
    #[serde(rename = "")]
    New,
    /// The primary is being created from the target, and is not ready to take the traffic yet.
    /// Next: [`Phase::Initialized`].
    Initializing,
    /// The primary takes all traffic and the target is scaled to zero; no release has happened yet.
    /// Next: [`Phase::Progressing`] on a new revision, or [`Phase::Waiting`] when a gate has to open first.
    Initialized,
    /// A new revision is there, and a `confirm-rollout` gate is closed; the primary takes all traffic.
    /// Next: [`Phase::Progressing`] once the gate opens.
    Waiting,
    /// The canary runs the new revision and is analysed, at a growing share of the traffic.
    /// Next: [`Phase::Promoting`], [`Phase::WaitingPromotion`], or [`Phase::Failed`].
    Progressing,
    /// The analysis is passed, and a `confirm-promotion` gate is closed; traffic stays where it is.
    /// Next: [`Phase::Promoting`] once the gate opens, or [`Phase::Failed`].
    WaitingPromotion,
    /// The new revision is copied to the primary, which rolls while the canary serves.
    /// Next: [`Phase::Finalising`] once all traffic is back at the primary, or [`Phase::Failed`].
    Promoting,
    /// The primary runs the new revision and takes all traffic; the canary is not scaled down yet.
    /// Next: [`Phase::Succeeded`].
    Finalising,
    /// The release is done: the primary runs the new revision and the canary is scaled to zero.
    /// Next: [`Phase::Progressing`] or [`Phase::Waiting`] on a new revision.
    Succeeded,
    /// The release was rolled back: the primary runs the old revision and the canary is scaled to zero.
    /// Next: [`Phase::Progressing`] or [`Phase::Waiting`] on a new revision.
    Failed,
    /// The canary is being deleted, and the target is given back what was taken from it.
    /// Next: the object is gone.
    Terminating,
    /// Part of the published schema; no version of the operator writes it.
    Terminated,
}

impl Phase {
    /// Every phase, in the order of a release.
    pub const ALL: [Self; 12] = [
        Self::New,
        Self::Initializing,
        Self::Initialized,
        Self::Waiting,
        Self::Progressing,
        Self::WaitingPromotion,
        Self::Promoting,
        Self::Finalising,
        Self::Succeeded,
        Self::Failed,
        Self::Terminating,
        Self::Terminated,
    ];

    /// The phase as `.status.phase` holds it, empty for [`Phase::New`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "",
            Self::Initializing => "Initializing",
            Self::Initialized => "Initialized",
            Self::Waiting => "Waiting",
            Self::Progressing => "Progressing",
            Self::WaitingPromotion => "WaitingPromotion",
            Self::Promoting => "Promoting",
            Self::Finalising => "Finalising",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
            Self::Terminated => "Terminated",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_phase_is_written_and_read_as_its_name() {
        for phase in Phase::ALL {
            assert_eq!(json!(phase), json!(phase.as_str()));
            assert_eq!(serde_json::from_value::<Phase>(json!(phase.as_str())).unwrap(), phase);
        }
    }
}
