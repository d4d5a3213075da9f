//! The three Services of a canary: the apex that users call, and one for each side.
//!
//! *Reads.* The Services. *Writes.* What is missing, created whole and owned by the Canary; of a Service that exists, its
//! selector and ports, and of one that the Canary owns also its metadata and `trafficDistribution`.
//!
//! *Quirks.*
//! * A Service that the user made is taken over without an owner, so that it stays when the Canary goes; its labels and
//!   annotations are the user's, but for those that keep Flux from reverting the selector.
//! * It is given back with its selector and with Flux's reconciliation on again, which Flagger leaves off. Its ports stay.
//! * `headless` only counts at creation: the API server refuses to change a Service's `clusterIP`.
//! * `trafficDistribution` follows the canary; in Flagger it only counts at creation.

mod given_back;
mod port_list;

use std::collections::BTreeMap;

use api::CustomMetadata;
use ports::{Change, Halt, Key, Seen, kinds};
use serde_json::{Map, Value, json};

use crate::{Context, Error, kubernetes, metadata};

/// Which of the three Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The Service that users call; it selects the primary's pods.
    Apex,
    /// The Service of the primary's pods.
    Primary,
    /// The Service of the target's pods.
    Canary,
}

/// Creates the Service, or brings it to what the canary says. Nothing for targets that are Services themselves.
pub fn reconcile(cx: &Context<'_>, seen: &Seen, role: Role) -> Result<Vec<Change>, Halt<Error>> {
    if cx.canary.spec.target_ref.kind == kinds::SERVICE.kind {
        return Ok(Vec::new());
    }
    let key = key(cx, role);
    let service = Desired::new(cx, role);
    match seen.get(&key)? {
        None => Ok(vec![Change::Create(key.clone(), service.created(cx, &key))]),
        Some(live) => Ok(service.updated(cx, live).map(|service| Change::Replace(key, service)).into_iter().collect()),
    }
}

/// Gives an apex Service that was not created for a Canary back to the user, before the Canary goes: with the selector that
/// the user applied, or pointed at the target's pods, and no longer kept from Flux.
///
/// The target need not be there any more: without its label, the selector is told from the Service itself.
pub fn finalize(cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
    if cx.canary.spec.target_ref.kind == kinds::SERVICE.kind {
        return Ok(Vec::new());
    }
    let key = key(cx, Role::Apex);
    let Some(live) = seen.get(&key)? else { return Ok(Vec::new()) };
    if metadata::controlling_canary(live).is_some() {
        return Ok(Vec::new());
    }
    let applied = metadata::last_applied(live);
    let selector = match &applied {
        Some(applied) => applied.pointer("/spec/selector").cloned(),
        None => given_back::selector(cx, live),
    };
    let restored = given_back::service(live, selector, applied.as_ref());
    Ok(restored.map(|service| Change::Replace(key, service)).into_iter().collect())
}

fn key(cx: &Context<'_>, role: Role) -> Key {
    let name = match role {
        Role::Apex => cx.apex().to_owned(),
        Role::Primary => cx.primary(),
        Role::Canary => cx.canary(),
    };
    Key::new(kinds::SERVICE, cx.namespace(), name)
}

/// What the canary says about one Service.
struct Desired {
    selected: String,
    /// Whether a selector that splits the traffic may stand instead of it.
    splits: bool,
    ports: Vec<Value>,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
}

impl Desired {
    fn new(cx: &Context<'_>, role: Role) -> Self {
        let service = &cx.canary.spec.service;
        let (selected, custom) = match role {
            Role::Apex => (format!("{}-primary", cx.label.value), &service.apex),
            Role::Primary => (format!("{}-primary", cx.label.value), &service.primary),
            Role::Canary => (cx.label.value.to_owned(), &service.canary),
        };
        let custom_map = |field: fn(&CustomMetadata) -> &BTreeMap<String, String>| {
            custom.as_ref().map(|custom| metadata::map(field(custom))).unwrap_or_default()
        };
        let mut labels = custom_map(|custom| &custom.labels);
        labels.insert(cx.label.key.to_owned(), key(cx, role).name.into());
        let mut annotations = custom_map(|custom| &custom.annotations);
        metadata::keep_flux_away(&mut annotations);
        Self { selected, splits: role == Role::Apex, ports: port_list::canary(cx), labels, annotations }
    }

    fn selector(&self, cx: &Context<'_>) -> Value {
        json!({cx.label.key: self.selected})
    }

    /// The Service as it is created.
    fn created(self, cx: &Context<'_>, key: &Key) -> Value {
        let service = &cx.canary.spec.service;
        let mut spec = json!({
            "type": "ClusterIP",
            "selector": self.selector(cx),
            "ports": self.ports,
        });
        if service.headless {
            spec["clusterIP"] = "None".into();
        }
        if let Some(distribution) = service.traffic_distribution {
            spec["trafficDistribution"] = distribution.as_str().into();
        }
        json!({
            "apiVersion": kinds::SERVICE.api_version(),
            "kind": kinds::SERVICE.kind,
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "labels": self.labels,
                "annotations": self.annotations,
                "ownerReferences": [cx.owner_reference()],
            },
            "spec": spec,
        })
    }

    /// The live Service as it should be, `None` when it is.
    fn updated(self, cx: &Context<'_>, live: &Value) -> Option<Value> {
        let mut service = live.clone();
        let mut changed = false;
        let selector = live.pointer("/spec/selector");
        if selector != Some(&self.selector(cx)) && !(self.splits && kubernetes::is_splitting(cx, selector)) {
            service["spec"]["selector"] = self.selector(cx);
            changed = true;
        }
        if let Some(ports) = port_list::updated(live, &self.ports) {
            service["spec"]["ports"] = ports;
            changed = true;
        }
        if metadata::controlling_canary(live) == cx.canary.metadata.name.as_deref() {
            changed |= self.update_owned(cx, &mut service);
        }
        changed.then(|| {
            let mut annotations = metadata::get(&service, "annotations");
            metadata::keep_flux_away(&mut annotations);
            metadata::set(&mut service, "annotations", annotations);
            service
        })
    }

    /// Brings what only the Service's owner may change; `true` when something did.
    fn update_owned(self, cx: &Context<'_>, service: &mut Value) -> bool {
        let wanted = &cx.canary.spec.service;
        let mut changed = false;
        if let Some(distribution) = wanted.traffic_distribution
            && service.pointer("/spec/trafficDistribution").is_none_or(|live| live != distribution.as_str())
        {
            service["spec"]["trafficDistribution"] = distribution.as_str().into();
            changed = true;
        }
        let unmanaged = wanted.unmanaged_metadata.clone().unwrap_or_default();
        let both =
            [("labels", self.labels, unmanaged.labels), ("annotations", self.annotations, unmanaged.annotations)];
        for (field, mut entries, unmanaged) in both {
            let live = metadata::get(service, field);
            entries.extend(live.into_iter().filter(|(key, _)| unmanaged.contains(key)));
            changed |= metadata::set(service, field, entries);
        }
        changed
    }
}
