//! A user's own route as it was before there was a canary.

use serde_json::Value;

use super::route::{Filter, Rule, Spec};
use crate::Context;

/// The route as the user applied it, or else with the apex Service in place of the Services of the two sides.
pub(super) fn spec(cx: &Context<'_>, live: &Spec, applied: Option<&Value>) -> Spec {
    let applied = applied.and_then(|applied| serde_json::from_value(applied.get("spec")?.clone()).ok());
    applied.map_or_else(|| led_to_apex(cx, live.clone()), Spec::sorted)
}

fn led_to_apex(cx: &Context<'_>, mut spec: Spec) -> Spec {
    for rule in &mut spec.rules {
        lead_to_apex(cx, rule);
    }
    spec
}

fn lead_to_apex(cx: &Context<'_>, rule: &mut Rule) {
    let sides = [cx.primary(), cx.canary()];
    let mirrors_to_side =
        |filter: &Filter| filter.request_mirror.as_ref().is_some_and(|mirror| sides.contains(&mirror.backend_ref.name));
    rule.filters.retain(|filter| !mirrors_to_side(filter));
    if let Some(backend) = rule.backend_refs.iter_mut().find(|backend| sides.contains(&backend.name)) {
        cx.apex().clone_into(&mut backend.name);
        backend.weight = 1;
    }
    rule.backend_refs.retain(|backend| !sides.contains(&backend.name));
}
