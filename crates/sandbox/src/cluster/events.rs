//! Kubernetes Events: what `kubectl describe` shows.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use ports::Clock;
use serde_json::json;
use tokio::sync::mpsc;

use super::Tasks;

/// Events waiting to be written; more than this many at once are dropped, as Kubernetes' own recorder does.
const WAITING: usize = 1024;
/// Remembered Events, whose count goes up instead of a new one being written.
const REMEMBERED: usize = 4096;

/// Whether an Event is a worry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Severity {
    Normal,
    Warning,
}

/// Writes Events in the background: nobody waits for them and nothing depends on them.
#[derive(Clone)]
pub(crate) struct Recorder {
    waiting: mpsc::Sender<Said>,
}

struct Said {
    about: ObjectReference,
    component: &'static str,
    severity: Severity,
    reason: &'static str,
    message: String,
}

impl Recorder {
    pub(crate) fn start(client: Client, clock: Arc<dyn Clock>, tasks: &Tasks) -> Self {
        let (waiting, heard) = mpsc::channel(WAITING);
        tasks.spawn(write_all(client, clock, heard));
        Self { waiting }
    }

    /// Says something about an object, in the name of a component such as `kubelet`.
    pub(crate) fn say<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        component: &'static str,
        severity: Severity,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        self.say_of(
            ObjectReference { resource_version: None, ..about.object_ref(&()) },
            component,
            severity,
            reason,
            message,
        );
    }

    /// The same about an object of any kind.
    pub(crate) fn say_of(
        &self,
        about: ObjectReference,
        component: &'static str,
        severity: Severity,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let said = Said { about, component, severity, reason, message: message.into() };
        if self.waiting.try_send(said).is_err() {
            tracing::debug!(reason, "an Event was dropped");
        }
    }
}

async fn write_all(client: Client, clock: Arc<dyn Clock>, mut heard: mpsc::Receiver<Said>) {
    let mut known: HashMap<String, (String, i32)> = HashMap::new();
    let mut serial: u64 = 0;
    while let Some(said) = heard.recv().await {
        let api: Api<Event> = Api::namespaced(client.clone(), said.about.namespace.as_deref().unwrap_or("default"));
        let now = clock.now();
        let same = format!("{:?} {} {}", said.about.uid, said.reason, said.message);
        if let Some((name, count)) = known.get_mut(&same) {
            *count = count.saturating_add(1);
            let again = json!({"count": *count, "lastTimestamp": Time(now)});
            if api.patch(name, &PatchParams::default(), &Patch::Merge(again)).await.is_ok() {
                continue;
            }
        }
        serial += 1;
        let name = format!("{}.{:x}{serial:04x}", said.about.name.as_deref().unwrap_or("unknown"), now.as_second());
        let event = event(said, &name, now);
        if let Err(error) = api.create(&PostParams::default(), &event).await {
            tracing::debug!(%error, "failed to write an Event");
            continue;
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(same, (event.name_any(), 1));
    }
}

fn event(said: Said, name: &str, now: jiff::Timestamp) -> Event {
    let mut event = Event {
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        message: Some(said.message),
        reason: Some(said.reason.to_owned()),
        reporting_component: Some(said.component.to_owned()),
        source: Some(EventSource { component: Some(said.component.to_owned()), host: None }),
        type_: Some(
            match said.severity {
                Severity::Normal => "Normal",
                Severity::Warning => "Warning",
            }
            .to_owned(),
        ),
        ..Event::default()
    };
    event.metadata.name = Some(name.to_owned());
    event.metadata.namespace.clone_from(&said.about.namespace);
    event.involved_object = said.about;
    event
}
