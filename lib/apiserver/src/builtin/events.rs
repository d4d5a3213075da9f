//! `events.k8s.io/v1` and `v1` Events are the same objects under two names for most fields. They are kept as `v1`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::meta;

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
