//! Applying manifests, as `kubectl apply --server-side` does.

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, oneshot};
use kube::{Api, Client};
use serde_json::Value;

/// The name under which fields are owned.
const MANAGER: &str = "flagger-sandbox";

/// Why an object can't be applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The cluster does not know its kind.
    #[error("{object}: the sandbox has no kind {kind} of {api_version}")]
    Kind { object: String, kind: String, api_version: String },
    /// The cluster refuses it.
    #[error("{object}: {reason}")]
    Refused { object: String, reason: String },
}

impl Error {
    /// What to try next.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Kind { .. } => {
                "correct apiVersion and kind, or add the CustomResourceDefinition to a file before this one"
            }
            Self::Refused { .. } => "correct the field that the message names; docs/sandbox.md has an example",
        }
    }
}

/// Applies one object. Fields that its kind does not have are an error.
pub(crate) async fn apply(client: &Client, object: &Value) -> Result<(), Error> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let title = format!("{kind} {name}");
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let gvk = GroupVersionKind::gvk(group, version, &kind);
    let refused = |error: kube::Error| match error {
        kube::Error::Api(status) => Error::Refused { object: title.clone(), reason: status.message.clone() },
        error => Error::Refused { object: title.clone(), reason: error.to_string() },
    };
    let (resource, abilities) = match oneshot::pinned_kind(client, &gvk).await {
        Ok(found) => found,
        Err(kube::Error::Discovery(_) | kube::Error::Api(_)) => {
            return Err(Error::Kind { object: title, kind, api_version });
        }
        Err(error) => return Err(refused(error)),
    };
    let api: Api<DynamicObject> = match abilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), &namespace_of(object), &resource),
    };
    let params = PatchParams::apply(MANAGER).force().validation_strict();
    api.patch(&name, &params, &Patch::Apply(object)).await.map_err(refused)?;
    Ok(())
}

/// The namespace of a namespaced object.
pub(crate) fn namespace_of(object: &Value) -> String {
    object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default").to_owned()
}
