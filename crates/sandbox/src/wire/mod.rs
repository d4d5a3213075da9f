//! HTTP/1.1 on loopback, as the pods, the gateway, the load and the scraper share it.

mod pool;
mod serve;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

pub(crate) use pool::{Failure, Pool};
pub(crate) use serve::{Server, bind};

/// A body that is either at hand or still arriving.
pub(crate) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// A body that is at hand.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A response whose body is at hand.
pub(crate) fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A response that is one line of text.
pub(crate) fn text(status: StatusCode, line: &str) -> Response<Body> {
    respond(status, "text/plain; charset=utf-8", format!("{line}\n"))
}
