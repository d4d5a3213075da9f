//! The built-in kinds, one row each.

use super::{Generation, Kind, Origin, Scale, Subresources, api_version, qualified, structure};
use crate::table::Columns;

/// A built-in kind as a row of data; flags are words.
#[derive(Debug)]
pub(super) struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    /// `cluster`, `status`, `scale`, `generation`, `annotations` (bump the generation), `all` (the category),
    /// `conditional` (an update must name a resourceVersion), `returns` (deletes answer with the object), `create-only`, `born` (a creator may set the status).
    flags: &'static str,
}

const fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    flags: &'static str,
) -> Row {
    Row { group, version, kind, plural, short_names, flags }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const NET: &str = "networking.k8s.io";

/// In the order of discovery.
pub(super) static ROWS: [Row; 35] = [
    row("", "v1", "ConfigMap", "configmaps", &["cm"], ""),
    row("", "v1", "Endpoints", "endpoints", &["ep"], ""),
    row("", "v1", "Event", "events", &["ev"], ""),
    row("", "v1", "LimitRange", "limitranges", &["limits"], ""),
    row("", "v1", "Namespace", "namespaces", &["ns"], "cluster status"),
    row("", "v1", "Node", "nodes", &["no"], "cluster status born"),
    row("", "v1", "PersistentVolume", "persistentvolumes", &["pv"], "cluster status returns"),
    row("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"], "status returns"),
    row("", "v1", "Pod", "pods", &["po"], "status generation returns all"),
    row("", "v1", "ReplicationController", "replicationcontrollers", &["rc"], "status scale generation all"),
    row("", "v1", "ResourceQuota", "resourcequotas", &["quota"], "status returns"),
    row("", "v1", "Secret", "secrets", &[], ""),
    row("", "v1", "Service", "services", &["svc"], "status returns all"),
    row("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], "returns"),
    row(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        &["crd", "crds"],
        "cluster status generation conditional",
    ),
    row("apps", "v1", "ControllerRevision", "controllerrevisions", &[], ""),
    row("apps", "v1", "DaemonSet", "daemonsets", &["ds"], "status generation all"),
    row("apps", "v1", "Deployment", "deployments", &["deploy"], "status scale generation annotations all"),
    row("apps", "v1", "ReplicaSet", "replicasets", &["rs"], "status scale generation all"),
    row("apps", "v1", "StatefulSet", "statefulsets", &["sts"], "status scale generation all"),
    row(
        "authorization.k8s.io",
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        &[],
        "cluster create-only",
    ),
    row("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], "status all"),
    row("batch", "v1", "CronJob", "cronjobs", &["cj"], "status generation all"),
    row("batch", "v1", "Job", "jobs", &[], "status generation all"),
    row("coordination.k8s.io", "v1", "Lease", "leases", &[], "conditional"),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", &[], "generation"),
    row("events.k8s.io", "v1", "Event", "events", &["ev"], ""),
    row(NET, "v1", "Ingress", "ingresses", &["ing"], "status generation"),
    row(NET, "v1", "IngressClass", "ingressclasses", &[], "cluster generation"),
    row(NET, "v1", "NetworkPolicy", "networkpolicies", &["netpol"], "generation"),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], "status generation"),
    row(RBAC, "v1", "ClusterRole", "clusterroles", &[], "cluster"),
    row(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", &[], "cluster"),
    row(RBAC, "v1", "Role", "roles", &[], ""),
    row(RBAC, "v1", "RoleBinding", "rolebindings", &[], ""),
];

impl Row {
    fn has(&self, flag: &str) -> bool {
        self.flags.split(' ').any(|word| word == flag)
    }

    pub(super) fn kind(&self) -> Kind {
        let scale = self.has("scale").then(|| Scale {
            spec_replicas: ".spec.replicas".to_owned(),
            status_replicas: ".status.replicas".to_owned(),
            selector: None,
        });
        let generation = match (self.has("generation"), self.has("annotations")) {
            (false, _) => Generation::None,
            (true, false) => Generation::Spec,
            (true, true) => Generation::SpecOrAnnotations,
        };
        // Both kinds of Event are the same objects.
        let collection = if self.kind == "Event" { "events".to_owned() } else { qualified(self.plural, self.group) };
        Kind {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            kind: self.kind.to_owned(),
            list_kind: format!("{}List", self.kind),
            plural: self.plural.to_owned(),
            singular: self.kind.to_lowercase(),
            short_names: self.short_names.iter().map(|&name| name.to_owned()).collect(),
            categories: if self.has("all") { vec!["all".to_owned()] } else { Vec::new() },
            namespaced: !self.has("cluster"),
            subresources: Subresources { status: self.has("status"), scale },
            generation,
            unconditional_update: !self.has("conditional"),
            returns_deleted: self.has("returns"),
            create_only: self.has("create-only"),
            born_with_status: self.has("born"),
            kept_version: if self.kind == "Event" { "v1".to_owned() } else { api_version(self.group, self.version) },
            collection,
            columns: Columns::builtin(self.group, self.kind),
            origin: Origin::BuiltIn(structure(self.group, self.version, self.kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_kind_knows_its_fields() {
        for row in &ROWS {
            let kind = row.kind();
            assert!(kind.structure().is_some(), "{}", kind.qualified_kind());
        }
    }
}
