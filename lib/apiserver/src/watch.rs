//! Watches: a reader of the history that waits for more.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use crate::api::Inner;
use crate::kinds::Kind;
use crate::packed::Packed;
use crate::query::Query;
use crate::refusal::{Answer, Refusal};
use crate::reply::{Format, View};
use crate::route::Place;
use crate::schema::{Cause, CauseReason};
use crate::select::Selector;
use crate::store::{Change, Event};
use crate::world::World;

/// How long a watch lives if the client doesn't say.
const TIMEOUT: Duration = Duration::from_secs(45 * 60);
/// The pace of bookmarks, as on the real server.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What a watch begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The state as it is now, then changes.
    State,
    /// The state, then a bookmark that marks its end, then changes.
    StateAndMark,
    /// Changes after a revision.
    After(u64),
}

/// A running watch.
struct Watch {
    inner: Arc<Inner>,
    kind: Arc<Kind>,
    namespace: Option<String>,
    selector: Selector,
    format: Format,
    /// Everything up to here was delivered.
    cursor: u64,
    bookmarks: bool,
    deadline: Instant,
    next_bookmark: Instant,
    changed: broadcast::Receiver<()>,
    closing: watch::Receiver<bool>,
    /// What is to be sent. Objects are written when their turn comes: a state of thousands takes no room before.
    queue: VecDeque<Frame>,
    ended: bool,
}

