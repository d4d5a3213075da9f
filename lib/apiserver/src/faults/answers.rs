//! What a fault makes of a request.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use super::rule::{Asked, Verb};
use super::watching::{Disturbance, disturbed};
use super::{Fault, Faults, History};
use crate::api::Inner;
use crate::refusal::Refusal;
use crate::reply;

/// The connection ends where an answer should have gone on.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut by an injected fault")]
pub(super) struct Severed;

/// An answer, and how long it takes to arrive.
pub(crate) struct Answered {
    pub(crate) response: Response<Body>,
    pub(crate) late: Duration,
}

impl Answered {
    pub(crate) fn at_once(response: Response<Body>) -> Answered {
        Answered { response, late: Duration::ZERO }
    }
}

impl Faults {
    /// Answers a request, or doesn't. `answer` is what the server would say.
    pub(crate) fn meet(&self, inner: &Inner, parts: &Parts, answer: impl FnOnce() -> Response<Body>) -> Answered {
        let Some(asked) = Asked::of(parts) else { return Answered::at_once(answer()) };
        let disturbance = match self.draw(&asked) {
            None => Disturbance::None,
            Some(Fault::Conflict) => return Answered::at_once(conflict(inner, &asked)),
            Some(Fault::Internal) => return Answered::at_once(reply::refusal(&internal())),
            Some(Fault::Unavailable { retry_after }) => return Answered::at_once(unavailable(retry_after)),
            Some(Fault::Busy { retry_after }) => return Answered::at_once(busy(retry_after)),
            Some(Fault::LostBefore) => return Answered::at_once(lost()),
            Some(Fault::LostAfter) => {
                drop(answer());
                return Answered::at_once(lost());
            }
            Some(Fault::Slow(late)) => return Answered { late, ..Answered::at_once(answer()) },
            Some(Fault::Expired) => return Answered::at_once(expired(&asked)),
            Some(Fault::Restart(history)) => {
                if history == History::Lost {
                    inner.world().store.forget();
                }
                self.restart();
                return Answered::at_once(lost());
            }
            Some(Fault::Cut { after }) => Disturbance::Cut { after },
            Some(Fault::Silent(hush)) => Disturbance::Silent(hush),
            Some(Fault::Twice) => Disturbance::Twice,
            Some(Fault::Late(lag)) => Disturbance::Late(lag),
        };
        let response = answer();
        if asked.verb != Verb::Watch {
            return Answered::at_once(response);
        }
        // Every watch, since a restart of the server ends them all.
        Answered::at_once(response.map(|body| disturbed(body, disturbance, self.turns(), inner.closing())))
    }
}

/// A connection that closes instead of an answer: HTTP servers drop it when the body fails before anything was sent.
fn lost() -> Response<Body> {
    Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(Severed) })))
}

/// As if another writer had been faster; a kind that isn't served stays so.
fn conflict(inner: &Inner, asked: &Asked<'_>) -> Response<Body> {
    let refusal = asked.place.and_then(|place| {
        let world = inner.world();
        let kind = world.kinds.by_plural(place.group, place.version, place.plural)?;
        Some(Refusal::conflict(kind, place.name.unwrap_or_default()))
    });
    reply::refusal(&refusal.unwrap_or_else(Refusal::no_such_path))
}

fn internal() -> Refusal {
    let message = "Internal error occurred: injected fault";
    let details = json!({"causes": [{"message": "injected fault"}]});
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message).with_details(details)
}

fn unavailable(retry_after: Duration) -> Response<Body> {
    let secs = retry_after.as_secs();
    let message = "the server is currently unable to handle the request";
    let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message);
    let mut response = reply::refusal(&refusal.with_details(json!({"retryAfterSeconds": secs})));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
    response
}

fn busy(retry_after: Duration) -> Response<Body> {
    let mut response = reply::text("Too many requests, please try again later.");
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    response
}

/// A watch hears of it as an event, as from a history that is too short.
fn expired(asked: &Asked<'_>) -> Response<Body> {
    if asked.verb != Verb::Watch {
        return reply::refusal(&Refusal::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
        ));
    }
    let status = Refusal::expired("too old resource version: injected fault").status();
    let frame = format!("{}\n", json!({"type": "ERROR", "object": status}));
    let mut response = Response::new(Body::from(frame));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
