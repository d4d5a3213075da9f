//! Which Services an Ingress leads to.

use serde_json::Value;

use crate::{Context, Error};

/// The spec of the user's Ingress with the canary's Service wherever it says the apex Service.
pub(super) fn for_canary(cx: &Context<'_>, ingress: &Value) -> Result<Value, Error> {
    let mut spec = ingress.get("spec").cloned().unwrap_or_default();
    let mut found = switch(cx, spec.get_mut("defaultBackend"));
    for rule in entries(&mut spec, "/rules") {
        for path in entries(rule, "/http/paths") {
            found |= switch(cx, path.get_mut("backend"));
        }
    }
    if found {
        return Ok(spec);
    }
    let ingress = api::names::ingress(cx.canary).to_owned();
    Err(Error::NoBackend { service: cx.apex().to_owned(), ingress })
}

/// The entries of a list, none when it isn't there.
fn entries<'a>(value: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Has a backend be the canary's if it is the apex Service; `true` when it is.
fn switch(cx: &Context<'_>, backend: Option<&mut Value>) -> bool {
    match backend.and_then(|backend| backend.pointer_mut("/service/name")) {
        Some(name) if *name == cx.apex() => {
            *name = cx.canary().into();
            true
        }
        _ => false,
    }
}
