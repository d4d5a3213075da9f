//! From a body to an object of the kind: the right kind, known fields, decodable values, defaults.

use serde_json::{Value, json};

use crate::builtin;
use crate::fields;
use crate::kinds::{Kind, Origin};
use crate::meta;
use crate::query::FieldValidation;
use crate::refusal::{Answer, Refusal};
use crate::world::Cx;

/// Checks and completes a body.
pub(crate) fn decode(cx: &mut Cx, object: &mut Value) -> Answer<()> {
    let kind = cx.kind.clone();
    check_type(&kind, object)?;
    let mut unknown = prune(&kind, object);
    unknown.sort();
    report(cx, &unknown)?;
    normalise(&kind, object)?;
    if kind.is("", "Secret") {
        builtin::encode_string_data(object);
    }
    fill_defaults(&kind, object);
    Ok(())
}

/// Gives absent fields their defaults.
pub(super) fn fill_defaults(kind: &Kind, object: &mut Value) {
    match &kind.origin {
        Origin::BuiltIn(Some(structure)) => fields::fill(object, structure),
        Origin::BuiltIn(None) => {}
        Origin::Custom(custom) => custom.schema.default(object),
    }
}

fn check_type(kind: &Kind, object: &mut Value) -> Answer<()> {
    let Value::Object(fields) = object else {
        return Err(Refusal::bad_request(
            "the object provided is unrecognized: it must be an object with apiVersion and kind",
        ));
    };
    let api_version = kind.api_version();
    match fields.get("apiVersion").and_then(Value::as_str) {
        None | Some("") => drop(fields.insert("apiVersion".to_owned(), json!(api_version))),
        Some(given) if given == api_version => {}
        Some(given) => {
            return Err(Refusal::bad_request(format!(
                "the API version in the data ({given}) does not match the expected API version ({api_version})"
            )));
        }
    }
    match fields.get("kind").and_then(Value::as_str) {
        None | Some("") => drop(fields.insert("kind".to_owned(), json!(kind.kind))),
        Some(given) if given == kind.kind => {}
        Some(given) => {
            return Err(Refusal::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: the kind in the data is {given}",
                kind.kind, kind.version, kind.kind
            )));
        }
    }
    meta::fields(object);
    Ok(())
}

/// Removes what the kind doesn't have and returns the paths.
fn prune(kind: &Kind, object: &mut Value) -> Vec<String> {
    match &kind.origin {
        Origin::BuiltIn(Some(structure)) => fields::unknown(object, structure),
        Origin::BuiltIn(None) => Vec::new(),
        Origin::Custom(custom) => {
            let mut unknown = unknown_metadata(object);
            unknown.extend(custom.schema.prune(object));
            unknown
        }
    }
}

fn unknown_metadata(object: &mut Value) -> Vec<String> {
    let (Some(structure), Some(metadata)) = (fields::types().get("meta/v1.ObjectMeta"), object.get_mut("metadata"))
    else {
        return Vec::new();
    };
    fields::unknown(metadata, structure).into_iter().map(|path| format!("metadata.{path}")).collect()
}

fn report(cx: &mut Cx, unknown: &[String]) -> Answer<()> {
    let texts = unknown.iter().map(|path| format!("unknown field {path:?}"));
    match cx.validation {
        FieldValidation::Strict if !unknown.is_empty() => {
            let all: Vec<String> = texts.collect();
            let kind = &cx.kind;
            if let Some(patch) = &cx.patch {
                let why = format!("strict decoding error: {}", all.join(", "));
                return Err(Refusal::invalid_patch(patch, &why));
            }
            Err(Refusal::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                kind.kind,
                kind.version,
                kind.kind,
                all.join(", ")
            )))
        }
        FieldValidation::Warn => {
            cx.warnings.extend(texts);
            Ok(())
        }
        FieldValidation::Strict | FieldValidation::Ignore => Ok(()),
    }
}

fn normalise(kind: &Kind, object: &mut Value) -> Answer<()> {
    let undecodable = |why: String| {
        Refusal::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {why}",
            kind.kind, kind.version, kind.kind
        ))
    };
    match &kind.origin {
        Origin::BuiltIn(Some(structure)) => fields::normalise(object, structure).map_err(undecodable),
        Origin::BuiltIn(None) => Ok(()),
        Origin::Custom(_) => {
            let Some(structure) = fields::types().get("meta/v1.ObjectMeta") else { return Ok(()) };
            match object.get_mut("metadata") {
                Some(metadata) => fields::normalise(metadata, structure).map_err(undecodable),
                None => Ok(()),
            }
        }
    }
}
