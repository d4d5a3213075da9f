//! Statuses that Flagger (Go) left behind.
//!
//! Its hashes say nothing to us, so a status that has one can't tell whether the target is a new revision. What can tell is
//! the primary: it carries what was promoted last.

use ports::Halt;

use crate::{Context, Error, revision};

/// What there is of Flagger's (Go) in a status, and what the workloads say in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// `lastAppliedSpec` is a hash of Flagger's.
    pub applied: bool,
    /// `lastPromotedSpec` is one.
    pub promoted: bool,
    /// The primary carries what the target has now. One that is not there will be made from the target, so it does.
    pub carried: bool,
}

/// What of the canary's status is foreign, if anything; only then `carried` is asked.
pub(crate) fn of(
    cx: &Context<'_>,
    carried: impl FnOnce() -> Result<bool, Halt<Error>>,
) -> Result<Option<Foreign>, Halt<Error>> {
    let Some(status) = &cx.canary.status else { return Ok(None) };
    let applied = revision::is_foreign(&status.last_applied_spec);
    let promoted = revision::is_foreign(&status.last_promoted_spec);
    if applied || promoted { Ok(Some(Foreign { applied, promoted, carried: carried()? })) } else { Ok(None) }
}
