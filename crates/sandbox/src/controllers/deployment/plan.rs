//! One step of a Deployment: from what is there to what to write next.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use kube::ResourceExt;

use super::proportional::{self, Part};
use super::revision::{self, DESIRED, MAX, REVISION, Sets};
use super::rolling::{Limits, Size};
use super::status::{complete, paused, status};
use crate::cluster::Again;

/// How many old `ReplicaSet`s stay when `revisionHistoryLimit` is not said.
const HISTORY: i32 = 10;

/// What to write, and when to look again.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) create: Option<ReplicaSet>,
    pub(crate) fit: Vec<Fit>,
    pub(crate) delete: Vec<String>,
    /// The Deployment's new revision annotation, if it changes.
    pub(crate) revision: Option<String>,
    pub(crate) status: DeploymentStatus,
    pub(crate) again: Again,
}

/// A ReplicaSet that has to be written: its size, its annotations, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) from: i32,
    pub(crate) to: i32,
    pub(crate) min_ready_secs: Option<i32>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The next sizes: of the current revision (`None`: it is not to be created yet), and of the old ones.
type Sizes = (Option<i32>, Vec<i32>);

/// Plans the next step. `old_pods` says whether pods of other templates are still there.
pub(crate) fn plan<'a>(
    deployment: &Deployment,
    owned: impl IntoIterator<Item = &'a ReplicaSet>,
    old_pods: bool,
    now: Timestamp,
) -> Plan {
    let sets = Sets::of(deployment, owned);
    let limits = Limits::of(deployment);
    let (new, old) = sizes(deployment, &sets, &limits, old_pods);
    let annotations = revision::annotations(deployment, &sets, &limits);
    let create = match (sets.new, new) {
        (None, Some(size)) => Some(revision::replica_set(deployment, size, annotations.clone())),
        _ => None,
    };
    let (status, again) =
        status(deployment, &sets, create.as_ref().and_then(|set| set.metadata.name.as_deref()), &limits, now);
    let mut fit: Vec<Fit> = sets.old.iter().zip(old).filter_map(|(set, to)| fit_old(set, to, &limits)).collect();
    if let Some(set) = sets.new {
        fit.extend(fit_new(deployment, set, new.unwrap_or_else(|| desired(set)), annotations));
    }
    let number = sets.number().to_string();
    let current = sets.new.is_some() || create.is_some();
    let renumbered = current && deployment.annotations().get(REVISION) != Some(&number);
    let limit = deployment.spec.revision_history_limit.unwrap_or(HISTORY);
    let tidy = complete(deployment, &status, &limits) || paused(deployment);
    Plan {
        create,
        fit,
        delete: if tidy { revision::forgotten(&sets, limit) } else { Vec::new() },
        revision: renumbered.then_some(number),
        status,
        again,
    }
}

fn sizes(deployment: &Deployment, sets: &Sets, limits: &Limits, old_pods: bool) -> Sizes {
    if paused(deployment) || rescaled(sets, limits) {
        return scaled(sets, limits);
    }
    let strategy = deployment.spec.strategy.as_ref().and_then(|strategy| strategy.type_.as_deref());
    let recreate = strategy == Some("Recreate");
    let old: Vec<Size> = sets.old.iter().map(|set| size(set)).collect();
    let new = sets.new.map_or(Size { desired: 0, available: 0 }, size);
    if recreate {
        let waiting = old_pods || old.iter().any(|old| 0 < old.desired);
        let unchanged = sets.new.map(|_| new.desired);
        return (if waiting { unchanged } else { Some(limits.replicas) }, vec![0; old.len()]);
    }
    if sets.new.is_none() {
        // The new revision comes first; the old ones follow when it is there.
        return (Some(limits.grow(new, &old)), old.iter().map(|old| old.desired).collect());
    }
    let next = limits.next(new, &old);
    (Some(next.new), next.old)
}

/// Whether the Deployment's own size was changed since its `ReplicaSet`s were fitted into it.
fn rescaled(sets: &Sets, limits: &Limits) -> bool {
    let changed = |set: &ReplicaSet| revision::annotated(set, DESIRED).is_some_and(|fitted| fitted != limits.replicas);
    sets.all().filter(|set| 0 < desired(set)).any(changed)
}

