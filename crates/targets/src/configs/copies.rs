//! The primary's own copies of what the target refers to.
//!
//! A copy has the source's content and those of its labels whose prefix is included. It is never immutable, since the next
//! promotion changes it. Several canaries may share one: each is among its owners, so that it goes with the last.

use std::collections::BTreeSet;

use api::names::primary_config;
use api::well_known::API_VERSION;
use ports::{Change, Halt, Key, Seen, kinds};
use serde_json::{Value, json};

use super::{Tracked, checksum, found, keys, label, references, stored};
use crate::{Context, Error, metadata, revision};

/// Fields of a config that the copy has from it as they are.
const COPIED: [&str; 3] = ["binaryData", "data", "type"];

/// What the primary's copies take.
#[derive(Default)]
pub(crate) struct Copies {
    /// The configs that have copies.
    pub(crate) configs: BTreeSet<Key>,
    /// What is copied, as the status notes it.
    pub(crate) tracked: Tracked,
    /// What brings the copies up to date.
    pub(crate) changes: Vec<Change>,
}

/// Copies of everything that the pod spec refers to, if configs are tracked.
pub(crate) fn copies(cx: &Context<'_>, seen: &Seen, pod: &Value) -> Result<Copies, Halt<Error>> {
    let mut copies = Copies::default();
    if !cx.settings.config_tracking {
        return Ok(copies);
    }
    for reference in references(pod, cx.namespace()) {
        let Some(config) = found(&reference, seen)? else { continue };
        let Some(checksum) = checksum(config) else { continue };
        let key = Key { name: primary_config(&reference.key.name), ..reference.key.clone() };
        copies.changes.extend(copy(cx, config, key.clone(), seen.get(&key)?.map(AsRef::as_ref)));
        copies.tracked.insert(label(&reference.key), checksum);
        copies.configs.insert(reference.key);
    }
    Ok(copies)
}

/// Copies that an earlier look made: those of the configs that the status tracks.
pub(crate) fn made(cx: &Context<'_>) -> Copies {
    let tracked = stored(cx).cloned().unwrap_or_default();
    Copies { configs: keys(cx, &tracked), tracked, changes: Vec::new() }
}

/// The change that makes `live` a copy of `config`.
fn copy(cx: &Context<'_>, config: &Value, key: Key, live: Option<&Value>) -> Option<Change> {
    let created = || {
        json!({
            "apiVersion": key.kind.api_version(),
            "kind": key.kind.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
        })
    };
    let mut copy = live.cloned().unwrap_or_else(created);
    for field in COPIED {
        match config.get(field) {
            Some(value) => copy[field] = value.clone(),
            None => drop(copy.as_object_mut().and_then(|copy| copy.remove(field))),
        }
    }
    let labels = metadata::included(config, "/metadata/labels", &cx.settings.include_label_prefixes);
    copy["metadata"]["labels"] = Value::Object(labels);
    copy["metadata"]["ownerReferences"] = Value::Array(owners(cx, live));
    match live {
        Some(live) if revision::same(Some(&copy), Some(live)) => None,
        Some(_) => Some(Change::Replace(key, copy)),
        None => Some(Change::Create(key, copy)),
    }
}

/// This canary controls the copy; whoever else owns it, such as other canaries that share it, stays its owner.
fn owners(cx: &Context<'_>, live: Option<&Value>) -> Vec<Value> {
    let ours = |owner: &Value| {
        owner["apiVersion"] == API_VERSION
            && owner["kind"] == kinds::CANARY.kind
            && owner["name"].as_str() == cx.canary.metadata.name.as_deref()
    };
    let owners = live.and_then(|live| live.pointer("/metadata/ownerReferences")).and_then(Value::as_array);
    let others = owners.into_iter().flatten().filter(|owner| !ours(owner)).cloned().map(|mut owner| {
        owner["controller"] = false.into();
        owner
    });
    std::iter::once(cx.owner_reference()).chain(others).collect()
}
