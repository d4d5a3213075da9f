//! Answers: the encoding and the view that a client accepts, and the bodies that they make.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, WARNING};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::builtin::events;
use crate::kinds::Kind;
use crate::packed::{Packed, type_of};
use crate::query::Query;
use crate::refusal::{Answer, Refusal};
use crate::table::IncludeObject;

/// What most objects fit into as JSON, in bytes.
const PAGE: usize = 4096;

/// What a client wants to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    pub(crate) yaml: bool,
    pub(crate) view: View,
    /// What rows of a table carry.
    pub(crate) include: IncludeObject,
}

/// How objects are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Full,
    /// Rows and columns, for `kubectl get`.
    Table,
    /// Metadata only.
    Metadata,
}

impl Format {
    /// The first form in `Accept` that is served.
    pub(crate) fn of(headers: &HeaderMap, query: &Query) -> Answer<Format> {
        let include = match query.get("includeObject") {
            Some("None") => IncludeObject::None,
            Some("Object") => IncludeObject::Object,
            _ => IncludeObject::Metadata,
        };
        let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
        let served = accepted.split(',').find_map(media);
        let (yaml, view) = served.ok_or_else(|| Refusal::not_acceptable("application/json, application/yaml"))?;
        Ok(Format { yaml, view, include })
    }

    /// One object in the view of the client.
    pub(crate) fn view(self, kind: &Kind, object: &Arc<Value>, now: Timestamp) -> Arc<Value> {
        let object = kind.present(object);
        match self.view {
            View::Full => object,
            View::Metadata => Arc::new(metadata_of(&object)),
            View::Table => {
                let list = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                Arc::new(kind.columns.table(&[&object], self.include, &list, now))
            }
        }
    }

    /// A list in the view of the client.
    pub(crate) fn list(
        self,
        kind: &Kind,
        objects: &[Arc<Packed>],
        metadata: &Value,
        now: Timestamp,
    ) -> Answer<Response<Body>> {
        let unpacked = || objects.iter().map(|object| kind.present(&object.unpack()));
        match self.view {
            View::Table => {
                let objects: Vec<Arc<Value>> = unpacked().collect();
                let objects: Vec<&Value> = objects.iter().map(|object| &**object).collect();
                self.send(StatusCode::OK, &kind.columns.table(&objects, self.include, metadata, now))
            }
            View::Metadata => {
                let items: Vec<Value> = unpacked().map(|object| metadata_of(&object)).collect();
                self.send(StatusCode::OK, &list_of("PartialObjectMetadataList", "meta.k8s.io/v1", metadata, &items))
            }
            View::Full if self.yaml || events::converted(kind) => {
                let item =
                    |object: &Value| if kind.custom().is_some() { Value::clone(object) } else { without_type(object) };
                let items: Vec<Value> = unpacked().map(|object| item(&object)).collect();
                self.send(StatusCode::OK, &list_of(&kind.list_kind, &kind.api_version(), metadata, &items))
            }
            View::Full => Ok(response(StatusCode::OK, "application/json", packed_list(kind, metadata, objects))),
        }
    }

    /// One object as it is kept, in the view and the encoding of the client.
    pub(crate) fn object(self, kind: &Kind, object: &Packed, now: Timestamp) -> Answer<Response<Body>> {
        if self.yaml {
            return self.send(StatusCode::OK, &self.view(kind, &object.unpack(), now));
        }
        let mut bytes = Vec::new();
        self.append(&mut bytes, kind, object, || now);
        Ok(response(StatusCode::OK, "application/json", bytes))
    }

    /// Appends an object in the view of the client, as JSON.
    pub(crate) fn append(self, out: &mut Vec<u8>, kind: &Kind, object: &Packed, now: impl FnOnce() -> Timestamp) {
        if self.view == View::Full && !events::converted(kind) {
            let (type_, rest) = (type_of(&kind.api_version(), &kind.kind), object.untyped());
            out.reserve(type_.len() + rest.len());
            out.extend_from_slice(&type_);
            out.extend_from_slice(rest);
        } else {
            let shown = self.view(kind, &object.unpack(), now());
            out.extend_from_slice(shown.to_string().as_bytes());
        }
    }

    /// A value in the encoding of the client.
    pub(crate) fn send(self, code: StatusCode, value: &Value) -> Answer<Response<Body>> {
        if self.yaml {
            let text = serde_saphyr::to_string(value).map_err(unwritable)?;
            return Ok(response(code, "application/yaml", text));
        }
        let mut bytes = Vec::with_capacity(PAGE);
        serde_json::to_writer(&mut bytes, value).map_err(unwritable)?;
        Ok(response(code, "application/json", bytes))
    }
}

/// JSON without asking what the client accepts.
pub(crate) fn json(value: &Value) -> Response<Body> {
    response(StatusCode::OK, "application/json", value.to_string())
}

/// Plain text.
pub(crate) fn text(text: impl Into<Bytes>) -> Response<Body> {
    response(StatusCode::OK, "text/plain; charset=utf-8", text.into())
}

/// Something else than JSON.
pub(crate) fn bytes(media: &'static str, bytes: Bytes) -> Response<Body> {
    response(StatusCode::OK, media, bytes)
}

/// A Status.
pub(crate) fn refusal(refusal: &Refusal) -> Response<Body> {
    if refusal.is_page() {
        return response(refusal.code, "text/plain; charset=utf-8", refusal.message.clone());
    }
    response(refusal.code, "application/json", refusal.status().to_string())
}

/// Adds warnings, which `kubectl` prints.
pub(crate) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    for warning in warnings {
        let quoted = format!("299 - {}", json!(warning));
        if let Ok(value) = HeaderValue::from_str(&quoted) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

fn response(code: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn unwritable(error: impl std::fmt::Display) -> Refusal {
    Refusal::internal(format!("failed to encode the answer: {error}"))
}

fn list_of(kind: &str, api_version: &str, metadata: &Value, items: &[Value]) -> Value {
    json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items})
}

/// The JSON of a list, put together from objects as they are kept.
fn packed_list(kind: &Kind, metadata: &Value, objects: &[Arc<Packed>]) -> Vec<u8> {
    let mut bytes = type_of(&kind.api_version(), &kind.list_kind);
    bytes.extend_from_slice(format!("\"metadata\":{metadata},\"items\":[").as_bytes());
    // The list names the kind of its items; those of built-in kinds don't repeat it.
    let item = if kind.custom().is_some() { type_of(&kind.api_version(), &kind.kind) } else { b"{".to_vec() };
    for (index, object) in objects.iter().enumerate() {
        if 0 < index {
            bytes.push(b',');
        }
        bytes.extend_from_slice(&item);
        bytes.extend_from_slice(object.untyped());
    }
    bytes.extend_from_slice(b"]}");
    bytes
}

fn without_type(object: &Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(fields) = &mut object {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    object
}

fn metadata_of(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// One entry of `Accept`: whether it is YAML and which view, if it is served.
fn media(entry: &str) -> Option<(bool, View)> {
    let mut parts = entry.split(';').map(str::trim);
    let yaml = match parts.next()? {
        "application/json" | "application/*" | "*/*" => false,
        "application/yaml" => true,
        _ => return None,
    };
    let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
    let of = |name: &str| parameters.iter().find(|(one, _)| *one == name).map(|(_, value)| *value);
    let view = match (of("as"), of("v")) {
        (None, _) => View::Full,
        (Some("Table"), None | Some("v1")) => View::Table,
        (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), None | Some("v1")) => View::Metadata,
        // A later entry asks for the same in a version that is served.
        (Some(_), _) => return None,
    };
    Some((yaml, view))
}