/// Sizes after scaling without moving the rollout on.
fn scaled(sets: &Sets, limits: &Limits) -> Sizes {
    let mut all: Vec<&ReplicaSet> = sets.all().collect();
    let active: Vec<usize> = all.iter().enumerate().filter(|(_, set)| 0 < desired(set)).map(|(at, _)| at).collect();
    let mut sizes: Vec<i32> = all.iter().map(|set| desired(set)).collect();
    let saturated = sets.new.is_some_and(|set| {
        let size = size(set);
        size.desired == limits.replicas && limits.replicas <= size.available
    });
    match active.as_slice() {
        [] => sizes.last_mut().into_iter().for_each(|size| *size = limits.replicas),
        [only] => sizes.get_mut(*only).into_iter().for_each(|size| *size = limits.replicas),
        _ if saturated => sizes.iter_mut().take(sets.old.len()).for_each(|size| *size = 0),
        several => {
            all = several.iter().filter_map(|at| all.get(*at).copied()).collect();
            let total = limits.replicas + limits.surge;
            let part = |set: &&ReplicaSet| Part {
                desired: desired(set),
                annotated_max: revision::annotated(set, MAX).unwrap_or(total),
            };
            let parts: Vec<Part> = all.iter().map(part).collect();
            for (at, to) in several.iter().zip(proportional::scale(limits, &parts)) {
                sizes.get_mut(*at).into_iter().for_each(|size| *size = to);
            }
        }
    }
    let new = sets.new.and_then(|_| sizes.pop());
    (new, sizes)
}

fn fit_old(set: &ReplicaSet, to: i32, limits: &Limits) -> Option<Fit> {
    let from = desired(set);
    let mut annotations = set.annotations().clone();
    if 0 < from {
        annotations.extend(revision::sizes(limits));
    }
    fit(set, from, to, set.spec.min_ready_seconds, annotations)
}

fn fit_new(deployment: &Deployment, set: &ReplicaSet, to: i32, annotations: BTreeMap<String, String>) -> Option<Fit> {
    fit(set, desired(set), to, deployment.spec.min_ready_seconds, annotations)
}

fn fit(
    set: &ReplicaSet,
    from: i32,
    to: i32,
    min_ready_secs: Option<i32>,
    annotations: BTreeMap<String, String>,
) -> Option<Fit> {
    let patience = set.spec.min_ready_seconds.unwrap_or(0);
    let differs = from != to || set.annotations() != &annotations || patience != min_ready_secs.unwrap_or(0);
    let version = set.resource_version();
    differs.then(|| Fit { name: set.name_any(), version, from, to, min_ready_secs, annotations })
}

