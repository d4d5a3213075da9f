//! Keys and values on objects that users, GitOps tools and earlier versions of the operator rely on.
//!
//! What one provider alone reads or writes is named in that provider's file.

/// API group of the three kinds.
pub const GROUP: &str = "flagger.app";

/// `apiVersion` of the three kinds.
pub const API_VERSION: &str = "flagger.app/v1beta1";

/// Finalizer of canaries with `revertOnDeletion`.
pub const FINALIZER: &str = "finalizer.flagger.app";

/// Annotation of ConfigMaps and Secrets; a value that starts with [`CONFIG_TRACKING_DISABLE`] keeps them untracked.
pub const CONFIG_TRACKING: &str = "flagger.app/config-tracking";

/// Start of the value of [`CONFIG_TRACKING`] that switches tracking off.
pub const CONFIG_TRACKING_DISABLE: &str = "disable";

/// Pod template annotation of the primary, new with each promotion so that its pods roll.
pub const FLAGGER_ID: &str = "flagger-id";

/// Pod label of both sides when replicas share the traffic; its value is the name of the apex Service, which selects by it.
pub const BEHIND_APEX: &str = "flagger.app/apex";

/// Annotation of a target: a new value starts a run, whatever else is unchanged.
pub const TRIGGER: &str = "flagger.app/trigger";

/// Node selector that no node satisfies: how a DaemonSet is scaled to zero, with the value `"true"`.
pub const SCALE_TO_ZERO: &str = "flagger.app/scale-to-zero";

/// Annotation of a Knative Service: the revision that takes the primary's part.
pub const PRIMARY_REVISION: &str = "flagger.app/primary-revision";

/// Annotation of a route that the operator adopted: what it was before.
pub const ORIGINAL_CONFIGURATION: &str = "flagger.kubernetes.io/original-configuration";

/// Annotation in which kubectl keeps what was applied; never copied.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Part of the keys that mark objects as Flux's own; never copied, or Flux would collect the copies.
pub const FLUX: &str = "toolkit.fluxcd.io";

/// Annotations of generated objects that keep Flux from reconciling them.
pub const FLUX_DISABLED: [(&str, &str); 2] =
    [("helm.toolkit.fluxcd.io/driftDetection", "disabled"), ("kustomize.toolkit.fluxcd.io/reconcile", "disabled")];

/// Annotation of a KEDA ScaledObject that pauses it at a number of replicas.
pub const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
