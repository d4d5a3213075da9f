//! How generated objects name their owner.

use serde_json::{Value, json};

use crate::{Canary, well_known};

impl Canary {
    /// The owner reference of what is created for the canary, so that it goes with it.
    pub fn owner_reference(&self) -> Value {
        json!({
            "apiVersion": well_known::API_VERSION,
            "kind": "Canary",
            "name": self.metadata.name,
            "uid": self.metadata.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }
}
