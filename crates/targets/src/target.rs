//! What every kind of workload can be asked.

use std::fmt::Debug;

use api::TargetRef;
use jiff::Timestamp;
use ports::{Change, Halt, Port, Seen};

use crate::configs::Reference;
use crate::daemonset::DaemonSet;
use crate::deployment::Deployment;
use crate::foreign::Foreign;
use crate::knative::Knative;
use crate::service::Service;
use crate::{Context, Error};

/// One kind of workload that can be released.
///
/// *Guarantees.* Every answer is safe to repeat: once the changes are made, the same question returns none.
/// A halt with [`Halt::Need`] has no effect; look and ask again.
pub trait Target: Debug + Sync {
    /// The kind, as `spec.targetRef.kind` names it.
    fn kind(&self) -> &'static str;

    /// Whether it takes care of what a canary refers to like this.
    fn follows(&self, target: &TargetRef) -> bool {
        target.kind == self.kind()
    }

    /// What routing and the decision have to know about the target.
    fn facts(&self, cx: &Context<'_>, seen: &Seen) -> Result<Facts, Halt<Error>>;

    /// Creates the primary as a copy of the target, or does nothing when it exists: promotion alone changes it.
    ///
    /// `flagger_id` marks the primary's pods.
    fn primary(&self, cx: &Context<'_>, seen: &Seen, flagger_id: &str) -> Result<Vec<Change>, Halt<Error>>;

    /// Whether one side can take the traffic that it is meant to take.
    fn ready(&self, cx: &Context<'_>, seen: &Seen, side: Side, now: Timestamp) -> Result<Readiness, Halt<Error>>;

    /// Makes the primary what the target is.
    ///
    /// `expected_revision` is the revision that was analysed, and the canary's status has the checksums of its configs.
    /// A fresh `flagger_id` rolls the primary's pods even for an equal template; the same one again does not, and tells that
    /// this promotion was made before.
    /// A target that is another one by now changes nothing, and leaves with [`Error::RevisionMoved`] or
    /// [`Error::ConfigsMoved`] unless the promotion was made before.
    fn promote(
        &self,
        cx: &Context<'_>,
        seen: &Seen,
        expected_revision: &str,
        flagger_id: &str,
    ) -> Result<Vec<Change>, Halt<Error>>;

    /// Stops the target's pods; nothing where it has none, or none that anybody else may scale.
    fn scale_to_zero(&self, _: &Context<'_>, _: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }

    /// Starts the target's pods for a run; nothing where they are not stopped.
    fn scale_from_zero(&self, _: &Context<'_>, _: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }

    /// Gives the target back to the user, able to serve what the primary serves, before the Canary goes.
    fn restore(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>>;
}

/// All kinds that can be released.
pub fn all() -> [&'static dyn Target; 4] {
    [&DaemonSet, &Deployment, &Knative, &Service]
}

/// What takes care of the canary's target.
///
/// A kind that the CRD doesn't know is handled as a Deployment, as in Flagger; the caller may warn.
pub fn find(cx: &Context<'_>) -> &'static dyn Target {
    let reference = &cx.canary.spec.target_ref;
    all().into_iter().find(|target| target.follows(reference)).unwrap_or(&Deployment)
}

/// What routing and the decision have to know about a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The label by which Services tell the target's pods from the primary's; empty where the target makes no pods.
    pub label: Label,
    /// Ports besides the main one, when `service.portDiscovery` asks for them; sorted.
    pub ports: Vec<Port>,
    /// The revision of the pod template, see [`crate::revision`].
    pub revision: String,
    /// The replicas that the target asks for.
    pub replicas: i64,
    /// The `ConfigMap`s and Secrets in use, whose content is part of what is released; `None` when it is not.
    /// [`crate::configs::tracked`] has their checksums.
    pub tracked_configs: Option<Vec<Reference>>,
    /// How the target stands to its primary where the status, being Flagger's (Go), can't tell.
    pub foreign: Option<Foreign>,
}

/// A selector label of the target: the primary's value is the same with `-primary` added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Its key, one of [`crate::Settings::selector_labels`].
    pub key: String,
    /// The value that the target's pods have.
    pub value: String,
}

impl Label {
    /// The value that the primary's pods have.
    pub fn primary_value(&self) -> String {
        format!("{}-primary", self.value)
    }
}

/// Which of the two workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The copy that carries the traffic between releases.
    Primary,
    /// The target itself.
    Canary,
}

/// Whether a side can take traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It can't.
    NotReady {
        /// A sentence for the event.
        reason: String,
        /// Whether waiting may help.
        retriable: bool,
        /// Whether at least one of its pods is available.
        serving: bool,
    },
}
