//! Revisions: one ReplicaSet for each pod template that a Deployment has had.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use kube::ResourceExt;

use super::rolling::Limits;
use crate::cluster::owned;
use crate::controllers::template_hash;

pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(crate) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(crate) const MAX: &str = "deployment.kubernetes.io/max-replicas";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const HASH: &str = "pod-template-hash";

/// A Deployment's `ReplicaSet`s: the one of its current template, and the others from the oldest to the youngest.
#[derive(Clone, Debug)]
pub(crate) struct Sets<'a> {
    pub(crate) new: Option<&'a ReplicaSet>,
    pub(crate) old: Vec<&'a ReplicaSet>,
}

impl<'a> Sets<'a> {
    pub(crate) fn of(deployment: &Deployment, owned: impl IntoIterator<Item = &'a ReplicaSet>) -> Self {
        let name = name(deployment);
        let mut sets: Vec<&ReplicaSet> = owned.into_iter().collect();
        sets.sort_by_key(|set| (revision(set), set.creation_timestamp().map(|at| at.0), set.name_any()));
        let (new, old): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.name_any() == name);
        Self { new: new.into_iter().next(), old }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &'a ReplicaSet> {
        self.old.iter().copied().chain(self.new)
    }

    /// The number of the current template: one more than the highest before it.
    pub(crate) fn number(&self) -> u64 {
        let next = self.old.iter().map(|set| revision(set)).max().unwrap_or(0).saturating_add(1);
        self.new.map_or(next, |set| revision(set).max(next))
    }
}

/// The name of the ReplicaSet for the current template.
pub(crate) fn name(deployment: &Deployment) -> String {
    format!("{}-{}", deployment.name_any(), hash(deployment))
}

/// The ReplicaSet for the current template, of the given size.
pub(crate) fn replica_set(deployment: &Deployment, replicas: i32, annotations: BTreeMap<String, String>) -> ReplicaSet {
    let spec = deployment.spec.clone();
    let hash = hash(deployment);
    let mut template = spec.template;
    let meta = template.metadata.get_or_insert_default();
    meta.labels.get_or_insert_default().insert(HASH.to_owned(), hash.clone());
    let labels = meta.labels.clone();
    let mut selector = spec.selector;
    selector.match_labels.get_or_insert_default().insert(HASH.to_owned(), hash);

    let mut set = ReplicaSet::default();
    set.metadata.name = Some(name(deployment));
    set.metadata.namespace = deployment.namespace();
    set.metadata.labels = labels;
    set.metadata.annotations = Some(annotations);
    set.metadata.owner_references = owned(deployment);
    set.spec = ReplicaSetSpec {
        min_ready_seconds: spec.min_ready_seconds,
        replicas: Some(replicas),
        selector,
        template: Some(template),
    };
    set
}

/// What the annotations of the current revision's ReplicaSet should be.
///
/// When an older template comes back (an undo), its ReplicaSet gets a new number and remembers the ones it had.
pub(crate) fn annotations(deployment: &Deployment, sets: &Sets, limits: &Limits) -> BTreeMap<String, String> {
    let mut annotations = sets.new.map(|set| set.annotations().clone()).unwrap_or_default();
    let own = [LAST_APPLIED, REVISION, HISTORY, DESIRED, MAX];
    let copied = deployment.annotations().iter().filter(|(key, _)| !own.contains(&key.as_str()));
    annotations.extend(copied.map(|(key, value)| (key.clone(), value.clone())));
    let number = sets.number().to_string();
    if let Some(before) = annotations.insert(REVISION.to_owned(), number.clone())
        && before != number
    {
        let history = annotations.get(HISTORY).map_or_else(|| before.clone(), |history| format!("{history},{before}"));
        annotations.insert(HISTORY.to_owned(), history);
    }
    annotations.extend(sizes(limits));
    annotations
}

/// The size of the Deployment that a ReplicaSet was last fitted into.
pub(crate) fn sizes(limits: &Limits) -> [(String, String); 2] {
    [(DESIRED.to_owned(), limits.replicas.to_string()), (MAX.to_owned(), (limits.replicas + limits.surge).to_string())]
}

/// An annotation that is a number.
pub(crate) fn annotated(set: &ReplicaSet, key: &str) -> Option<i32> {
    set.annotations().get(key)?.parse().ok()
}

/// Old, empty `ReplicaSet`s beyond the limit, oldest first.
pub(crate) fn forgotten(sets: &Sets, limit: i32) -> Vec<String> {
    let empty = |set: &&&ReplicaSet| {
        let status = set.status.clone().unwrap_or_default();
        let wanted = set.spec.replicas.unwrap_or(1);
        let seen = set.metadata.generation.unwrap_or(0) <= status.observed_generation.unwrap_or(0);
        wanted == 0 && status.replicas == 0 && seen && set.metadata.deletion_timestamp.is_none()
    };
    let empty: Vec<&&ReplicaSet> = sets.old.iter().filter(empty).collect();
    let surplus = empty.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    empty.into_iter().take(surplus).map(|set| set.name_any()).collect()
}

fn revision(set: &ReplicaSet) -> u64 {
    set.annotations().get(REVISION).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn hash(deployment: &Deployment) -> String {
    template_hash(&deployment.spec.template)
}
