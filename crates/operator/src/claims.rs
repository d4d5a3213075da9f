//! Which canaries name which target: an index over what the watch has, on plain values.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use ports::{Key, kinds};
use rollout::{Claim, Claimant};
use serde_json::Value;

use crate::places::Places;

/// All canaries by their targets.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// Hardly ever more than one for a target.
    claimants: HashMap<Target, Vec<Claimant>>,
    targets: Places<Target>,
}

/// What a canary names: namespace, group, kind and name. Versions of one API group are the same workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Target(Arc<str>);

impl Claims {
    /// Takes note of a canary as it is now, `None` when it is gone. The canaries that it means something to.
    pub(crate) fn note(&mut self, canary: &Key, object: Option<&Value>) -> Vec<Key> {
        let now = object.map(|object| (target(canary, object), claimant(canary, object)));
        let before = self.claim(canary).map(|(target, claimant)| (target.clone(), claimant.clone()));
        if now == before {
            return Vec::new();
        }
        let mut rivals = Vec::new();
        if let Some((target, _)) = before {
            self.targets.remove(&canary.namespace, &canary.name);
            if let Some(claimants) = self.claimants.get_mut(&target) {
                claimants.retain(|claimant| claimant.name != canary.name);
                rivals.extend(claimants.iter().map(|claimant| claimant.name.clone()));
                if claimants.is_empty() {
                    self.claimants.remove(&target);
                }
            }
        }
        if let Some((target, claimant)) = now {
            let claimants = self.claimants.entry(target.clone()).or_insert_with(|| Vec::with_capacity(1));
            rivals.extend(claimants.iter().map(|claimant| claimant.name.clone()));
            claimants.push(claimant);
            self.targets.insert(&canary.namespace, &canary.name, target);
        }
        rivals.into_iter().map(|name| Key::new(canary.kind, &*canary.namespace, name)).collect()
    }

    /// Every canary that was noted.
    pub(crate) fn canaries(&self) -> impl Iterator<Item = Key> {
        self.targets.iter().map(|(namespace, name, _)| Key::new(kinds::CANARY, namespace, name))
    }

    /// How a canary stands to its target.
    pub(crate) fn of(&self, canary: &Key) -> Claim {
        let claim = self.claim(canary).and_then(|(target, own)| Some((own, self.claimants.get(target)?)));
        claim.map_or(Claim::Sole, |(own, claimants)| Claim::of(own, claimants.iter()))
    }

    fn claim(&self, canary: &Key) -> Option<(&Target, &Claimant)> {
        let target = self.targets.get(&canary.namespace, &canary.name)?;
        let claimant = self.claimants.get(target)?.iter().find(|claimant| claimant.name == canary.name)?;
        Some((target, claimant))
    }
}

fn target(canary: &Key, object: &Value) -> Target {
    let field = |name: &str| object["spec"]["targetRef"][name].as_str().unwrap_or_default();
    let group = field("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    // None of the parts of a valid reference contains a slash.
    Target([&*canary.namespace, group, field("kind"), field("name")].join("/").into())
}

fn claimant(canary: &Key, object: &Value) -> Claimant {
    let created: Option<Timestamp> =
        object["metadata"]["creationTimestamp"].as_str().and_then(|created| created.parse().ok());
    Claimant { name: canary.name.clone(), created }
}

#[cfg(test)]
mod tests {
    use ports::kinds;
    use serde_json::json;

    use super::*;

    fn key(name: &str) -> Key {
        Key::new(kinds::CANARY, "shop", name)
    }

    fn canary(target: &str, created: &str) -> Value {
        json!({
            "metadata": {"creationTimestamp": created},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}},
        })
    }

    #[test]
    fn whoever_a_claim_means_something_to_is_looked_at() {
        let mut claims = Claims::default();
        assert_eq!(claims.note(&key("old"), Some(&canary("cart", "2026-01-01T00:00:00Z"))), []);
        assert_eq!(claims.note(&key("new"), Some(&canary("cart", "2026-01-02T00:00:00Z"))), [key("old")]);
        assert_eq!(claims.note(&key("new"), Some(&canary("cart", "2026-01-02T00:00:00Z"))), [], "nothing new");
        assert_eq!(claims.of(&key("new")), Claim::Yields { to: "old".to_owned() });
        assert_eq!(claims.of(&key("old")), Claim::Holds { against: "new".to_owned() });

        assert_eq!(claims.note(&key("old"), Some(&canary("till", "2026-01-01T00:00:00Z"))), [key("new")]);
        assert_eq!(claims.of(&key("new")), Claim::Sole);
        assert_eq!(claims.note(&key("new"), None), []);
        assert_eq!(claims.of(&key("new")), Claim::Sole, "a canary that is gone claims nothing");
    }
}
