//! Objects that can't be served: whoever wrote one is told why in an Event.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::ObjectMeta;

use crate::cluster::{Recorder, Severity};

/// Who complains.
const COMPONENT: &str = "gateway";

/// What is wrong with an object.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    about: ObjectReference,
    why: String,
}

impl Complaint {
    pub(super) fn of(api_version: &str, kind: &str, object: &ObjectMeta, why: &impl ToString) -> Self {
        let about = ObjectReference {
            api_version: Some(api_version.to_owned()),
            kind: Some(kind.to_owned()),
            name: object.name.clone(),
            namespace: object.namespace.clone(),
            uid: object.uid.clone(),
            ..ObjectReference::default()
        };
        Self { about, why: why.to_string() }
    }
}

/// The complaints that were said, and still hold.
#[derive(Default)]
pub(super) struct Said(BTreeSet<(Option<String>, String)>);

impl Said {
    /// Says those that are new.
    pub(super) fn say(&mut self, complaints: &[Complaint], events: &Recorder) {
        let key = |complaint: &Complaint| (complaint.about.uid.clone(), complaint.why.clone());
        for complaint in complaints.iter().filter(|complaint| !self.0.contains(&key(complaint))) {
            events.say_of(complaint.about.clone(), COMPONENT, Severity::Warning, "Rejected", complaint.why.clone());
        }
        self.0 = complaints.iter().map(key).collect();
    }
}
