//! Which canaries name which target: an index over what the watch has, on plain values.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use ports::Key;
use rollout::{Claim, Claimant};
use serde_json::Value;

/// All canaries by their targets.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    claimants: HashMap<Target, BTreeMap<String, Claimant>>,
    targets: HashMap<Key, Target>,
}

/// What a canary names. Versions of one API group are the same workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Target {
    namespace: String,
    group: String,
    kind: String,
    name: String,
}

impl Claims {
    /// Takes note of a canary as it is now, `None` when it is gone. The canaries that it means something to.
    pub(crate) fn note(&mut self, canary: &Key, object: Option<&Value>) -> Vec<Key> {
        let now = object.map(|object| (target(canary, object), claimant(canary, object)));
        let before = self.targets.get(canary).and_then(|target| {
            let claimant = self.claimants.get(target)?.get(&canary.name)?;
            Some((target.clone(), claimant.clone()))
        });
        if now == before {
            return Vec::new();
        }
        let mut rivals = Vec::new();
        if let Some((target, _)) = before {
            self.targets.remove(canary);
            if let Some(claimants) = self.claimants.get_mut(&target) {
                claimants.remove(&canary.name);
                rivals.extend(claimants.keys().cloned());
                if claimants.is_empty() {
                    self.claimants.remove(&target);
                }
            }
        }
        if let Some((target, claimant)) = now {
            let claimants = self.claimants.entry(target.clone()).or_default();
            rivals.extend(claimants.keys().cloned());
            claimants.insert(canary.name.clone(), claimant);
            self.targets.insert(canary.clone(), target);
        }
        rivals.into_iter().map(|name| Key::new(canary.kind, &*canary.namespace, name)).collect()
    }

    /// Every canary that was noted.
    pub(crate) fn canaries(&self) -> impl Iterator<Item = &Key> {
        self.targets.keys()
    }

    /// How a canary stands to its target.
    pub(crate) fn of(&self, canary: &Key) -> Claim {
        let claimants = self.targets.get(canary).and_then(|target| self.claimants.get(target));
        let own = claimants.and_then(|claimants| claimants.get(&canary.name));
        match (claimants, own) {
            (Some(claimants), Some(own)) => Claim::of(own, claimants.values()),
            _ => Claim::Sole,
        }
    }
}

fn target(canary: &Key, object: &Value) -> Target {
    let field = |name: &str| object["spec"]["targetRef"][name].as_str().unwrap_or_default();
    Target {
        namespace: canary.namespace.clone(),
        group: field("apiVersion").rsplit_once('/').map_or("", |(group, _)| group).to_owned(),
        kind: field("kind").to_owned(),
        name: field("name").to_owned(),
    }
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
