//! What the gateway says about the objects that it serves, in their status.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};

use super::super::rule::Unresolved;
use super::super::{Mirrors, resource};
use super::routes::{BadRoute, check};
use crate::cluster::{Again, Cluster, Error, Id, Queue, Reconcile};
use crate::services::{Services, ports};

/// Who speaks: the sandbox plays every gateway class.
const CONTROLLER: &str = "sandbox.flagger.app/gateway-controller";

/// The group of its kinds.
const GROUP: &str = "gateway.networking.k8s.io";
/// A condition: type, whether it holds, reason, message.
type Said = (&'static str, bool, &'static str, String);

/// The routes to look at: those that change, and all of them when a Service does.
pub(in crate::gateway) fn listen(cluster: &Cluster, objects: &Arc<Mirrors>) -> Arc<Queue> {
    let queue = Arc::new(Queue::default());
    let routes = Arc::clone(&queue);
    objects.routes.on_change(move |route| routes.add(Id::of(&route.metadata)));
    let (services, all) = (Arc::clone(&queue), Arc::downgrade(objects));
    cluster.services.on_change(move |_| {
        let routes = all.upgrade().map(|objects| objects.routes.all()).unwrap_or_default();
        services.extend(routes.iter().map(|route| Id::of(&route.metadata)));
    });
    queue
}

/// Writes the status of `HTTPRout`s.
pub(in crate::gateway) struct Routes {
    pub(in crate::gateway) cluster: Arc<Cluster>,
    pub(in crate::gateway) objects: Arc<Mirrors>,
}

impl Reconcile for Routes {
    async fn reconcile(&self, id: &Id) -> Result<Again, Error> {
        let Some(route) = self.objects.routes.get(id) else { return Ok(None) };
        let services = ports(&self.cluster.services.all(), &[]);
        let parents = parents(&route, &verdict(&services, &route), self.cluster.stamps.now());
        if route.data.pointer("/status/parents") == Some(&parents) {
            return Ok(None);
        }
        let api: Api<DynamicObject> = Api::namespaced_with(
            self.cluster.client.clone(),
            &id.namespace,
            &resource(GROUP, "HTTPRoute", "httproutes"),
        );
        let patch = Patch::Merge(json!({"status": {"parents": parents}}));
        let written = api
            .patch_status(&id.name, &PatchParams::default(), &patch)
            .await
            .map_err(|error| Error::Api("write an HTTPRoute's status", error))?;
        self.objects.routes.learn(written);
        Ok(None)
    }
}

/// Whether a route can be served and its backends are there.
fn verdict(services: &Services, route: &DynamicObject) -> [Said; 2] {
    let fine = |type_, reason, message: &str| (type_, true, reason, message.to_owned());
    match check(route, services) {
        Err(error @ BadRoute::Spec(_)) => [
            ("Accepted", false, "Invalid", error.to_string()),
            fine("ResolvedRefs", "ResolvedRefs", "nothing is referred to"),
        ],
        Err(error) => [
            ("Accepted", false, "UnsupportedValue", error.to_string()),
            fine("ResolvedRefs", "ResolvedRefs", "nothing is referred to"),
        ],
        Ok(unresolved) => {
            let refs = match unresolved {
                None => fine("ResolvedRefs", "ResolvedRefs", "Resolved all the Object references for the Route"),
                Some(error @ Unresolved::Kind(_)) => ("ResolvedRefs", false, "InvalidKind", error.to_string()),
                Some(error) => ("ResolvedRefs", false, "BackendNotFound", error.to_string()),
            };
            [fine("Accepted", "Accepted", "Route is accepted"), refs]
        }
    }
}

