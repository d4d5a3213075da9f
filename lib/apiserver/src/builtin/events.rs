//! `events.k8s.io/v1` and `v1` Events are the same objects under two names for most fields. They are kept as `v1`.

//! An Event that isn't written again for an hour is gone.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::meta;
use crate::store::{Key, Location};
use crate::world::World;

/// Where Events are kept.
pub(super) const COLLECTION: &str = "events";
/// How long an Event lives, as on the real server.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// Events in the order of their writes: when, which, and the revision of the write.
pub(crate) type Ages = VecDeque<(Timestamp, Key, String)>;

/// Names in `v1` and in `events.k8s.io/v1`.
const NAMES: [(&str, &str); 7] = [
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("involvedObject", "regarding"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
];

/// Notes that an Event was written, and drops those that are too old.
pub(super) fn age(world: &mut World, event: &Value) {
    let now = world.now();
    world.event_ages.push_back((now, Key::of(event), meta::revision(event).to_owned()));
    while let Some((written, key, revision)) = world.event_ages.front().cloned() {
        if now.duration_since(written) < LIFETIME {
            break;
        }
        world.event_ages.pop_front();
        let at = Location::new(COLLECTION, key);
        // A later write of the same Event has a later entry.
        if world.store.get(&at).is_some_and(|event| meta::revision(&event) == revision) {
            world.erase(&at);
        }
    }
}

/// Whether objects of the kind are kept under other names than they are served.
pub(crate) fn converted(kind: &Kind) -> bool {
    kind.is("events.k8s.io", "Event")
}

/// From the served form to the kept one.
pub(crate) fn to_core(event: &mut Value) {
    rename(event, "v1", NAMES.map(|(core, new)| (new, core)));
}

/// From the kept form to the served one.
pub(crate) fn from_core(event: &Arc<Value>) -> Arc<Value> {
    let mut event = Value::clone(event);
    rename(&mut event, "events.k8s.io/v1", NAMES);
    Arc::new(event)
}

fn rename(event: &mut Value, api_version: &str, names: [(&str, &str); 7]) {
    let fields = meta::root(event);
    fields.insert("apiVersion".to_owned(), json!(api_version));
    for (from, to) in names {
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}
