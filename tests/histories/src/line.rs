//! The way of one operator process to the rest of the world, and how that process dies.
//!
//! A life ends before or after a chosen request: what it says from then on reaches nobody, and nothing answers it.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use apiserver::Api;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use kube::client::Body;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::Service;

use crate::scene::{Actor, Scene};

/// What one history's operator may ask for; one that asks for more is going round in circles.
const REQUESTS_MAX: u64 = 100_000;

/// The process is dead or cut off, or its request can't be read.
#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
pub(crate) struct Gone;

/// Where in an exchange a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Nothing has happened.
    Before,
    /// It has happened, and the process has not heard of it.
    After,
}

/// One life of the operator's process.
#[derive(Clone, Default)]
pub(crate) struct Life {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    died: Notify,
}

#[derive(Default)]
struct State {
    dead: bool,
    /// How many exchanges are left, and where in the last one the end is.
    fuse: Option<(u32, Point)>,
    /// Until when it is cut off from everything.
    cut: Option<Instant>,
    requests: u64,
}

impl Life {
    /// The process dies in the `exchange`th exchange from now on that changes or asks something outside.
    pub(crate) fn light(&self, exchange: u32, point: Point) {
        self.state().fuse = Some((exchange, point));
    }

    /// Nothing that the process says from now on gets anywhere, for a while.
    pub(crate) fn cut_off(&self, stretch: Duration) {
        self.state().cut = Some(Instant::now() + stretch);
    }

    /// It lives on, and is heard.
    pub(crate) fn put_out(&self) {
        let mut state = self.state();
        (state.fuse, state.cut) = (None, None);
    }

    /// Waits for its end.
    pub(crate) async fn died(&self) {
        self.shared.died.notified().await;
    }

    /// Whether it went round in circles.
    pub(crate) fn is_frantic(&self) -> bool {
        REQUESTS_MAX <= self.state().requests
    }

    /// An exchange begins. Answers whether the process dies after it, unless it is dead already.
    pub(crate) fn begin(&self, counts: bool) -> Result<bool, Gone> {
        let mut state = self.state();
        state.requests += 1;
        if state.cut.is_some_and(|until| Instant::now() < until) {
            return Err(Gone);
        }
        let last = match &mut state.fuse {
            Some((left, point)) if counts => {
                *left = left.saturating_sub(1);
                (*left == 0).then_some(*point)
            }
            _ => None,
        };
        let frantic = REQUESTS_MAX <= state.requests;
        drop(state);
        if last == Some(Point::Before) || frantic {
            self.end();
        }
        if self.state().dead { Err(Gone) } else { Ok(last == Some(Point::After)) }
    }

    /// The answer arrives, if there is still somebody to hear it.
    pub(crate) fn heard<T>(&self, answer: T, dies: bool) -> Result<T, Gone> {
        if dies {
            self.end();
        }
        if self.state().dead { Err(Gone) } else { Ok(answer) }
    }

    /// The end.
    pub(crate) fn end(&self) {
        self.state().dead = true;
        self.shared.died.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line from one life to the API server.
#[derive(Clone)]
pub(crate) struct Line {
    api: Api,
    scene: Scene,
    life: Life,
    actor: Actor,
}

impl Line {
    /// From `life`, which is one of this replica's, to `api`.
    pub(crate) fn new(api: Api, scene: Scene, life: Life, replica: usize) -> Self {
        Self { api, scene, life, actor: Actor::Operator(replica) }
    }

    async fn exchange(mut self, request: Request<Body>) -> Result<Answer, Gone> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Gone)?.to_bytes();
        head.headers.insert(USER_AGENT, HeaderValue::from_static("flagger/histories"));
        // What is said about the lease is no step of a release, and would be most of what a process says.
        let counts = head.method != Method::GET && !head.uri.path().contains("/leases");
        let dies = self.life.begin(counts)?;
        let mut answer = Service::call(&mut self.api, Request::from_parts(head, Full::new(body)));
        let answered = poll_fn(|cx| self.scene.acting(self.actor, || answer.as_mut().poll(cx))).await;
        let Ok::<Answer, Infallible>(answer) = answered;
        self.life.heard(answer, dies)
    }
}

/// What the API server answers.
type Answer = <Api as Service<Request<Full<Bytes>>>>::Response;

impl Service<Request<Body>> for Line {
    type Response = Answer;
    type Error = Gone;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Gone>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().exchange(request))
    }
}
