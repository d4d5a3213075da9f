//! Whose traffic it is, and the names that follow.

use api::{Canary, names};
use ports::Port;
use serde_json::Value;

/// What every question about routing takes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The canary whose traffic it is.
    pub canary: &'a Canary,
    /// The label by which Services tell the two sides apart; as the target's facts have it.
    pub label: Label<'a>,
    /// Ports that the Services offer besides the main one; as the target's facts have them.
    pub ports: &'a [Port],
    /// What holds for all canaries.
    pub settings: &'a Settings,
}

/// What the operator was told about routing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The provider of canaries that name none.
    pub default_provider: String,
    /// How the annotations begin that the NGINX ingress controller listens to.
    pub ingress_annotations_prefix: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_provider: "istio".to_owned(),
            ingress_annotations_prefix: "nginx.ingress.kubernetes.io".to_owned(),
        }
    }
}

/// A selector label of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// Its key, such as `app`.
    pub key: &'a str,
    /// The value that the target's pods have; the primary's pods have it with `-primary` added. Empty when it is not known.
    pub value: &'a str,
}

impl Context<'_> {
    /// The provider that carries the traffic.
    pub(crate) fn provider(&self) -> &str {
        self.canary.spec.provider_or(&self.settings.default_provider)
    }

    pub(crate) fn namespace(&self) -> &str {
        self.canary.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// The name of the Service that users call, and of the route that has its traffic.
    pub(crate) fn apex(&self) -> &str {
        names::apex_service(self.canary)
    }

    /// The name of the Service that selects the primary's pods.
    pub(crate) fn primary(&self) -> String {
        names::primary_service(self.canary)
    }

    /// The name of the Service that selects the target's pods.
    pub(crate) fn canary(&self) -> String {
        names::canary_service(self.canary)
    }

    /// The owner reference of what is created for the canary, so that it goes with it.
    pub(crate) fn owner_reference(&self) -> Value {
        self.canary.owner_reference()
    }
}
