//! What a canary that is gone left behind, before the garbage collector takes it.
//!
//! A canary that is deleted and created again, or that gives way to a younger one with the same target, leaves a primary that
//! serves. Whoever scales the target down because of it must own it first, or it goes and nothing serves.

use api::well_known::GROUP;
use ports::{Change, Halt, Key, Seen, kinds};
use serde_json::Value;

use crate::{Context, Error};

/// Takes over every object that was looked at and whose canary is gone.
///
/// *Guarantees.* A write that succeeds is one that the garbage collector did not forestall.
pub fn inherit(cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
    let mut changes = Vec::new();
    for key in seen.keys() {
        let Some(object) = seen.get(key)? else { continue };
        let Some((place, owner)) = controlling_canary(object) else { continue };
        let ours = owner.get("uid").and_then(Value::as_str) == cx.canary.metadata.uid.as_deref();
        if ours || object["metadata"]["deletionTimestamp"].is_string() || lives(cx, seen, owner)? {
            continue;
        }
        let mut inherited = Value::clone(object);
        inherited["metadata"]["ownerReferences"][place] = cx.owner_reference();
        changes.push(Change::Replace(key.clone(), inherited));
    }
    Ok(changes)
}

/// The reference to the canary that controls the object, and its place in the list.
fn controlling_canary(object: &Value) -> Option<(usize, &Value)> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
    let is_canary = |owner: &Value| {
        let group = owner["apiVersion"].as_str().and_then(|version| version.split('/').next());
        owner["controller"] == true && owner["kind"] == kinds::CANARY.kind && group == Some(GROUP)
    };
    owners.iter().enumerate().find(|(_, owner)| is_canary(owner))
}

fn lives(cx: &Context<'_>, seen: &Seen, owner: &Value) -> Result<bool, Halt<Error>> {
    let Some(name) = owner["name"].as_str() else { return Ok(false) };
    let canary = seen.get(&Key::new(kinds::CANARY, cx.namespace(), name))?;
    Ok(canary.is_some_and(|canary| canary["metadata"]["uid"] == owner["uid"]))
}
