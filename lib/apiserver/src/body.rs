//! Request bodies: JSON, YAML or, for built-in kinds, protobuf; bounded.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::fields;
use crate::patch::Patch;
use crate::refusal::{Answer, Refusal};

/// The largest body that is read, as on the real server.
pub(crate) const BODY_MAX: usize = 3 * 1024 * 1024;

/// What a PATCH request carries.
pub(crate) enum PatchBody {
    /// A patch of the live object.
    Change(Patch),
    /// A server-side apply configuration.
    Apply(Value),
}

/// The media type without parameters; JSON if there is none.
fn media_type(headers: &HeaderMap) -> &str {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = header.split(';').next().unwrap_or_default().trim();
    if media.is_empty() { "application/json" } else { media }
}

/// An object from a body.
pub(crate) fn object(headers: &HeaderMap, body: &Bytes) -> Answer<Value> {
    check_size(body)?;
    match media_type(headers) {
        "application/json" => json(body),
        "application/yaml" => yaml(body),
        "application/vnd.kubernetes.protobuf" => {
            fields::decode_protobuf(body).ok_or_else(|| Refusal::bad_request("the protobuf body can't be decoded"))
        }
        _ => Err(Refusal::unsupported_media_type(
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// An object from a body that may be left out.
pub(crate) fn optional(headers: &HeaderMap, body: &Bytes) -> Answer<Value> {
    if body.is_empty() { Ok(Value::Null) } else { object(headers, body) }
}

/// A patch from a body; `strategic` says whether the kind takes strategic merge patches.
pub(crate) fn patch(headers: &HeaderMap, body: &Bytes, strategic: bool) -> Answer<PatchBody> {
    check_size(body)?;
    match media_type(headers) {
        "application/json-patch+json" => Ok(PatchBody::Change(Patch::Json(json(body)?))),
        "application/merge-patch+json" => Ok(PatchBody::Change(Patch::Merge(json(body)?))),
        "application/strategic-merge-patch+json" if strategic => Ok(PatchBody::Change(Patch::Strategic(json(body)?))),
        "application/apply-patch+yaml" => Ok(PatchBody::Apply(yaml(body)?)),
        _ if strategic => Err(Refusal::unsupported_media_type(
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml",
        )),
        _ => Err(Refusal::unsupported_media_type(
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        )),
    }
}

fn check_size(body: &Bytes) -> Answer<()> {
    if BODY_MAX < body.len() { Err(Refusal::too_large(BODY_MAX)) } else { Ok(()) }
}

fn json(body: &Bytes) -> Answer<Value> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("error decoding body: {error}")))
}

/// JSON is YAML, and most apply configurations are JSON.
fn yaml(body: &Bytes) -> Answer<Value> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    serde_saphyr::from_slice(body).map_err(|error| Refusal::bad_request(format!("error decoding YAML: {error}")))
}
