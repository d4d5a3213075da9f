//! Answers: the encoding and the view that a client accepts, and the bodies that they make.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, WARNING};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::query::Query;
use crate::refusal::{Answer, Refusal};
use crate::table::IncludeObject;

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
        objects: &[Arc<Value>],
        metadata: &Value,
        now: Timestamp,
    ) -> Answer<Response<Body>> {
        let objects: Vec<Arc<Value>> = objects.iter().map(|object| kind.present(object)).collect();
        match self.view {
            View::Table => {
                let objects: Vec<&Value> = objects.iter().map(|object| &**object).collect();
                self.send(StatusCode::OK, &kind.columns.table(&objects, self.include, metadata, now))
            }
            View::Metadata => {
                let items: Vec<Arc<Value>> = objects.iter().map(|object| Arc::new(metadata_of(object))).collect();
                self.send_list("PartialObjectMetadataList", "meta.k8s.io/v1", metadata, &items)
            }
            // The list names the kind of its items; those of built-in kinds don't repeat it.
            View::Full if kind.custom().is_none() => {
                let items: Vec<Arc<Value>> = objects.iter().map(|object| Arc::new(without_type(object))).collect();
                self.send_list(&kind.list_kind, &kind.api_version(), metadata, &items)
            }
            View::Full => self.send_list(&kind.list_kind, &kind.api_version(), metadata, &objects),
        }
    }

    /// Writes items one after the other instead of copying them into one big value.
    fn send_list(self, kind: &str, version: &str, metadata: &Value, items: &[Arc<Value>]) -> Answer<Response<Body>> {
        let head = json!({"kind": kind, "apiVersion": version, "metadata": metadata});
        if self.yaml {
            let mut list = head;
            list["items"] = items.iter().map(|item| Value::clone(item)).collect();
            return self.send(StatusCode::OK, &list);
        }
        let mut bytes = serde_json::to_vec(&head).map_err(unwritable)?;
        bytes.pop();
        bytes.extend_from_slice(b",\"items\":[");
        for (index, item) in items.iter().enumerate() {
            if 0 < index {
                bytes.push(b',');
            }
            serde_json::to_writer(&mut bytes, &**item).map_err(unwritable)?;
        }
        bytes.extend_from_slice(b"]}");
        Ok(response(StatusCode::OK, "application/json", bytes))
    }

    /// A value in the encoding of the client.
    pub(crate) fn send(self, code: StatusCode, value: &Value) -> Answer<Response<Body>> {
        if self.yaml {
            let text = serde_saphyr::to_string(value).map_err(unwritable)?;
            return Ok(response(code, "application/yaml", text));
        }
        let bytes = serde_json::to_vec(value).map_err(unwritable)?;
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
