//! Which object: kinds as rows of data, keys as (kind, namespace, name).

use std::fmt;

/// A kind of object, as the REST path needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// API version inside the group, such as `v1`.
    pub version: &'static str,
    /// Kind in upper camel case, such as `HTTPRoute`.
    pub kind: &'static str,
    /// Resource name in the REST path, such as `httproutes`.
    pub plural: &'static str,
}

impl Kind {
    /// The `apiVersion` field of objects of this kind: `group/version`, or `version` alone for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

/// One namespaced object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The object `name` of `kind` in `namespace`.
    pub fn new(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

/// `Kind name.namespace`, the form that messages to users have.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.{}", self.kind, self.name, self.namespace)
    }
}

/// The kinds that the product reads or writes.
pub mod kinds {
    use super::Kind;

    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident = $group:literal $version:literal $kind:literal $plural:literal;)*) => {
            $($(#[$doc])* pub const $name: Kind = Kind { group: $group, version: $version, kind: $kind, plural: $plural };)*
        };
    }

    kinds! {
        /// `flagger.app/v1beta1` `AlertProvider`.
        ALERT_PROVIDER = "flagger.app" "v1beta1" "AlertProvider" "alertproviders";
        /// `flagger.app/v1beta1` `Canary`.
        CANARY = "flagger.app" "v1beta1" "Canary" "canaries";
        /// Core `ConfigMap`.
        CONFIG_MAP = "" "v1" "ConfigMap" "configmaps";
        /// `apps/v1` `DaemonSet`.
        DAEMON_SET = "apps" "v1" "DaemonSet" "daemonsets";
        /// `apps/v1` `Deployment`.
        DEPLOYMENT = "apps" "v1" "Deployment" "deployments";
        /// `networking.istio.io/v1beta1` `DestinationRule`.
        DESTINATION_RULE = "networking.istio.io" "v1beta1" "DestinationRule" "destinationrules";
        /// Core Event.
        EVENT = "" "v1" "Event" "events";
        /// `autoscaling/v2` `HorizontalPodAutoscaler`.
        HORIZONTAL_POD_AUTOSCALER = "autoscaling" "v2" "HorizontalPodAutoscaler" "horizontalpodautoscalers";
        /// `gateway.networking.k8s.io/v1` `HTTPRoute`.
        HTTP_ROUTE = "gateway.networking.k8s.io" "v1" "HTTPRoute" "httproutes";
        /// `networking.k8s.io/v1` `Ingress`.
        INGRESS = "networking.k8s.io" "v1" "Ingress" "ingresses";
        /// `serving.knative.dev/v1` `Revision`.
        KNATIVE_REVISION = "serving.knative.dev" "v1" "Revision" "revisions";
        /// `serving.knative.dev/v1` `Service`.
        KNATIVE_SERVICE = "serving.knative.dev" "v1" "Service" "services";
        /// `coordination.k8s.io/v1` `Lease`.
        LEASE = "coordination.k8s.io" "v1" "Lease" "leases";
        /// `flagger.app/v1beta1` `MetricTemplate`.
        METRIC_TEMPLATE = "flagger.app" "v1beta1" "MetricTemplate" "metrictemplates";
        /// Core Pod.
        POD = "" "v1" "Pod" "pods";
        /// `keda.sh/v1alpha1` `ScaledObject`.
        SCALED_OBJECT = "keda.sh" "v1alpha1" "ScaledObject" "scaledobjects";
        /// Core Secret.
        SECRET = "" "v1" "Secret" "secrets";
        /// Core Service.
        SERVICE = "" "v1" "Service" "services";
        /// `networking.istio.io/v1beta1` `VirtualService`.
        VIRTUAL_SERVICE = "networking.istio.io" "v1beta1" "VirtualService" "virtualservices";
    }
}