/// One line of a watch.
enum Frame {
    Ready(Bytes),
    Object { change: &'static str, object: Arc<Packed> },
}

/// Begins a watch; the body of the answer ends with it.
pub(crate) fn begin(
    inner: &Arc<Inner>,
    world: &mut World,
    kind: &Arc<Kind>,
    place: &Place<'_>,
    query: &Query,
    format: Format,
) -> Answer<Response<Body>> {
    let bookmarks = query.flag("allowWatchBookmarks")?;
    let start = Start::parse(query, world.store.revision())?;
    let timeout = query.number("timeoutSeconds")?.filter(|secs| 0 < *secs).map_or(TIMEOUT, Duration::from_secs);
    let now = Instant::now();
    let mut watch = Watch {
        inner: inner.clone(),
        kind: kind.clone(),
        namespace: place.namespace.map(str::to_owned),
        selector: Selector::parse(query.get("labelSelector"), query.get("fieldSelector"))?.named(place.name),
        format,
        cursor: world.store.revision(),
        bookmarks,
        deadline: now + timeout.min(TIMEOUT),
        next_bookmark: now + BOOKMARK_EVERY,
        changed: world.store.subscribe(&kind.collection),
        closing: inner.closing(),
        queue: VecDeque::new(),
        ended: false,
    };
    match start {
        Start::After(revision) => watch.cursor = revision,
        Start::State | Start::StateAndMark => watch.queue_state(world),
    }
    if start == Start::StateAndMark {
        watch.bookmark(world, true);
    }
    let frames = stream::unfold(watch, |watch| async { watch.next().await });
    let mut response = Response::new(Body::from_stream(frames));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

impl Start {
    fn parse(query: &Query, current: u64) -> Answer<Start> {
        let revision = match query.get("resourceVersion") {
            None => 0,
            Some(text) => {
                let why = format!("Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax");
                text.parse::<u64>().map_err(|_| Refusal::internal(format!("resourceVersion: {why}")))?
            }
        };
        match query.flag_if_given("sendInitialEvents")? {
            Some(_) if query.get("resourceVersionMatch") != Some("NotOlderThan") => {
                Err(forbidden_match("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
            }
            None if query.get("resourceVersionMatch").is_some() => {
                Err(forbidden_match("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
            }
            Some(_) if current < revision => Err(Refusal::from_the_future(revision, current)),
            Some(true) => Ok(Start::StateAndMark),
            Some(false) if revision == 0 => Ok(Start::After(current)),
            None if revision == 0 => Ok(Start::State),
            Some(false) | None => Ok(Start::After(revision)),
        }
    }
}

fn forbidden_match(why: &str) -> Refusal {
    let cause = Cause::of_field(CauseReason::Forbidden, "resourceVersionMatch", why);
    Refusal::invalid_options("ListOptions", &[cause])
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Watch)> {
        loop {
            if let Some(frame) = self.queue.pop_front() {
                return Some((Ok(self.written(frame)), self));
            }
            if self.ended {
                return None;
            }
            self.catch_up();
            if self.queue.is_empty() && !self.ended {
                self.wait().await;
            }
        }
    }

    async fn wait(&mut self) {
        let wake = if self.bookmarks { self.deadline.min(self.next_bookmark) } else { self.deadline };
        tokio::select! {
            biased;
            changed = self.changed.recv() => {
                if changed == Err(RecvError::Closed) {
                    // The resource is served no longer: deliver what there was, then end.
                    self.catch_up();
                    self.ended = true;
                }
            }
            _ = self.closing.changed() => self.ended = true,
            () = sleep_until(wake) => {
                if self.deadline <= Instant::now() {
                    self.ended = true;
                } else {
                    let inner = self.inner.clone();
                    self.bookmark(&inner.world(), false);
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                }
            }
        }
    }

    /// Queues what happened since the cursor.
    fn catch_up(&mut self) {
        let inner = self.inner.clone();
        let world = inner.world();
        let current = world.store.revision();
        if current < self.cursor {
            // The client is ahead: it hears of what comes after the revision that it named.
            return;
        }
        let events = world.store.since(&self.kind.collection, self.cursor);
        let Some(events) = events else {
            let message = format!("too old resource version: {} ({current})", self.cursor);
            self.frame("ERROR", &Refusal::expired(message).status());
            self.ended = true;
            return;
        };
        for event in events {
            self.deliver(&event);
        }
        self.cursor = current;
    }

    fn queue_state(&mut self, world: &World) {
        for object in world.store.list(&self.kind.collection, self.namespace.as_deref()) {
            if self.selector.selects(&object) {
                self.object("ADDED", object);
            }
        }
    }

    /// Turns a change into what it means for the selection.
    fn deliver(&mut self, event: &Event) {
        if !event.object.key.is_in(self.namespace.as_deref()) {
            return;
        }
        let previous = event.previous.as_ref().filter(|previous| self.selector.selects(previous));
        let after = event.change != Change::Deleted && self.selector.selects(&event.object);
        match (previous, after) {
            (None, true) => self.object("ADDED", event.object.clone()),
            (Some(_), true) => self.object("MODIFIED", event.object.clone()),
            (Some(_), false) if event.change == Change::Deleted => self.object("DELETED", event.object.clone()),
            // It is still there but no longer selected: show it as it was last selected.
            (Some(previous), false) => self.object("DELETED", Arc::new(previous.at_revision(event.revision))),
            (None, false) => {}
        }
    }

    /// Tells the client how far it has come.
    fn bookmark(&mut self, world: &World, initial_end: bool) {
        let mut metadata = json!({"resourceVersion": self.cursor.to_string()});
        if initial_end {
            metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
        }
        let object = match self.format.view {
            View::Full => json!({"kind": self.kind.kind, "apiVersion": self.kind.api_version(), "metadata": metadata}),
            View::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
            }
            View::Table => self.kind.columns.table(&[], self.format.include, &metadata, world.now()),
        };
        self.frame("BOOKMARK", &object);
    }

    fn object(&mut self, change: &'static str, object: Arc<Packed>) {
        self.queue.push_back(Frame::Object { change, object });
    }

    fn frame(&mut self, change: &str, object: &Value) {
        let line = format!("{{\"type\":\"{change}\",\"object\":{object}}}\n");
        self.queue.push_back(Frame::Ready(Bytes::from(line)));
    }

    fn written(&self, frame: Frame) -> Bytes {
        let (change, object) = match frame {
            Frame::Ready(line) => return line,
            Frame::Object { change, object } => (change, object),
        };
        let mut line = format!("{{\"type\":\"{change}\",\"object\":").into_bytes();
        self.format.append(&mut line, &self.kind, &object, || self.inner.world().now());
        line.extend_from_slice(b"}\n");
        Bytes::from(line)
    }
}
