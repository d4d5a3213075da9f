//! Gateway API: any gateway or mesh that follows `HTTPRoutes`.
//!
//! *Objects.* The `HTTPRoute` of the apex name, owned by the Canary.
//! *Reads.* The weights and the mirror filter of its rules, and whether its parents have taken it over.
//! *Writes.* Its parents, hostnames and rules; what we don't know inside them stays, and so do other annotations.
//!
//! *Quirks.*
//! * An edit of the canary in the middle of a run keeps the live weights (Flagger sends all traffic back to the primary).
//! * A mirror filter is written whenever the split says so (Flagger forgets it unless the canary has iterations, and then
//!   mirrors forever).
//! * `analysis.match` without `iterations` shares out the matching requests only.
//! * When `service.apex` is set the route also has the Services' selector label, as in Flagger.
//! * A route that the user made is given back as it was applied, or else led to the apex Service, before the Canary goes;
//!   Flagger leaves it with backends that are gone.
//! * With `analysis.match` there is no session affinity: the conditions say already who is on which side.
//! * `v1beta1` has neither timeouts nor CORS.

mod affinity;
mod given_back;
mod parents;
mod route;
mod rules;

use ports::{Change, Halt, Key, Kind, Object, Seen, kinds};
use rollout::traffic::Split;
use serde_json::{Value, json};

use crate::router::Ability;
use crate::{Context, Error, Router, metadata, percent};
use route::{ParentRef, Rule, Spec};

/// Routes by `HTTPRoutes` of one API version.
#[derive(Debug)]
pub(crate) struct GatewayApi {
    name: &'static str,
    names: &'static [&'static str],
    kind: Kind,
    has_timeouts_and_cors: bool,
}

impl GatewayApi {
    pub(crate) const V1: Self =
        Self { name: "gatewayapi:v1", names: &["gatewayapi:v1"], kind: kinds::HTTP_ROUTE, has_timeouts_and_cors: true };
    pub(crate) const V1BETA1: Self = Self {
        name: "gatewayapi:v1beta1",
        names: &["gatewayapi:v1beta1"],
        kind: Kind { version: "v1beta1", ..kinds::HTTP_ROUTE },
        has_timeouts_and_cors: false,
    };
}

impl Router for GatewayApi {
    fn names(&self) -> &'static [&'static str] {
        self.names
    }

    fn abilities(&self) -> &'static [Ability] {
        &[Ability::Weights, Ability::MatchHeaders, Ability::MatchQueryParams, Ability::Mirror, Ability::SessionAffinity]
    }

    fn reconcile(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let split = match seen.get(&self.key(cx))? {
            Some(live) => split(cx, &self.spec(cx, live)?),
            None => None,
        };
        self.write(cx, seen, split.unwrap_or(Split::PRIMARY))
    }

    fn read(&self, cx: &Context<'_>, seen: &Seen) -> Result<Split, Halt<Error>> {
        let key = self.key(cx);
        let Some(live) = seen.get(&key)? else { return Err(Error::Missing { key: Box::new(key) }.into()) };
        let spec = self.spec(cx, live)?;
        parents::check(&key, live, &spec.parent_refs)?;
        let no_weights = || Error::NoWeights { key: Box::new(key), primary: cx.primary(), canary: cx.canary() };
        Ok(split(cx, &spec).ok_or_else(no_weights)?)
    }

    fn write(&self, cx: &Context<'_>, seen: &Seen, split: Split) -> Result<Vec<Change>, Halt<Error>> {
        let key = self.key(cx);
        match seen.get(&key)? {
            None => {
                let spec = self.desired(cx, split)?;
                Ok(vec![Change::Create(key.clone(), self.created(cx, &key, &spec))])
            }
            Some(live) => {
                let before = self.spec(cx, live)?;
                let spec = keep_unknown(self.desired(cx, split)?, &before);
                let mut route = Value::clone(live);
                let mut changed = metadata::follow_canary(cx, &mut route);
                if spec != before {
                    route["spec"] = json!(spec);
                    changed = true;
                }
                Ok(if changed { vec![Change::Replace(key, route)] } else { Vec::new() })
            }
        }
    }

    /// A route that the Canary owns goes with it; a user's own is given back.
    fn finalize(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let key = self.key(cx);
        let Some(live) = seen.get(&key)?.filter(|live| metadata::controlling_canary(live).is_none()) else {
            return Ok(Vec::new());
        };
        let applied = metadata::last_applied(live);
        let before = self.spec(cx, live)?;
        let spec = given_back::spec(cx, &before, applied.as_ref());
        let mut route = Value::clone(live);
        let mut changed = metadata::let_flux_back(&mut route, applied.as_ref());
        if spec != before {
            route["spec"] = json!(spec);
            changed = true;
        }
        Ok(if changed { vec![Change::Replace(key, route)] } else { Vec::new() })
    }
}

