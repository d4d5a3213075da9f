//! The `ConfigMap`s and Secrets that a target refers to: which ones there are, and whether their content is another one.
//!
//! A change of their content is a release like a change of the template, so the primary must not see it before its
//! promotion: it has copies of its own (`configs/copies.rs`), which its pod template refers to (`configs/references.rs`).
//!
//! What a Secret holds is only looked at to copy it. Everything else is decided from [`digest`]s, which the shell keeps in
//! its place.
//!
//! *Quirks.*
//! * Checksums are Flagger's to the letter, so that a status which it left behind is understood. They leave out `binaryData`:
//!   a change of that alone is no release.
//! * A config that is optional in one place and mandatory in another is mandatory, in whatever order they stand.

mod copies;
mod references;

use std::collections::{BTreeMap, BTreeSet};

use api::well_known::{CONFIG_TRACKING, CONFIG_TRACKING_DISABLE};
use ports::{Halt, Key, Kind, Object, Seen, kinds};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::revision::hex;
use crate::{Context, Error};

pub(crate) use copies::{Copies, copies, made};
pub(crate) use references::{references, rename};

/// Checksums by `configmap/<name>` and `secret/<name>`, as the status has them.
pub type Tracked = BTreeMap<String, String>;

/// A config that a pod template refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The `ConfigMap` or Secret.
    pub key: Key,
    /// Whether the pods start without it.
    pub optional: bool,
}

/// The digest bytes that a checksum shows.
const SHOWN_BYTES: usize = 8;

/// Secrets of other types belong to a controller, which would not know what to do with a copy.
const SECRET_TYPES: [&str; 4] = ["Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls"];

/// How the status and sentences call the kinds of configs.
const TITLES: [(&str, Kind); 2] = [("configmap", kinds::CONFIG_MAP), ("secret", kinds::SECRET)];

/// What may be kept of a `ConfigMap` or Secret: the checksum of its content, null for one that is not tracked.
pub fn digest(config: &Value) -> Value {
    json!({"checksum": checksum(config)})
}

/// The checksums of all that is referred to, where `digests` has the [`digest`] in place of each object.
pub fn tracked(references: &[Reference], digests: &Seen) -> Result<Tracked, Halt<Error>> {
    let mut tracked = Tracked::new();
    for reference in references {
        let Some(digest) = found(reference, digests)? else { continue };
        if let Some(checksum) = digest.get("checksum").and_then(Value::as_str) {
            tracked.insert(label(&reference.key), checksum.to_owned());
        }
    }
    Ok(tracked)
}

/// The configs that the canary's status tracks.
pub(crate) fn stored<'a>(cx: &Context<'a>) -> Option<&'a Tracked> {
    cx.canary.status.as_ref()?.tracked_configs.as_ref()
}

/// The objects behind names such as `configmap/colors`.
pub(crate) fn keys(cx: &Context<'_>, tracked: &Tracked) -> BTreeSet<Key> {
    let key = |name: &str| {
        let (kind, name) = name.split_once('/')?;
        let kind = TITLES.into_iter().find(|(title, _)| *title == kind)?.1;
        Some(Key::new(kind, cx.namespace(), name))
    };
    tracked.keys().filter_map(|name| key(name)).collect()
}

fn title(key: &Key) -> &'static str {
    if key.kind == kinds::SECRET { TITLES[1].0 } else { TITLES[0].0 }
}

/// The name in the status.
fn label(key: &Key) -> String {
    format!("{}/{}", title(key), key.name)
}

/// What stands for a config among `seen`, `None` when it is missing and need not be there.
fn found<'s>(reference: &Reference, seen: &'s Seen) -> Result<Option<&'s Object>, Halt<Error>> {
    match seen.get(&reference.key)? {
        None if !reference.optional => {
            Err(Error::Missing { title: title(&reference.key), key: Box::new(reference.key.clone()) }.into())
        }
        found => Ok(found),
    }
}

/// The checksum of the content, `None` when its owner or its type keeps it from being tracked.
fn checksum(config: &Value) -> Option<String> {
    let wish = config.pointer("/metadata/annotations").and_then(|annotations| annotations.get(CONFIG_TRACKING));
    if wish.and_then(Value::as_str).is_some_and(|wish| wish.starts_with(CONFIG_TRACKING_DISABLE)) {
        return None;
    }
    if config.get("type").and_then(Value::as_str).is_some_and(|kind| !SECRET_TYPES.contains(&kind)) {
        return None;
    }
    let data = config.get("data").and_then(Value::as_object);
    let data: Option<BTreeMap<_, _>> = data.filter(|data| !data.is_empty()).map(|data| data.iter().collect());
    let digest = Sha256::digest(go_json(&json!(data)));
    Some(hex(&digest[..SHOWN_BYTES]))
}

/// JSON as Go prints it: safe to stand in HTML and in JavaScript.
fn go_json(value: &Value) -> String {
    let json = value.to_string();
    let escaped = |text: String, character: char| {
        let code = format!("\\u{:04x}", u32::from(character));
        text.replace(character, &code)
    };
    ['<', '>', '&', '\u{2028}', '\u{2029}'].into_iter().fold(json, escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checksums that Flagger 1.44 computed.
    #[test]
    fn checksums_are_those_of_flagger() {
        for (config, expected) in [
            (json!({"data": {"color": "red"}}), "241889ca0604e333"),
            (json!({"data": {"b": "<&>", "a": "x\ny"}}), "376da8b73e31b80e"),
            (json!({"type": "Opaque", "data": {"apiKey": "dGVzdA=="}}), "3930f0692c2295eb"),
            (json!({"data": {}}), "74234e98afe7498f"),
            (json!({"data": {"u": "\u{2028}é\u{7f}\u{1}\u{8}\u{c}"}}), "20021294a4d4a304"),
            (json!({"data": {"app.yaml": "key: value\n"}}), "4927046df33762df"),
            (json!({"type": "Opaque", "data": {"TOKEN": "bm90LWEtc2VjcmV0"}}), "06aa24ebfe10a78e"),
        ] {
            assert_eq!(digest(&config), json!({"checksum": expected}), "{config}");
        }
    }

    #[test]
    fn what_its_owner_or_a_controller_keeps_for_itself_is_not_tracked() {
        let tracked = |wish: &str, kind: &str| {
            !digest(&json!({"metadata": {"annotations": {CONFIG_TRACKING: wish}}, "type": kind}))["checksum"].is_null()
        };
        for kind in SECRET_TYPES {
            assert!(tracked("enabled", kind), "{kind}");
        }
        assert!(!tracked("enabled", "kubernetes.io/service-account-token"));
        assert!(!tracked("disable", "Opaque") && !tracked("disabled", "Opaque"));
    }
}
