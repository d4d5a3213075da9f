//! The ways to API servers: one for everything, or a second one where the routing objects live in a cluster of their own.

use ports::{Change, Kind};
use serde_json::Value;

use super::pace::Pace;

/// The groups whose objects are in the cluster of the canaries, wherever the mesh is. All others are routing objects.
const AT_HOME: [&str; 10] = [
    "",
    "apps",
    "autoscaling",
    "coordination.k8s.io",
    "extensions",
    "flagger.app",
    "keda.sh",
    "metrics.keptn.sh",
    "networking.k8s.io",
    "serving.knative.dev",
];

/// One API server, and how fast we may talk to it.
pub(super) struct Road {
    pub(super) client: kube::Client,
    pub(super) pace: Pace,
}

/// The cluster with the routing objects.
pub struct Mesh {
    /// The way to it.
    pub client: kube::Client,
    /// Whether it is another cluster than that of the canaries. Its objects then have no owners: the garbage collector there
    /// would not find them, and delete the objects.
    pub foreign: bool,
}

/// All ways.
pub(super) struct Roads {
    home: Road,
    mesh: Option<Road>,
    foreign: bool,
}

impl Roads {
    pub(super) fn new(client: kube::Client, mesh: Option<Mesh>, pace: impl Fn() -> Pace) -> Self {
        let foreign = mesh.as_ref().is_some_and(|mesh| mesh.foreign);
        let mesh = mesh.map(|mesh| Road { client: mesh.client, pace: pace() });
        Self { home: Road { client, pace: pace() }, mesh, foreign }
    }

    /// The way to the objects of this kind, and to what is of no kind.
    pub(super) fn to(&self, kind: Option<Kind>) -> &Road {
        match (&self.mesh, kind) {
            (Some(mesh), Some(kind)) if !AT_HOME.contains(&kind.group) => mesh,
            _ => &self.home,
        }
    }

    /// The change as it may be made where its object lives.
    pub(super) fn adapt(&self, change: &Change) -> Option<Change> {
        match change {
            Change::Create(key, object) if self.foreign && !AT_HOME.contains(&key.kind.group) => {
                let mut object = object.clone();
                if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.remove("ownerReferences");
                }
                Some(Change::Create(key.clone(), object))
            }
            _ => None,
        }
    }
}
