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

#[cfg(test)]
mod tests {
    use apiserver::{Api, Options};
    use ports::{Key, kinds};
    use serde_json::json;

    use super::super::Cluster;
    use super::*;
    use crate::lease::Tenure;

    /// A cluster in which there are `HTTPRoute`s.
    async fn cluster() -> Api {
        let api = Api::new(&Options::default());
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": "httproutes.gateway.networking.k8s.io",
                "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2376"},
            },
            "spec": {
                "group": "gateway.networking.k8s.io",
                "scope": "Namespaced",
                "names": {"kind": "HTTPRoute", "listKind": "HTTPRouteList", "plural": "httproutes", "singular": "httproute"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
            },
        });
        let request = http::Request::post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
        client(&api).request_text(request.body(definition.to_string().into_bytes()).unwrap()).await.unwrap();
        api
    }

    fn client(api: &Api) -> kube::Client {
        kube::Client::new(api.clone(), "default")
    }

    /// An owner that exists, or else the garbage collector takes what it owns; clusters of one seed give it the same uid.
    async fn owner(api: &Api) -> Value {
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": "default"}});
        let key = Key::new(kinds::CONFIG_MAP, "default", "owner");
        let made = Cluster::new(client(api)).perform(&Change::Create(key, map)).await.unwrap().unwrap();
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": made["metadata"]["uid"]})
    }

    #[tokio::test]
    async fn routing_objects_live_in_the_meshs_cluster_and_have_no_owners_there() {
        let (home, mesh) = (cluster().await, cluster().await);
        let owner = owner(&home).await;
        assert_eq!(self::owner(&mesh).await, owner);
        for foreign in [true, false] {
            let there = Mesh { client: client(&mesh), foreign };
            let roads = Roads::new(client(&home), Some(there), || Pace::new(100, 100));
            let both = Cluster::governed(roads, Tenure::unopposed(), None);
            for kind in [kinds::HTTP_ROUTE, kinds::SERVICE] {
                let key = Key::new(kind, "default", "podinfo");
                let object = json!({
                    "apiVersion": kind.api_version(),
                    "kind": kind.kind,
                    "metadata": {"name": "podinfo", "namespace": "default", "ownerReferences": [owner]},
                    "spec": {"ports": [{"port": 80}]},
                });
                both.perform(&Change::Create(key.clone(), object)).await.unwrap();
                let of = |api| Cluster::new(client(api));
                let (at_home, there) = (of(&home).fetch(&key).await.unwrap(), of(&mesh).fetch(&key).await.unwrap());
                let is_route = kind == kinds::HTTP_ROUTE;
                assert_eq!((at_home.is_some(), there.is_some()), (!is_route, is_route), "{kind}");
                let found = both.fetch(&key).await.unwrap().unwrap();
                assert_eq!(found["metadata"].get("ownerReferences").is_some(), !is_route || !foreign, "{kind}");
                both.perform(&Change::Delete(key)).await.unwrap();
            }
        }
    }
}
