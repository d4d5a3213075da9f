//! Istio: proxies that follow `VirtualServices`, in the mesh and at its gateways.
//!
//! *Objects.* The `VirtualService` of the apex name, and a `DestinationRule` for the Service of each side, owned by the Canary.
//! *Reads.* The weights of its routes, HTTP or TCP, and whether requests are mirrored to the canary.
//! *Writes.* Hosts, gateways, HTTP and TCP routes; host and traffic policy of the `DestinationRules`. What we don't know beside
//! them stays, such as `exportTo`, `tls` and `subsets`, and so do other annotations.
//!
//! *Quirks.*
//! * With `service.gateways` the route is for these alone: who wants the mesh, too, names `mesh` among them, as in Flagger.
//! * An edit of the canary in the middle of a run keeps the live weights (Flagger sends all traffic back to the primary).
//! * A `VirtualService` that the user made is noted in the annotation `flagger.kubernetes.io/original-configuration` as it was
//!   when it did not lead to either side yet. (Flagger notes it anew at every edit, and so what it wrote itself.)
//! * It is given back as it was applied with kubectl or noted, or else led to the apex Service (Flagger leaves it with hosts that
//!   are gone).
//! * With `analysis.match` all other requests go to the primary with weight 100 (Flagger writes the primary's weight, 0).
//! * `analysis.match` without `iterations` shares out the matching requests only, and there is no session affinity with it.
//! * Query parameters of `analysis.match` hold beside `service.match` (Flagger drops them).
//! * With `appProtocol: tcp` there are weights and ports to match; what needs requests is refused (Flagger ignores it).

mod affinity;
mod destinations;
mod given_back;
mod rules;
mod virtual_service;

use ports::{Change, Halt, Key, Object, Seen, kinds};
use rollout::traffic::Split;
use serde_json::{Value, json};

use crate::router::Ability;
use crate::{Context, Error, Router, metadata, percent};
use virtual_service::Spec;

/// Routes by `VirtualServices`.
#[derive(Debug)]
pub(crate) struct Istio;

/// Its one name.
const NAME: &str = "istio";

impl Router for Istio {
    fn names(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn abilities(&self) -> &'static [Ability] {
        &[
            Ability::Weights,
            Ability::MatchHeaders,
            Ability::MatchQueryParams,
            Ability::MatchSourceLabels,
            Ability::Mirror,
            Ability::MirrorWeight,
            Ability::SessionAffinity,
        ]
    }

    /// How the sides are connected to first: a route must not lead where its policy does not hold yet.
    fn reconcile(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let live = match seen.get(&key(cx))? {
            Some(live) => split(cx, &spec(cx, live)?),
            None => None,
        };
        let mut changes = destinations::reconcile(cx, seen)?;
        changes.extend(self.write(cx, seen, live.unwrap_or(Split::PRIMARY))?);
        Ok(changes)
    }

    fn read(&self, cx: &Context<'_>, seen: &Seen) -> Result<Split, Halt<Error>> {
        let key = key(cx);
        let Some(live) = seen.get(&key)? else { return Err(Error::Missing { key: Box::new(key) }.into()) };
        let no_weights = || Error::NoWeights { key: Box::new(key), primary: cx.primary(), canary: cx.canary() };
        Ok(split(cx, &spec(cx, live)?).ok_or_else(no_weights)?)
    }

    fn write(&self, cx: &Context<'_>, seen: &Seen, split: Split) -> Result<Vec<Change>, Halt<Error>> {
        let key = key(cx);
        let desired = rules::spec(cx, split)?;
        let Some(live) = seen.get(&key)? else {
            return Ok(vec![Change::Create(key.clone(), created(cx, &key, &desired))]);
        };
        let before = spec(cx, live)?;
        let desired = desired.with_unknown_of(&before, &sides(cx));
        let mut route = Value::clone(live);
        if !before.leads_to(&sides(cx)) {
            given_back::note(&mut route);
        }
        let mut changed = metadata::follow_canary(cx, &mut route);
        if desired != before {
            route["spec"] = json!(desired);
            changed = true;
        }
        Ok(if changed { vec![Change::Replace(key, route)] } else { Vec::new() })
    }

    /// A route that the Canary owns goes with it; a user's own is given back.
    fn finalize(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let key = key(cx);
        let Some(live) = seen.get(&key)?.filter(|live| metadata::controlling_canary(live).is_none()) else {
            return Ok(Vec::new());
        };
        let route = given_back::route(cx, live, &spec(cx, live)?);
        Ok(if route == **live { Vec::new() } else { vec![Change::Replace(key, route)] })
    }
}

fn key(cx: &Context<'_>) -> Key {
    Key::new(kinds::VIRTUAL_SERVICE, cx.namespace(), cx.apex())
}

/// The hosts of primary and canary.
fn sides(cx: &Context<'_>) -> [String; 2] {
    [cx.primary(), cx.canary()]
}

/// The live route as we understand it.
fn spec(cx: &Context<'_>, live: &Object) -> Result<Spec, Error> {
    let spec = live.get("spec").cloned().unwrap_or_else(|| json!({}));
    serde_json::from_value(spec).map_err(|source| Error::Unreadable { key: Box::new(key(cx)), source })
}

fn created(cx: &Context<'_>, key: &Key, spec: &Spec) -> Value {
    let mut route = json!({
        "apiVersion": key.kind.api_version(),
        "kind": key.kind.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "ownerReferences": [cx.owner_reference()],
        },
        "spec": spec,
    });
    metadata::follow_canary(cx, &mut route);
    route
}

/// How the route shares the requests between the two sides, `None` when it doesn't know them or sends nothing to either.
///
/// The rule that shares by weight is the last one with both sides, whatever comes before it.
fn split(cx: &Context<'_>, spec: &Spec) -> Option<Split> {
    let [primary, canary] = sides(cx);
    let weights = spec.routes().rev().find_map(|route| Some((route.weight_of(&primary)?, route.weight_of(&canary)?)));
    let (primary_weight, canary_weight) = weights?;
    let mut split = percent::split(primary_weight, canary_weight)?;
    split.mirrored = spec.http.iter().any(|rule| rule.mirrors_to(&canary));
    Some(split)
}