/// The whole `status.parents`: one entry of ours for each parent, and what others wrote.
fn parents(route: &DynamicObject, said: &[Said], now: Timestamp) -> Value {
    let before = route.data.pointer("/status/parents").and_then(Value::as_array).cloned().unwrap_or_default();
    let refs = route.data.pointer("/spec/parentRefs").and_then(Value::as_array).cloned().unwrap_or_default();
    let ours = |entry: &&Value| entry["controllerName"] == CONTROLLER;
    let mine = refs.into_iter().map(|parent| {
        let known = before.iter().filter(ours).find(|entry| entry["parentRef"] == parent);
        let known = known.and_then(|entry| entry["conditions"].as_array()).map_or(&[][..], Vec::as_slice);
        let conditions = conditions(known, said, route.metadata.generation, now);
        json!({"parentRef": parent, "controllerName": CONTROLLER, "conditions": conditions})
    });
    let others = before.iter().filter(|entry| !ours(entry)).cloned();
    mine.chain(others).collect()
}

/// The conditions, with the times of those that still hold as they did.
fn conditions(known: &[Value], said: &[Said], generation: Option<i64>, now: Timestamp) -> Vec<Value> {
    let now = json!(Time(now));
    let one = |(type_, holds, reason, message): &Said| {
        let status = if *holds { "True" } else { "False" };
        let same = known.iter().find(|condition| condition["type"] == *type_ && condition["status"] == status);
        let since = same.map_or(&now, |condition| &condition["lastTransitionTime"]);
        json!({"type": type_, "status": status, "reason": reason, "message": message,
            "observedGeneration": generation.unwrap_or(0), "lastTransitionTime": since})
    };
    said.iter().map(one).collect()
}

/// The Gateways and classes to look at.
pub(in crate::gateway) fn listen_to_gateways(objects: &Arc<Mirrors>) -> Arc<Queue> {
    let queue = Arc::new(Queue::default());
    let (gateways, classes, routes) = (Arc::clone(&queue), Arc::clone(&queue), Arc::clone(&queue));
    objects.gateways.on_change(move |gateway| gateways.add(Id::of(&gateway.metadata)));
    objects.classes.on_change(move |class| classes.add(Id::of(&class.metadata)));
    let all = Arc::downgrade(objects);
    objects.routes.on_change(move |_| {
        let gateways = all.upgrade().map(|objects| objects.gateways.all()).unwrap_or_default();
        routes.extend(gateways.iter().map(|gateway| Id::of(&gateway.metadata)));
    });
    queue
}

/// Writes the status of Gateways and, as names without a namespace, of `GatewayClass`es.
pub(in crate::gateway) struct Gateways {
    pub(in crate::gateway) cluster: Arc<Cluster>,
    pub(in crate::gateway) objects: Arc<Mirrors>,
}

impl Reconcile for Gateways {
    async fn reconcile(&self, id: &Id) -> Result<Again, Error> {
        let now = self.cluster.stamps.now();
        let client = self.cluster.client.clone();
        let (api, mirror, object, status) = if id.namespace.is_empty() {
            let Some(class) = self.objects.classes.get(id) else { return Ok(None) };
            let api: Api<DynamicObject> = Api::all_with(client, &resource(GROUP, "GatewayClass", "gatewayclasses"));
            let status = class_status(&class, now);
            (api, &self.objects.classes, class, status)
        } else {
            let Some(gateway) = self.objects.gateways.get(id) else { return Ok(None) };
            let resource = resource(GROUP, "Gateway", "gateways");
            let api: Api<DynamicObject> = Api::namespaced_with(client, &id.namespace, &resource);
            let status = self.gateway(&gateway, now);
            (api, &self.objects.gateways, gateway, status)
        };
        if object.data.get("status") == Some(&status) {
            return Ok(None);
        }
        let written = api
            .patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(json!({"status": status})))
            .await
            .map_err(|error| Error::Api("write a gateway's status", error))?;
        mirror.learn(written);
        Ok(None)
    }
}

