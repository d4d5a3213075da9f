//! Whose traffic it is, and the names that follow.

use api::{Canary, names, well_known};
use ports::kinds;
use serde_json::{Value, json};

/// What every question about routing takes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The canary whose traffic it is.
    pub canary: &'a Canary,
    /// The label by which Services tell the two sides apart; as the target's facts have it.
    pub label: Label<'a>,
    /// Ports that the Services offer besides the main one; as the target's facts have them.
    pub ports: &'a [Port],
}

/// A selector label of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// Its key, such as `app`.
    pub key: &'a str,
    /// The value that the target's pods have; the primary's pods have it with `-primary` added. Empty when it is not known.
    pub value: &'a str,
}

/// A port of the generated Services.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// The port's name.
    pub name: String,
    /// The port's number, in the container and in the Service.
    pub number: i64,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

impl Context<'_> {
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
        json!({
            "apiVersion": well_known::API_VERSION,
            "kind": kinds::CANARY.kind,
            "name": self.canary.metadata.name,
            "uid": self.canary.metadata.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }
}
