//! What scales a target, and its copy that scales the primary.

mod hpa;
mod keda;

use std::fmt::Debug;

use ports::{Change, Halt, Seen};

use crate::{Context, Error};

/// One kind of autoscaler.
pub trait Autoscaler: Debug + Sync {
    /// The kind, as `spec.autoscalerRef.kind` names it.
    fn kind(&self) -> &'static str;

    /// Creates the primary's autoscaler as a copy of the target's; brings it up to date when it exists and `upkeep` says so.
    fn primary(&self, cx: &Context<'_>, seen: &Seen, upkeep: Upkeep) -> Result<Vec<Change>, Halt<Error>>;

    /// The replicas that a starting target needs, if the autoscaler says; one that is missing says nothing.
    fn floor(&self, cx: &Context<'_>, seen: &Seen) -> Result<Option<i64>, Halt<Error>>;

    /// Keeps the autoscaler from starting a target that is scaled to zero.
    fn pause(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>>;

    /// Undoes [`Autoscaler::pause`] for a run.
    fn resume(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>>;
}

/// How far a look at the primary's autoscaler goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// Create what is missing: between promotions the primary keeps the autoscaling that it was promoted with.
    Create,
    /// Also update what differs: part of a promotion.
    Update,
}

/// All kinds of autoscalers.
pub fn all() -> [&'static dyn Autoscaler; 2] {
    [&hpa::HorizontalPodAutoscaler, &keda::ScaledObject]
}

/// What takes care of the canary's autoscaler, `None` when it names none.
pub fn find(cx: &Context<'_>) -> Result<Option<&'static dyn Autoscaler>, Error> {
    let Some(reference) = &cx.canary.spec.autoscaler_ref else { return Ok(None) };
    match all().into_iter().find(|autoscaler| autoscaler.kind() == reference.kind) {
        Some(autoscaler) => Ok(Some(autoscaler)),
        None => Err(Error::Unavailable {
            field: "spec.autoscalerRef.kind",
            value: reference.kind.clone(),
            available: all().map(Autoscaler::kind).join(", "),
        }),
    }
}