impl Gateways {
    fn gateway(&self, gateway: &DynamicObject, now: Timestamp) -> Value {
        let status = &gateway.data["status"];
        let fine = |type_, reason, message: &str| (type_, true, reason, message.to_owned());
        let said = [
            fine("Accepted", "Accepted", "Gateway is accepted"),
            fine("Programmed", "Programmed", "Gateway is programmed"),
        ];
        let of_listener = [
            fine("Accepted", "Accepted", "Listener is accepted"),
            fine("Programmed", "Programmed", "Listener is programmed"),
            fine("ResolvedRefs", "ResolvedRefs", "Listener references have been resolved"),
        ];
        let generation = gateway.metadata.generation;
        let attached = self.attached(gateway);
        let listeners = gateway.data.pointer("/spec/listeners").and_then(Value::as_array).cloned().unwrap_or_default();
        let listeners = listeners.iter().map(|listener| {
            let before =
                status["listeners"].as_array().into_iter().flatten().find(|before| before["name"] == listener["name"]);
            let known = before.map_or(&[][..], known);
            json!({"name": listener["name"], "attachedRoutes": attached,
                "supportedKinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}],
                "conditions": conditions(known, &of_listener, generation, now)})
        });
        let mut out = Map::new();
        out.insert("addresses".into(), json!([{"type": "IPAddress", "value": "127.0.0.1"}]));
        out.insert("conditions".into(), conditions(known(status), &said, generation, now).into());
        out.insert("listeners".into(), listeners.collect());
        Value::Object(out)
    }

    /// How many routes name this Gateway as a parent.
    fn attached(&self, gateway: &DynamicObject) -> usize {
        let names = |route: &&Arc<DynamicObject>| {
            let parents = route.data.pointer("/spec/parentRefs").and_then(Value::as_array).into_iter().flatten();
            parents.into_iter().any(|parent| {
                let namespace = parent["namespace"].as_str().map(str::to_owned).or_else(|| route.namespace());
                parent["kind"].as_str().unwrap_or("Gateway") == "Gateway"
                    && parent["name"].as_str() == gateway.metadata.name.as_deref()
                    && namespace == gateway.metadata.namespace
            })
        };
        self.objects.routes.all().iter().filter(names).count()
    }
}

fn class_status(class: &DynamicObject, now: Timestamp) -> Value {
    let said = [("Accepted", true, "Accepted", "GatewayClass is played by the sandbox".to_owned())];
    json!({"conditions": conditions(known(&class.data["status"]), &said, class.metadata.generation, now)})
}

fn known(status: &Value) -> &[Value] {
    status["conditions"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(backend: &str, path_type: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "test", "generation": 4},
            "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{
                "matches": [{"path": {"type": path_type, "value": "/"}}], "backendRefs": [{"name": backend, "port": 80}]}]},
        }))
        .unwrap()
    }

    fn said(route: &DynamicObject) -> Vec<(String, String)> {
        let service = json!({"metadata": {"name": "podinfo", "namespace": "test"}, "spec": {"ports": [{"port": 80}]}});
        let services = ports(&[Arc::new(serde_json::from_value(service).unwrap())], &[]);
        let parents = parents(route, &verdict(&services, route), "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(parents[0]["parentRef"], json!({"name": "gateway"}));
        let conditions = parents[0]["conditions"].as_array().unwrap();
        assert!(conditions.iter().all(|condition| condition["observedGeneration"] == 4));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        conditions.iter().map(|condition| (text(&condition["status"]), text(&condition["reason"]))).collect()
    }

    #[test]
    fn a_route_says_whether_it_is_served_and_its_backends_exist() {
        let pairs = |one: (&str, &str), other: (&str, &str)| {
            vec![(one.0.to_owned(), one.1.to_owned()), (other.0.to_owned(), other.1.to_owned())]
        };
        assert_eq!(said(&route("podinfo", "PathPrefix")), pairs(("True", "Accepted"), ("True", "ResolvedRefs")));
        assert_eq!(said(&route("gone", "PathPrefix")), pairs(("True", "Accepted"), ("False", "BackendNotFound")));
        assert_eq!(said(&route("podinfo", "Glob")), pairs(("False", "UnsupportedValue"), ("True", "ResolvedRefs")));
    }
}
