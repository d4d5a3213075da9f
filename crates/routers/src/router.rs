//! What every provider can be asked.

use std::fmt::Debug;

use api::Canary;
use ports::{Change, Halt, Seen};
use rollout::traffic::Split;

use crate::gatewayapi::GatewayApi;
use crate::istio::Istio;
use crate::knative::Knative;
use crate::kubernetes::Kubernetes;
use crate::nginx::Nginx;
use crate::{Context, Error};

/// One provider of traffic routing.
///
/// *Guarantees.* Every answer is safe to repeat: once the changes are made, the same question returns none, and
/// [`Router::read`] returns what was written.
pub trait Router: Debug + Sync {
    /// The provider's names in `spec.provider` and `-mesh-provider`.
    fn names(&self) -> &'static [&'static str];

    /// What it has means for.
    fn abilities(&self) -> &'static [Ability];

    /// Creates the routing objects, or brings them to what the canary says; the live split stays as it is.
    fn reconcile(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>>;

    /// How traffic flows now.
    fn read(&self, cx: &Context<'_>, seen: &Seen) -> Result<Split, Halt<Error>>;

    /// Makes traffic flow like this.
    fn write(&self, cx: &Context<'_>, seen: &Seen, split: Split) -> Result<Vec<Change>, Halt<Error>>;

    /// Gives back what was not created for the canary, before the Canary goes.
    fn finalize(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>>;
}

/// All providers.
pub fn all() -> [&'static dyn Router; 6] {
    [&GatewayApi::V1, &GatewayApi::V1BETA1, &Istio, &Knative, &Kubernetes, &Nginx]
}

/// The provider of this name.
///
/// Unlike Flagger, which takes every unknown name for Istio, a name that isn't there is refused.
pub fn find(provider: &str) -> Result<&'static dyn Router, Error> {
    all().into_iter().find(|router| router.names().contains(&provider)).ok_or_else(|| Error::UnknownProvider {
        provider: provider.to_owned(),
        available: all().map(|router| router.names().join(", ")).join(", "),
    })
}

/// Something that a canary can ask of its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Shares of the requests, rather than all or nothing.
    Weights,
    /// Choosing requests by their headers.
    MatchHeaders,
    /// Choosing requests by their query parameters.
    MatchQueryParams,
    /// Choosing requests by the labels of the pod that sends them.
    MatchSourceLabels,
    /// Copying the primary's requests to the canary.
    Mirror,
    /// Copying a share of them.
    MirrorWeight,
    /// Keeping users on the side that answered first.
    SessionAffinity,
}

/// The fields of the canary that ask for more than the provider is able to do.
pub fn unable(router: &dyn Router, canary: &Canary) -> Vec<&'static str> {
    let analysis = &canary.spec.analysis;
    let asked = [
        (Ability::Weights, analysis.step_weight != 0, "spec.analysis.stepWeight"),
        (Ability::Weights, !analysis.step_weights.is_empty(), "spec.analysis.stepWeights"),
        (
            Ability::MatchHeaders,
            analysis.match_.iter().any(|condition| !condition.headers.is_empty()),
            "spec.analysis.match.headers",
        ),
        (
            Ability::MatchQueryParams,
            analysis.match_.iter().any(|condition| !condition.query_params.is_empty()),
            "spec.analysis.match.queryParams",
        ),
        (
            Ability::MatchSourceLabels,
            analysis.match_.iter().any(|condition| !condition.source_labels.is_empty()),
            "spec.analysis.match.sourceLabels",
        ),
        (Ability::Mirror, analysis.mirror, "spec.analysis.mirror"),
        (Ability::MirrorWeight, analysis.mirror_weight != 0, "spec.analysis.mirrorWeight"),
        (Ability::SessionAffinity, analysis.session_affinity.is_some(), "spec.analysis.sessionAffinity"),
    ];
    let refused = asked.into_iter().filter(|(ability, asked, _)| *asked && !router.abilities().contains(ability));
    refused.map(|(_, _, field)| field).collect()
}
