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
use crate::meta;
use crate::query::Query;
use crate::refusal::{Answer, Refusal};
use crate::reply::{Format, View};
use crate::select::{Selector, in_namespace};
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
    /// Frames that are ready to go.
    queue: VecDeque<Bytes>,
    ended: bool,
}

/// Begins a watch; the body of the answer ends with it.
pub(crate) fn begin(
    inner: &Arc<Inner>,
    world: &mut World,
    kind: &Arc<Kind>,
    namespace: Option<&str>,
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
        namespace: namespace.map(str::to_owned),
        selector: Selector::parse(query.get("labelSelector"), query.get("fieldSelector"))?,
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
        Start::State | Start::StateAndMark => watch.send_state(world),
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
                let parsed = text.parse::<u64>();
                parsed.map_err(|_| Refusal::bad_request(format!("invalid resource version {text:?}")))?
            }
        };
        match query.flag_if_given("sendInitialEvents")? {
            Some(_) if query.get("resourceVersionMatch") != Some("NotOlderThan") => Err(Refusal::bad_request(
                "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            )),
            Some(_) if current < revision => Err(Refusal::from_the_future(revision, current)),
            Some(true) => Ok(Start::StateAndMark),
            Some(false) if revision == 0 => Ok(Start::After(current)),
            None if revision == 0 => Ok(Start::State),
            Some(false) | None => Ok(Start::After(revision)),
        }
    }
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Watch)> {
        loop {
            if let Some(frame) = self.queue.pop_front() {
                return Some((Ok(frame), self));
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
            self.deliver(&world, &event);
        }
        self.cursor = current;
    }

    fn send_state(&mut self, world: &World) {
        for object in world.store.list(&self.kind.collection, self.namespace.as_deref()) {
            if self.selector.matches(&object) {
                self.object_frame(world, "ADDED", &object);
            }
        }
    }

    /// Turns a change into what it means for the selection.
    fn deliver(&mut self, world: &World, event: &Event) {
        if !in_namespace(&event.object, self.namespace.as_deref()) {
            return;
        }
        let selected = |object: &Value| self.selector.matches(object);
        let before = event.previous.as_ref().is_some_and(|previous| selected(previous));
        let after = event.change != Change::Deleted && selected(&event.object);
        match (before, after) {
            (false, true) => self.object_frame(world, "ADDED", &event.object),
            (true, true) => self.object_frame(world, "MODIFIED", &event.object),
            (true, false) if event.change == Change::Deleted => self.object_frame(world, "DELETED", &event.object),
            (true, false) => {
                // It is still there but no longer selected: show it as it was last selected.
                let mut last = event.previous.as_deref().cloned().unwrap_or_default();
                meta::put(&mut last, "resourceVersion", Some(json!(event.revision.to_string())));
                self.object_frame(world, "DELETED", &Arc::new(last));
            }
            (false, false) => {}
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

    fn object_frame(&mut self, world: &World, change: &str, object: &Arc<Value>) {
        let object = self.format.view(&self.kind, object, world.now());
        self.frame(change, &object);
    }

    fn frame(&mut self, change: &str, object: &Value) {
        let mut bytes = format!("{{\"type\":\"{change}\",\"object\":").into_bytes();
        if serde_json::to_writer(&mut bytes, object).is_ok() {
            bytes.extend_from_slice(b"}\n");
            self.queue.push_back(Bytes::from(bytes));
        }
    }
}