fn desired(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

fn size(set: &ReplicaSet) -> Size {
    let available = set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0);
    Size { desired: desired(set), available }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::ReplicaSetStatus;
    use serde_json::json;

    use super::*;

    /// A Deployment and its ReplicaSets, stepped by hand.
    struct World {
        deployment: Deployment,
        sets: Vec<ReplicaSet>,
        now: Timestamp,
    }

    impl World {
        fn new(replicas: i32, strategy: &str) -> Self {
            let deployment = json!({
                "metadata": {"name": "podinfo", "namespace": "test", "generation": 1, "uid": "u"},
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "podinfo"}}, "strategy": {"type": strategy},
                    "progressDeadlineSeconds": 60, "revisionHistoryLimit": 1,
                    "template": {"metadata": {"labels": {"app": "podinfo"}}, "spec": {"containers": []}}},
            });
            let deployment = serde_json::from_value(deployment).unwrap();
            Self { deployment, sets: Vec::new(), now: "2026-01-01T00:00:00Z".parse().unwrap() }
        }

        /// Changes the template, as a new image would.
        fn release(&mut self, version: &str) {
            let meta = self.deployment.spec.template.metadata.get_or_insert_default();
            meta.labels.get_or_insert_default().insert("version".into(), version.into());
            self.deployment.metadata.generation = self.deployment.metadata.generation.map(|generation| generation + 1);
        }

        fn step(&mut self) {
            let plan = plan(&self.deployment, &self.sets, false, self.now);
            self.sets.extend(plan.create);
            for fit in plan.fit {
                let set = self.sets.iter_mut().find(|set| set.name_any() == fit.name).unwrap();
                set.spec.replicas = Some(fit.to);
                set.metadata.annotations = Some(fit.annotations);
            }
            self.sets.retain(|set| !plan.delete.contains(&set.name_any()));
            if let Some(revision) = plan.revision {
                self.deployment.annotations_mut().insert(REVISION.into(), revision);
            }
            self.deployment.status = Some(plan.status);
        }

        /// Every pod that is asked for is there and available.
        fn pods_come(&mut self) {
            for set in &mut self.sets {
                let replicas = desired(set);
                let available_replicas = Some(replicas);
                set.status = Some(ReplicaSetStatus { replicas, available_replicas, ..ReplicaSetStatus::default() });
            }
        }

        fn settle(&mut self) {
            for _ in 0..20 {
                self.step();
                self.pods_come();
            }
        }

        /// The sets as (revision, size), by revision.
        fn sizes(&self) -> Vec<(&str, i32)> {
            let mut sizes: Vec<_> =
                self.sets.iter().map(|set| (set.annotations()[REVISION].as_str(), desired(set))).collect();
            sizes.sort_unstable();
            sizes
        }

        fn progressing(&self) -> Option<&str> {
            let conditions = self.deployment.status.as_ref()?.conditions.as_ref()?;
            conditions.iter().find(|condition| condition.type_.as_deref() == Some("Progressing"))?.reason.as_deref()
        }
    }

    #[test]
    fn releases_get_rising_revisions_and_an_undo_gets_a_new_one() {
        let mut world = World::new(3, "RollingUpdate");
        for version in ["1", "2", "1"] {
            world.release(version);
            world.settle();
        }
        assert_eq!(world.sizes(), [("2", 0), ("3", 3)]);
        assert_eq!(world.deployment.annotations()[REVISION], "3");
        let back = world.sets.iter().find(|set| desired(set) == 3).unwrap();
        assert_eq!(back.annotations()["deployment.kubernetes.io/revision-history"], "1");
        assert_eq!(world.progressing(), Some("NewReplicaSetAvailable"));
    }

    #[test]
    fn old_revisions_beyond_the_limit_are_deleted_when_the_rollout_is_over() {
        let mut world = World::new(1, "RollingUpdate");
        for version in ["1", "2", "3", "4"] {
            world.release(version);
            world.settle();
        }
        assert_eq!(world.sizes(), [("3", 0), ("4", 1)]);
    }

    #[test]
    fn recreate_waits_until_the_old_pods_are_gone() {
        let mut world = World::new(2, "Recreate");
        world.settle();
        world.release("2");
        world.step();
        assert_eq!(world.sizes(), [("1", 0)]);
        assert!(plan(&world.deployment, &world.sets, true, world.now).create.is_none(), "old pods are still there");
        world.settle();
        assert_eq!(world.sizes(), [("1", 0), ("2", 2)]);
    }

    #[test]
    fn a_rollout_that_does_not_move_exceeds_its_deadline() {
        let mut world = World::new(2, "RollingUpdate");
        world.settle();
        world.release("2");
        world.step();
        assert_eq!(world.progressing(), Some("NewReplicaSetCreated"));
        world.now += jiff::SignedDuration::from_secs(59);
        world.step();
        assert_eq!(world.progressing(), Some("NewReplicaSetCreated"));
        world.now += jiff::SignedDuration::from_secs(1);
        world.step();
        assert_eq!(world.progressing(), Some("ProgressDeadlineExceeded"));
        world.settle();
        assert_eq!(world.progressing(), Some("NewReplicaSetAvailable"), "late is better than never");
    }

    #[test]
    fn a_paused_deployment_scales_but_does_not_roll() {
        let mut world = World::new(2, "RollingUpdate");
        world.settle();
        world.deployment.spec.paused = Some(true);
        world.release("2");
        world.deployment.spec.replicas = Some(5);
        world.settle();
        assert_eq!(world.sizes(), [("1", 5)]);
        assert_eq!(world.progressing(), Some("DeploymentPaused"));
        world.deployment.spec.paused = None;
        world.settle();
        assert_eq!(world.sizes(), [("1", 0), ("2", 5)]);
    }
}
