//! Structural schemas of custom resources: defaults, pruning, validation, and how lists are merged.
//!
//! Start with [`Schema`]. `structural` says which schemas are refused, `node` what a schema means once it is accepted,
//! `fill` adds defaults and removes the unknown, `check` compares a value with its schema, `rules` and `run` are the
//! CEL of `x-kubernetes-validations`; `cel` is that language and knows nothing of resources, `typed` shows it an object.

mod branches;
mod cause;
mod cel;
mod check;
mod fill;
mod formats;
mod lists;
mod node;
mod path;
mod patterns;
mod rules;
mod run;
mod scalars;
mod structural;
mod typed;
mod url;

use serde_json::Value;

pub(crate) use cause::{Cause, CauseReason};
use check::Findings;
use node::Node;
use path::Path;

/// How an apply or a patch treats a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// Replaced as a whole.
    #[default]
    Atomic,
    /// Scalars, each its own member.
    Set,
    /// Objects, identified by the named fields.
    Map(Vec<String>),
}

/// A compiled structural schema of one CRD version.
///
/// Paths of fields name fields only: list items are passed through (`["spec", "rules", "ports"]`), keys of a map are any
/// word.
#[derive(Debug)]
pub(crate) struct Schema {
    root: Node,
}

impl Schema {
    /// Reads an `openAPIV3Schema`. What the real server refuses is refused, with fields relative to the schema
    /// (`openAPIV3Schema.properties[spec].type`).
    pub(crate) fn compile(open_api_v3_schema: &Value) -> Result<Schema, Vec<Cause>> {
        let here = Path::Field(&Path::Root, "openAPIV3Schema");
        let mut causes = structural::refusals(open_api_v3_schema, &here);
        if !causes.is_empty() {
            return Err(causes);
        }
        let mut root = Node::read(open_api_v3_schema);
        rules::compile(&mut root, open_api_v3_schema, &here, &mut causes);
        structural::check_defaults(&root, &here, &mut causes);
        if causes.is_empty() { Ok(Schema { root }) } else { Err(causes) }
    }

    /// Fills in defaults, in place.
    pub(crate) fn default(&self, object: &mut Value) {
        self.root.fill(object);
    }

    /// Removes unknown fields and returns their paths (`spec.foo`).
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut removed = Vec::new();
        self.root.prune(object, true, &Path::Root, &mut removed);
        removed
    }

    /// Everything that is wrong with `object`. What was already wrong in `old` and didn't change is let pass; rules that
    /// compare with `oldSelf` run only where there is an old value.
    pub(crate) fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<Cause> {
        let mut found = Findings::default();
        self.root.check(object, old, &Path::Root, &mut found);
        let mut causes = found.causes;
        // Members that were already there twice may stay, with whatever else is there twice.
        if old.is_none_or(|old| self.members(old).is_empty()) {
            causes.extend(self.members(object));
        }
        if causes.iter().any(hides_rules) {
            let unchecked = "some validation rules were not checked because the object was invalid; correct the existing \
                             errors to complete validation";
            causes.push(Cause::invalid(Path::Root, &Value::Null, unchecked));
        } else {
            run::check(&self.root, object, old, &mut causes);
        }
        causes
    }

    fn members(&self, object: &Value) -> Vec<Cause> {
        let mut causes = Vec::new();
        self.root.check_members(object, &Path::Root, &mut causes);
        causes
    }

    /// The kind of the list at `path`.
    pub(crate) fn list_kind(&self, path: &[&str]) -> ListKind {
        self.root.at(path).map(|node| node.list.clone()).unwrap_or_default()
    }

    /// Whether the object or map at `path` is replaced as a whole (`x-kubernetes-map-type: atomic`).
    pub(crate) fn map_is_atomic(&self, path: &[&str]) -> bool {
        self.root.at(path).is_some_and(|node| node.atomic_map)
    }
}

impl Node {
    fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, word| {
            let mut node = node;
            while let Some(items) = &node.items {
                node = items;
            }
            node.child(word)
        })
    }
}

/// Whether rules would only repeat, less clearly, what this cause says.
fn hides_rules(cause: &Cause) -> bool {
    match cause.reason {
        CauseReason::NotSupported
        | CauseReason::Required
        | CauseReason::TooLong
        | CauseReason::TooMany
        | CauseReason::TypeInvalid => true,
        CauseReason::Duplicate | CauseReason::Forbidden | CauseReason::Invalid => false,
    }
}

#[cfg(test)]
mod tests;
