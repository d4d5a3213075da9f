//! `/openapi/v2` and `/openapi/v3`: what is served, described for clients.
//!
//! `kubectl` reads it for `explain`, to learn that `fieldValidation` and strategic merge patches are understood, and to
//! work out such a patch. `components` describes objects, from the table of built-in fields and from CRDs; `paths`
//! describes requests. Version 2 is for older clients and leaves out what its dialect of JSON Schema can't say.

mod components;
mod details;
mod paths;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, Response};
use serde_json::{Map, Value, json};

use crate::reply;

/// One served kind.
#[derive(Clone, Debug)]
pub(crate) struct Described<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) plural: &'a str,
    pub(crate) namespaced: bool,
    /// The CRD's `openAPIV3Schema`; `None` for built-in kinds.
    pub(crate) schema: Option<&'a Value>,
    pub(crate) subresources: &'a [&'a str],
}

/// `/openapi/v3`: where each group version is described. The address changes with the description, so that clients may
/// cache it.
pub(crate) fn v3_index(kinds: &[Described<'_>]) -> Value {
    let mut hashers: BTreeMap<String, DefaultHasher> = BTreeMap::new();
    for kind in kinds {
        let hasher = hashers.entry(kind.place()).or_default();
        (env!("CARGO_PKG_VERSION"), kind.kind, kind.plural, kind.namespaced, kind.subresources, kind.schema)
            .hash(hasher);
    }
    let address = |(place, hasher): (String, DefaultHasher)| {
        let address = format!("/openapi/v3/{place}?hash={:016X}", hasher.finish());
        (place, json!({ "serverRelativeURL": address }))
    };
    json!({ "paths": hashers.into_iter().map(address).collect::<Map<_, _>>() })
}

/// `/openapi/v3/api/v1` (empty `group`) or `/openapi/v3/apis/GROUP/VERSION`; `None` when nothing of it is served.
pub(crate) fn v3_group(kinds: &[Described<'_>], group: &str, version: &str) -> Option<Value> {
    let kinds: Vec<&Described<'_>> =
        kinds.iter().filter(|kind| kind.group == group && kind.version == version).collect();
    (!kinds.is_empty()).then(|| {
        json!({
            "openapi": "3.0.0",
            "info": { "title": "Kubernetes", "version": "unversioned" },
            "paths": paths::of(&kinds),
            "components": { "schemas": components::of(&kinds) },
        })
    })
}

/// `/openapi/v2` as JSON.
pub(crate) fn v2(kinds: &[Described<'_>]) -> Value {
    let kinds: Vec<&Described<'_>> = kinds.iter().collect();
    let mut definitions = Value::Object(components::of(&kinds));
    downgrade(&mut definitions);
    json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": "unversioned" },
        "paths": paths::v2(&kinds),
        "definitions": definitions,
    })
}

/// The form of `/openapi/v2` that older parts of `kubectl` ask for.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// What it is called in the answer, where an `@` is not allowed.
const PROTOBUF_SENT: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Whether a client understands nothing but that form.
pub(crate) fn wants_protobuf(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accepted| accepted.to_str().ok())
        .is_some_and(|accepted| accepted.starts_with(PROTOBUF))
}

/// `/openapi/v2` in that form: a description of nothing. `kubectl` looks there for kinds that version 3 doesn't have, and
/// goes on to say that there is no such kind.
pub(crate) fn v2_protobuf() -> Response<Body> {
    // Field 1 is the version of the format, field 2 the info with title and version.
    let document = Bytes::from_static(b"\x0a\x032.0\x12\x19\x0a\x0aKubernetes\x12\x0bunversioned");
    reply::bytes(PROTOBUF_SENT, document)
}

impl Described<'_> {
    /// `apis/apps/v1`, or `api/v1` for the core group.
    fn place(&self) -> String {
        if self.group.is_empty() {
            format!("api/{}", self.version)
        } else {
            format!("apis/{}/{}", self.group, self.version)
        }
    }

    /// The value of `x-kubernetes-group-version-kind`.
    fn identity(&self) -> Value {
        json!({ "group": self.group, "version": self.version, "kind": self.kind })
    }
}

/// Takes what version 2 can't say out of a schema, and moves its references.
fn downgrade(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(all)) = fields.get("allOf")
                && let [only] = all.as_slice()
                && let Some(reference) = only.get("$ref").cloned()
            {
                fields.insert("$ref".to_owned(), reference);
            }
            fields.retain(|name, value| {
                // The names of properties are words of their own, whose values are objects.
                let keyword = !value.is_object() || name == "not";
                !(keyword && matches!(name.as_str(), "allOf" | "anyOf" | "oneOf" | "not" | "nullable" | "default"))
            });
            if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", "#/definitions/");
            }
            fields.values_mut().for_each(downgrade);
        }
        Value::Array(items) => items.iter_mut().for_each(downgrade),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
