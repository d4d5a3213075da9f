//! A user's own `VirtualService`: noted when it is taken over, and given back before the Canary goes.

use api::well_known::ORIGINAL_CONFIGURATION;
use serde_json::{Value, json};

use super::sides;
use super::virtual_service::Spec;
use crate::{Context, metadata};

/// Has a route that is the user's remember its spec, unless kubectl does or it is the Canary's.
pub(super) fn note(route: &mut Value) {
    if metadata::controlling_canary(route).is_some() || metadata::last_applied(route).is_some() {
        return;
    }
    let Some(spec) = route.get("spec").map(ToString::to_string) else { return };
    let mut annotations = metadata::get(route, "annotations");
    annotations.insert(ORIGINAL_CONFIGURATION.to_owned(), spec.into());
    metadata::set(route, "annotations", annotations);
}

/// The route as kubectl applied it or as it was noted; without either, with the apex Service in place of the two sides.
pub(super) fn route(cx: &Context<'_>, live: &Value, spec: &Spec) -> Value {
    let applied = metadata::last_applied(live);
    let as_applied = applied.as_ref().and_then(|applied| applied.get("spec")).cloned();
    let noted = || serde_json::from_str(metadata::get(live, "annotations").get(ORIGINAL_CONFIGURATION)?.as_str()?).ok();
    let given_back = as_applied.unwrap_or_else(|| {
        // What Flagger noted may be what it wrote itself.
        let noted: Option<Value> = noted();
        let leads_to_sides =
            |noted: &Value| serde_json::from_value(noted.clone()).is_ok_and(|noted: Spec| noted.leads_to(&sides(cx)));
        match noted.filter(|noted| !leads_to_sides(noted)) {
            Some(noted) => noted,
            None if spec.leads_to(&sides(cx)) => json!(led_to_apex(cx, spec.clone())),
            None => live.get("spec").cloned().unwrap_or_default(),
        }
    });
    let mut route = live.clone();
    route["spec"] = given_back;
    metadata::let_flux_back(&mut route, applied.as_ref());
    let mut annotations = metadata::get(&route, "annotations");
    annotations.remove(ORIGINAL_CONFIGURATION);
    metadata::set(&mut route, "annotations", annotations);
    route
}

fn led_to_apex(cx: &Context<'_>, mut spec: Spec) -> Spec {
    let sides = sides(cx);
    for rule in &mut spec.http {
        if sides.iter().any(|side| rule.mirrors_to(side)) {
            (rule.mirror, rule.mirror_percentage) = (None, None);
        }
    }
    let routes = spec.http.iter_mut().map(|rule| &mut rule.route);
    for route in routes.chain(spec.tcp.iter_mut().map(|rule| &mut rule.route)) {
        let is_side = |host: &str| sides.iter().any(|side| side == host);
        if let Some(side) = route.iter_mut().find(|side| is_side(&side.destination.host)) {
            cx.apex().clone_into(&mut side.destination.host);
            (side.weight, side.headers) = (Some(100), None);
        }
        route.retain(|side| !is_side(&side.destination.host));
    }
    spec
}
