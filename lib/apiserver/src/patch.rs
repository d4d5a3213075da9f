//! The patches that are computed from the live object: JSON, merge and strategic merge. Apply has a module of its own.

mod json;
mod merge;
mod strategic;

use serde_json::Value;

use crate::refusal::Answer;
use crate::shape::Shape;

/// A patch that is not an apply.
#[derive(Clone, Debug)]
pub(crate) enum Patch {
    /// RFC 6902.
    Json(Value),
    /// RFC 7396.
    Merge(Value),
    /// Kubernetes' own, which merges lists of built-in kinds by key.
    Strategic(Value),
}

impl Patch {
    /// The object as the patch wants it.
    pub(crate) fn apply(&self, object: &Value, shape: &Shape<'_>) -> Answer<Value> {
        let mut object = object.clone();
        match self {
            Patch::Json(patch) => json::apply(&mut object, patch)?,
            Patch::Merge(patch) => merge::apply(&mut object, patch),
            Patch::Strategic(patch) => strategic::apply(&mut object, patch, shape)?,
        }
        Ok(object)
    }
}
