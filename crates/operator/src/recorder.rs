//! Kubernetes Events, left behind as client-go's recorder leaves them.
//!
//! [`Recorder::record`] never waits and never fails: events are for people to read, and a rollout does not depend on them.
//! Which of them become objects is decided in `correlator.rs`; a task of the recorder's own writes them.

mod correlator;
mod lru;

use std::sync::Arc;
use std::time::Duration;

use ports::{Change, Clock, Key, kinds};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::correlator::{Correlator, Entry, Verdict};
use crate::cluster::{Cluster, Error, Reason};

/// Events waiting to be written; while the API server is down further ones are dropped, as client-go drops them.
const QUEUE_MAX: usize = 1000;

/// How often the writing of one event is tried, and the pause between.
const TRIES: u32 = 3;
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// Something that happened to an object and is worth an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// To which object.
    pub about: Subject,
    /// Whether it is as expected.
    pub kind: EventKind,
    /// One word in upper camel case, such as `Synced`: a bounded set.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

/// The object that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which object.
    pub key: Key,
    /// Its `metadata.uid`.
    pub uid: String,
    /// The `metadata.resourceVersion` that was acted on. It does not tell subjects apart.
    pub resource_version: String,
}

impl Subject {
    /// The subject `object`, which is at `key`.
    pub fn of(key: Key, object: &Value) -> Self {
        let field = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        Self { key, uid: field("uid"), resource_version: field("resourceVersion") }
    }
}

/// Whether an event is as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It is.
    Normal,
    /// It is not.
    Warning,
}

impl EventKind {
    /// The `type` of the Event object.
    pub fn label(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Takes events in; cheap to clone. Its task ends with the last clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: mpsc::Sender<Happening>,
    written: CancellationToken,
}

impl Recorder {
    /// Starts the task that writes events to `cluster`, with the time of `clock`.
    pub fn start(cluster: Cluster, clock: Arc<dyn Clock>) -> Self {
        let (queue, happenings) = mpsc::channel(QUEUE_MAX);
        let written = CancellationToken::new();
        let end = written.clone().drop_guard();
        tokio::spawn(async move {
            write_all(cluster, clock, happenings).await;
            drop(end);
        });
        Self { queue, written }
    }

    /// Cancelled when the last clone is gone and everything is written that it took note of.
    pub fn written(&self) -> CancellationToken {
        self.written.clone()
    }

    /// Takes note of what happened; it is written soon, if at all.
    pub fn record(&self, happening: Happening) {
        if let Err(mpsc::error::TrySendError::Full(happening)) = self.queue.try_send(happening) {
            tracing::debug!(about = %happening.about.key, "event dropped, too many are waiting to be written");
        }
    }
}

async fn write_all(cluster: Cluster, clock: Arc<dyn Clock>, mut happenings: mpsc::Receiver<Happening>) {
    let mut correlator = Correlator::new();
    while let Some(happening) = happenings.recv().await {
        let verdict = correlator.correlate(&happening, clock.now());
        if let Err(error) = write(&cluster, &happening, verdict).await {
            tracing::warn!(about = %happening.about.key, %error, hint = error.hint(), "failed to write an event");
        }
    }
}

/// Writes one event, trying again while that can help.
async fn write(cluster: &Cluster, happening: &Happening, verdict: Verdict) -> Result<(), Error> {
    for _ in 1..TRIES {
        match write_once(cluster, happening, &verdict).await {
            Err(error) if error.retriable() => tokio::time::sleep(RETRY_PAUSE).await,
            outcome => return outcome,
        }
    }
    write_once(cluster, happening, &verdict).await
}

async fn write_once(cluster: &Cluster, happening: &Happening, verdict: &Verdict) -> Result<(), Error> {
    let entry = match verdict {
        Verdict::Drop => return Ok(()),
        Verdict::Create(entry) => entry,
        Verdict::Repeat(entry) => {
            let patched = cluster.perform(&Change::Merge(key_of(happening, entry), entry.patch())).await;
            match patched {
                // Events expire after an hour; its first occurrences may also have been dropped.
                Err(error) if error.reason == Reason::NotFound => entry,
                patched => return patched.map(drop),
            }
        }
    };
    let created = cluster.perform(&Change::Create(key_of(happening, entry), entry.object(happening))).await;
    match created {
        // An answer got lost and the event had been written.
        Err(error) if error.reason == Reason::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

fn key_of(happening: &Happening, entry: &Entry) -> Key {
    Key::new(kinds::EVENT, &happening.about.key.namespace, &entry.name)
}
