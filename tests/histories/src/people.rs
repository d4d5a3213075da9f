//! The people: they carry out what the script says.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Id};
use crate::facts::Quality;
use crate::scene::Scene;
use crate::script::Act;
use crate::stage::{APP, PRIMARY, Stage};

/// The team, and what it has.
pub(crate) struct People {
    pub(crate) cluster: Cluster,
    pub(crate) scene: Scene,
    pub(crate) stage: Stage,
    /// How many revisions were shipped.
    pub(crate) shipped: u32,
}

impl People {
    /// Everything that the team has, applied for the first time.
    pub(crate) fn set_up(&self) {
        for object in &self.stage.objects {
            self.cluster.create(object);
        }
    }

    /// Does what people do of the script; the rest is for others.
    pub(crate) fn perform(&mut self, act: &Act) {
        match act {
            Act::Push(quality) => self.push(*quality),
            Act::Revert => self.ship("cart:0-good"),
            Act::Delete(id) => drop(self.cluster.delete(id)),
            Act::Apply(id) => self.apply(id),
            Act::Edit(id, patch) => drop(self.cluster.merge(id, patch)),
            Act::Route(weight) => self.route(*weight),
            Act::Status(status) => {
                self.cluster.merge_status(&Id::new("Canary", APP), &json!({"status": status}));
            }
            Act::Kill(..) | Act::Terminate(_) | Act::CutOff(_) | Act::Jump(_) => {}
        }
    }

    /// Ships a new revision.
    pub(crate) fn push(&mut self, quality: Quality) {
        self.shipped += 1;
        let name = match quality {
            Quality::Good => "good",
            Quality::Bad => "bad",
            Quality::Broken => "broken",
        };
        self.ship(&format!("cart:{}-{name}", self.shipped));
    }

    /// Puts right what people have done to their own objects: nothing is missing, paused, invalid or scaled to nothing.
    pub(crate) fn repair(&self) {
        for object in &self.stage.objects {
            if let Some(id) = Id::of(object) {
                self.apply(&id);
            }
        }
        let canary = Id::new("Canary", APP);
        if let Some(wanted) = self.stage.manifest(&canary) {
            let spec = json!({"suspend": false, "analysis": {"interval": wanted["spec"]["analysis"]["interval"]}});
            self.cluster.merge(&canary, &json!({"spec": spec}));
        }
        let primary = Id::new("Deployment", PRIMARY);
        let stopped = |object: &Value| object.pointer("/spec/replicas").and_then(Value::as_i64) == Some(0);
        if self.scene.object(&primary).is_some_and(|primary| stopped(&primary)) {
            self.cluster.merge(&primary, &json!({"spec": {"replicas": 1}}));
        }
    }

    fn ship(&self, image: &str) {
        let containers = json!([{
            "name": "main", "image": image, "ports": [{"name": "http", "containerPort": 8080}],
        }]);
        self.cluster
            .merge(&Id::new("Deployment", APP), &json!({"spec": {"template": {"spec": {"containers": containers}}}}));
    }

    /// Creates the object from its manifest if it is not there; one that has none is somebody else's.
    fn apply(&self, id: &Id) {
        if let Some(object) = self.stage.manifest(id)
            && self.scene.object(id).is_none()
        {
            self.cluster.create(object);
        }
    }

    fn route(&self, weight: u64) {
        let id = Id::new("HTTPRoute", APP);
        let Some(mut rules) = self.scene.object(&id).map(|route| route["spec"]["rules"].clone()) else { return };
        for backend in rules
            .as_array_mut()
            .into_iter()
            .flatten()
            .flat_map(|rule| rule["backendRefs"].as_array_mut().map_or(&mut [][..], Vec::as_mut_slice))
        {
            let primary = backend["name"] == PRIMARY;
            backend["weight"] = json!(if primary { 100 - weight } else { weight });
        }
        self.cluster.merge(&id, &json!({"spec": {"rules": rules}}));
    }
}
