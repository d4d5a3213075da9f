//! Why a request was refused, as the `Status` object that clients read.

use http::StatusCode;
use serde_json::{Value, json};

use crate::kinds::{Kind, qualified};
use crate::schema::Cause;

/// An error answer. Texts are those of the real server, since clients and people match on them.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: StatusCode,
    reason: &'static str,
    pub(crate) message: String,
    details: Option<Value>,
}

/// The reason of an answer that never becomes a Status.
const PAGE: &str = "page";

/// The result of a call.
pub(crate) type Answer<T> = Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, reason, message: message.into(), details: None }
    }

    pub(crate) fn with_details(mut self, details: Value) -> Refusal {
        self.details = Some(details);
        self
    }

    /// No such object.
    pub(crate) fn not_found(kind: &Kind, name: &str) -> Refusal {
        let message = format!("{} {name:?} not found", kind.resource());
        Refusal::new(StatusCode::NOT_FOUND, "NotFound", message).with_details(object(kind, name))
    }

    /// No such path.
    pub(crate) fn no_such_path() -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
            .with_details(json!({}))
    }

    /// A path that no part of the API serves; the real server answers that with a line of text.
    pub(crate) fn no_such_page() -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, PAGE, "404 page not found\n")
    }

    /// Whether the answer is text and no Status.
    pub(crate) fn is_page(&self) -> bool {
        self.reason == PAGE
    }

    /// The name is taken.
    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Refusal {
        let message = format!("{} {name:?} already exists", kind.resource());
        Refusal::new(StatusCode::CONFLICT, "AlreadyExists", message).with_details(object(kind, name))
    }

    /// Somebody else was faster.
    pub(crate) fn conflict(kind: &Kind, name: &str) -> Refusal {
        let modified = "the object has been modified; please apply your changes to the latest version and try again";
        Refusal::conflict_because(kind, name, modified)
    }

    /// A precondition of the request doesn't hold.
    pub(crate) fn conflict_because(kind: &Kind, name: &str, why: &str) -> Refusal {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.resource());
        Refusal::new(StatusCode::CONFLICT, "Conflict", message).with_details(object(kind, name))
    }

    /// The same, of something that goes by another name than its plural.
    pub(crate) fn conflict_as(group: &str, kind: &str, name: &str, why: &str) -> Refusal {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified(kind, group));
        let mut details = json!({"kind": kind, "name": name});
        if !group.is_empty() {
            details["group"] = json!(group);
        }
        Refusal::new(StatusCode::CONFLICT, "Conflict", message).with_details(details)
    }

    /// Server-side apply would take fields from other managers; `(message, field)` each.
    pub(crate) fn apply_conflict(message: String, conflicts: &[(String, String)]) -> Refusal {
        let causes: Vec<Value> = conflicts
            .iter()
            .map(|(message, field)| json!({"reason": "FieldManagerConflict", "message": message, "field": field}))
            .collect();
        Refusal::new(StatusCode::CONFLICT, "Conflict", message).with_details(json!({"causes": causes}))
    }

    /// The object breaks rules of its kind.
    pub(crate) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Refusal {
        let mut texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
        texts.dedup();
        let why = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{} {name:?} is invalid: {why}", kind.qualified_kind());
        let causes: Vec<Value> = causes
            .iter()
            .map(|one| json!({"reason": one.reason.word(), "message": one.message, "field": one.field}))
            .collect();
        let mut details = json!({"kind": kind.kind, "causes": causes});
        for (field, text) in [("name", name), ("group", &kind.group)].into_iter().filter(|(_, text)| !text.is_empty()) {
            details[field] = json!(text);
        }
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with_details(details)
    }

    /// The same, of something that goes by another name than its kind: the plural, or a subresource.
    pub(crate) fn invalid_as(group: &str, kind: &str, name: &str, cause: &Cause) -> Refusal {
        let message = format!("{} {name:?} is invalid: {cause}", qualified(kind, group));
        let cause = json!({"reason": cause.reason.word(), "message": cause.message, "field": cause.field});
        let mut details = json!({"kind": kind, "name": name, "causes": [cause]});
        if !group.is_empty() {
            details["group"] = json!(group);
        }
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with_details(details)
    }

    /// The options of a request break their rules.
    pub(crate) fn invalid_options(options: &str, causes: &[Cause]) -> Refusal {
        let texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
        let message = format!("{options}.meta.k8s.io \"\" is invalid: {}", texts.join(", "));
        let causes: Vec<Value> = causes
            .iter()
            .map(|one| json!({"reason": one.reason.word(), "message": one.message, "field": one.field}))
            .collect();
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
            .with_details(json!({"group": "meta.k8s.io", "kind": options, "causes": causes}))
    }

    /// A JSON patch can't be carried out. The real server keeps the reason to itself.
    pub(crate) fn unprocessable() -> Refusal {
        let message = "the server rejected our request due to an error in our request";
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with_details(json!({}))
    }

    /// What a patch makes of the object is none of its kind.
    pub(crate) fn invalid_patch(patch: &str, why: &str) -> Refusal {
        let why = format!("Invalid value: {patch:?}: {why}");
        let causes = json!([{"reason": "FieldValueInvalid", "message": why, "field": "patch"}]);
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", format!(" \"\" is invalid: patch: {why}"))
            .with_details(json!({"causes": causes}))
    }

    /// The server itself failed, or an apply configuration does not fit the kind (the real server makes no difference).
    pub(crate) fn internal(message: String) -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// The request makes no sense.
    pub(crate) fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// Nothing may be created in a namespace that is going away.
    pub(crate) fn namespace_terminating(kind: &Kind, name: &str, namespace: &str) -> Refusal {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let message = format!("{} {name:?} is forbidden: {why}", kind.resource());
        let mut details = object(kind, name);
        details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        Refusal::new(StatusCode::FORBIDDEN, "Forbidden", message).with_details(details)
    }

    /// The bearer token is missing or wrong.
    pub(crate) fn unauthorized() -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// The history doesn't reach that far back.
    pub(crate) fn expired(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::GONE, "Expired", message)
    }

    /// The client asks for a state that is yet to come.
    pub(crate) fn from_the_future(asked: u64, current: u64) -> Refusal {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).with_details(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }))
    }

    /// The resource has no such verb.
    pub(crate) fn method_not_allowed() -> Refusal {
        Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with_details(json!({}))
    }

    /// None of the formats that the client accepts is served.
    pub(crate) fn not_acceptable(served: &str) -> Refusal {
        let message = format!("only the following media types are accepted: {served}");
        Refusal::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// The body has a format that isn't read.
    pub(crate) fn unsupported_media_type(read: &str) -> Refusal {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {read}");
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// The body is larger than the server reads.
    pub(crate) fn too_large(limit: usize) -> Refusal {
        let message = format!("Request entity too large: limit is {limit}");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    /// Evicting now would break a budget.
    pub(crate) fn too_many_requests(message: &str, cause: &str) -> Refusal {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).with_details(json!({
            "causes": [{"reason": "DisruptionBudget", "message": cause}],
        }))
    }

    /// The Status object.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

/// The `details` that name an object.
pub(crate) fn object(kind: &Kind, name: &str) -> Value {
    let mut details = json!({"name": name, "kind": kind.plural});
    if !kind.group.is_empty() {
        details["group"] = json!(kind.group);
    }
    details
}