impl GatewayApi {
    fn key(&self, cx: &Context<'_>) -> Key {
        Key::new(self.kind, cx.namespace(), cx.apex())
    }

    /// The live route as we understand it.
    fn spec(&self, cx: &Context<'_>, live: &Object) -> Result<Spec, Error> {
        let spec = live.get("spec").cloned().unwrap_or_else(|| json!({}));
        let spec: Spec =
            serde_json::from_value(spec).map_err(|source| Error::Unreadable { key: Box::new(self.key(cx)), source })?;
        Ok(spec.sorted())
    }

    /// The route as the canary wants it.
    fn desired(&self, cx: &Context<'_>, split: Split) -> Result<Spec, Error> {
        let service = &cx.canary.spec.service;
        if service.gateway_refs.is_empty() {
            return Err(Error::GatewayRefs);
        }
        let source_labels = |index: usize| format!("spec.analysis.match[{index}].sourceLabels");
        let conditions = &cx.canary.spec.analysis.match_;
        if let Some(index) = conditions.iter().position(|condition| !condition.source_labels.is_empty()) {
            return Err(Error::Unsupported { field: source_labels(index), provider: self.name });
        }
        let parent_refs = service.gateway_refs.iter().map(|parent| ParentRef {
            group: parent.group.clone().unwrap_or_else(route::gateway_group),
            kind: parent.kind.clone().unwrap_or_else(route::gateway_kind),
            namespace: parent.namespace.clone(),
            name: parent.name.clone(),
            section_name: parent.section_name.clone(),
            port: parent.port,
        });
        let spec = Spec {
            parent_refs: parent_refs.collect(),
            hostnames: service.hosts.clone(),
            rules: rules::of(self, cx, split)?,
            ..Spec::default()
        };
        Ok(spec.sorted())
    }

    fn created(&self, cx: &Context<'_>, key: &Key, spec: &Spec) -> Value {
        let mut route = json!({
            "apiVersion": self.kind.api_version(),
            "kind": self.kind.kind,
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
}

/// How the route shares the requests between the two sides, `None` when it doesn't know them or sends nothing to either.
fn split(cx: &Context<'_>, spec: &Spec) -> Option<Split> {
    let weight = |rule: &Rule, name: &str| {
        let backend = rule.backend_refs.iter().find(|backend| backend.name == name)?;
        Some(i64::from(backend.weight.max(0)))
    };
    let weights = |rule: &Rule| Some((weight(rule, &cx.primary())?, weight(rule, &cx.canary())?));
    let (primary, canary) = spec.rules.iter().rev().find_map(weights)?;
    let mut split = percent::split(primary, canary)?;
    split.mirrored = spec.rules.iter().any(|rule| mirrors_to_canary(cx, rule));
    Some(split)
}

/// Whether the rule copies requests to the canary, beyond what the user asked for once and for all.
fn mirrors_to_canary(cx: &Context<'_>, rule: &Rule) -> bool {
    let receivers = rule.filters.iter().filter_map(|filter| Some(&filter.request_mirror.as_ref()?.backend_ref.name));
    let asked_for = cx.canary.spec.service.mirror.iter().map(|receiver| &receiver.backend_ref.name);
    let canary = cx.canary();
    asked_for.filter(|name| **name == canary).count() < receivers.filter(|name| **name == canary).count()
}

/// Takes over from the live route what is not ours.
fn keep_unknown(mut desired: Spec, live: &Spec) -> Spec {
    desired.rest.clone_from(&live.rest);
    // The rule that shares by weight is the last one, whatever comes before it.
    for (rule, live) in desired.rules.iter_mut().rev().zip(live.rules.iter().rev()) {
        rule.rest.clone_from(&live.rest);
        for backend in &mut rule.backend_refs {
            if let Some(live) = live.backend_refs.iter().find(|live| live.name == backend.name) {
                backend.rest.clone_from(&live.rest);
            }
        }
    }
    desired
}
