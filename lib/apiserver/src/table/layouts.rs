//! Which columns each built-in kind has.

use jiff::Timestamp;
use serde_json::Value;

use super::{Header, cluster, network, workloads};

/// Works out the cells of one object, in the order of the headers.
pub(super) type Row = fn(&Value, Timestamp) -> Vec<Value>;

/// The columns of a kind, as words: `Ready`, `Available:integer`, and behind `wide` those of `-o wide`.
pub(super) struct Layout {
    columns: &'static str,
    wide: &'static str,
    pub(super) row: Row,
}

/// The layout of a kind, if it has one of its own.
pub(super) fn of(group: &str, kind: &str) -> Option<Layout> {
    let (columns, wide, row): (_, _, Row) = match (group, kind) {
        ("", "ConfigMap") => ("Name Data Age", "", cluster::config_map),
        ("", "Endpoints") => ("Name Endpoints Age", "", network::endpoints),
        ("" | "events.k8s.io", "Event") => {
            ("Last_Seen Type Reason Object +Subobject +Source Message", EVENT_WIDE, cluster::event)
        }
        ("", "LimitRange")
        | ("apiextensions.k8s.io", "CustomResourceDefinition")
        | ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => ("Name Created_At", "", cluster::created),
        ("", "Namespace") => ("Name Status Age", "", cluster::namespace),
        ("", "Node") => ("Name Status Roles Age Version", NODE_WIDE, cluster::node),
        ("", "PersistentVolumeClaim") => (CLAIM, "VolumeMode", cluster::persistent_volume_claim),
        ("", "Pod") => ("Name Ready Status Restarts Age", "IP Node Nominated_Node Readiness_Gates", workloads::pod),
        ("", "ResourceQuota") => ("Name Request Limit Age", "", cluster::resource_quota),
        ("", "Secret") => ("Name Type Data Age", "", cluster::secret),
        ("", "Service") => ("Name Type Cluster-IP External-IP Port(s) Age", "Selector", network::service),
        ("apps", "ControllerRevision") => ("Name Controller Revision Age", "", workloads::controller_revision),
        ("apps", "DaemonSet") => (DAEMON_SET, "Containers Images Selector", workloads::daemon_set),
        ("apps", "Deployment") => {
            ("Name Ready Up-to-date:integer Available:integer Age", "Containers Images Selector", workloads::deployment)
        }
        ("apps", "ReplicaSet") => (
            "Name Desired:integer Current:integer Ready:integer Age",
            "Containers Images Selector",
            workloads::replica_set,
        ),
        ("apps", "StatefulSet") => ("Name Ready Age", "Containers Images", workloads::stateful_set),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            ("Name Reference Targets MinPods MaxPods Replicas Age", "", workloads::horizontal_pod_autoscaler)
        }
        ("batch", "CronJob") => (CRON_JOB, "Containers Images Selector", workloads::cron_job),
        ("batch", "Job") => ("Name Status Completions Duration Age", "Containers Images Selector", workloads::job),
        ("coordination.k8s.io", "Lease") => ("Name Holder Age", "", cluster::lease),
        ("discovery.k8s.io", "EndpointSlice") => ("Name AddressType Ports Endpoints Age", "", network::endpoint_slice),
        ("networking.k8s.io", "Ingress") => ("Name Class Hosts Address Ports Age", "", network::ingress),
        ("networking.k8s.io", "IngressClass") => ("Name Controller Parameters Age", "", network::ingress_class),
        ("networking.k8s.io", "NetworkPolicy") => ("Name Pod-Selector Age", "", network::network_policy),
        ("policy", "PodDisruptionBudget") => {
            ("Name Min_Available Max_Unavailable Allowed_Disruptions:integer Age", "", workloads::pod_disruption_budget)
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            ("Name Role Age", "Users Groups ServiceAccounts", cluster::role_binding)
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            ("Name Value:integer Global-Default:boolean Age PreemptionPolicy", "", cluster::priority_class)
        }
        ("storage.k8s.io", "StorageClass") => {
            ("Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age", "", cluster::storage_class)
        }
        _ => return None,
    };
    Some(Layout { columns, wide, row })
}

const CLAIM: &str = "Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age";
const CRON_JOB: &str = "Name Schedule Timezone Suspend Active:integer Last_Schedule Age";
const DAEMON_SET: &str =
    "Name Desired:integer Current:integer Ready:integer Up-to-date:integer Available:integer Node_Selector Age";
const EVENT_WIDE: &str = "First_Seen Count Name";
const NODE_WIDE: &str = "Internal-IP External-IP OS-Image Kernel-Version Container-Runtime";

impl Layout {
    pub(super) fn headers(&self) -> Vec<Header> {
        let always = self.columns.split_whitespace().map(|word| match word.strip_prefix('+') {
            Some(word) => header(word, 1),
            None => header(word, 0),
        });
        always.chain(self.wide.split_whitespace().map(|word| header(word, 1))).collect()
    }
}

fn header(word: &str, priority: i64) -> Header {
    let (name, kind) = word.split_once(':').unwrap_or((word, "string"));
    if name == "Name" {
        return Header { priority, ..Header::name() };
    }
    let name = name.replace('_', " ");
    let description = format!("{name} of the object.");
    Header { name, kind: kind.to_owned(), format: String::new(), description, priority }
}
