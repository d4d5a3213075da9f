//! What all services of this binary answer alike: words, and why a request is not served.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use process::server::{Server, plain};
use tokio_util::sync::CancellationToken;

use crate::caller::Refusal;
use crate::serving::LIMITS;

/// An answer, or why there is none.
pub(crate) type Answer = Result<Response<Full<Bytes>>, Refusal>;

/// Words for people.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    plain(status, "text/plain; charset=utf-8", text)
}

impl From<Refusal> for Response<Full<Bytes>> {
    fn from(Refusal { status, reason }: Refusal) -> Self {
        text(status, reason)
    }
}

/// Serves until `stop` is cancelled.
pub(crate) async fn serve<A, F>(server: Server, stop: CancellationToken, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let told = move |request| {
        let answer = answer(request);
        async move { answer.await.unwrap_or_else(Response::from) }
    };
    server.serve(LIMITS, stop, told).await;
}
