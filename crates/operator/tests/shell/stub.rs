//! An API server of canned answers, in process: what it says is the test's to choose, what it was asked can be read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flagger_operator::cluster::Cluster;
use futures::{StreamExt, stream};
use http::header::ACCEPT;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// The server; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Stub {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// By method and path, without the query.
    answers: BTreeMap<String, (u16, Value)>,
    asked: Vec<String>,
    accepted: Vec<String>,
    watches: Vec<mpsc::UnboundedSender<Value>>,
}

impl Stub {
    pub(crate) fn cluster(&self) -> Cluster {
        let stub = self.clone();
        let service = tower::service_fn(move |request| {
            let stub = stub.clone();
            async move { Ok::<_, Infallible>(stub.handle(request).await) }
        });
        Cluster::new(kube::Client::new(service, "default"))
    }

    /// From now on `request` (`GET /api/v1/...`) is answered like this.
    pub(crate) fn answer(&self, request: &str, status: u16, body: Value) {
        self.inner.lock().unwrap().answers.insert(request.to_owned(), (status, body));
    }

    /// From now on `request` is refused as API servers refuse.
    pub(crate) fn refuse(&self, request: &str, status: u16, reason: &str, message: &str) {
        let body = json!({"kind": "Status", "status": "Failure", "code": status, "reason": reason, "message": message});
        self.answer(request, status, body);
    }

    /// The list at `path` has these items.
    pub(crate) fn list(&self, path: &str, items: &[Value]) {
        let body = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "100"}, "items": items});
        self.answer(&format!("GET {path}"), 200, body);
    }

    /// Tells everybody who watches.
    pub(crate) fn happen(&self, what: &str, object: &Value) {
        let inner = self.inner.lock().unwrap();
        for watch in &inner.watches {
            watch.send(json!({"type": what, "object": object})).ok();
        }
    }

    /// Requests so far: method, path and query, body; watches left out.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.inner.lock().unwrap().asked.clone()
    }

    /// The forms of answer that requests accepted, watches included.
    pub(crate) fn accepted(&self) -> Vec<String> {
        self.inner.lock().unwrap().accepted.clone()
    }

    /// What was asked once there are this many requests.
    pub(crate) async fn asked_for(&self, count: usize) -> Vec<String> {
        while self.asked().len() < count {
            tokio::task::yield_now().await;
        }
        self.asked()
    }

    async fn handle(&self, request: Request<Body>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut inner = self.inner.lock().unwrap();
        inner.accepted.extend(head.headers.get(ACCEPT).map(|accept| accept.to_str().unwrap().to_owned()));
        if head.uri.query().is_some_and(|query| query.contains("watch=true")) {
            let (events, queue) = mpsc::unbounded_channel::<Value>();
            inner.watches.push(events);
            let frames = stream::unfold(queue, |mut queue| async { Some((queue.recv().await?, queue)) })
                .map(|event| Ok::<_, Infallible>(Frame::data(Bytes::from(format!("{event}\n")))));
            return Response::new(StreamBody::new(frames).boxed_unsync());
        }
        inner
            .asked
            .push(format!("{} {} {}", head.method, head.uri, String::from_utf8_lossy(&body)).trim_end().to_owned());
        let missing = (404, json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"}));
        let (status, answer) =
            inner.answers.get(&format!("{} {}", head.method, head.uri.path())).cloned().unwrap_or(missing);
        let body = Full::new(Bytes::from(answer.to_string())).boxed_unsync();
        Response::builder().status(status).body(body).unwrap()
    }
}

/// A Deployment of namespace `test`, as it stands in lists: without kind.
pub(crate) fn deployment(name: &str, version: &str) -> Value {
    json!({
        "metadata": {"namespace": "test", "name": name, "resourceVersion": version, "managedFields": [{"manager": "kubectl"}]},
        "spec": {"replicas": 1},
    })
}
