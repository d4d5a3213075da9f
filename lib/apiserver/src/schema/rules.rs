//! The rules of `x-kubernetes-validations`.

use serde_json::Value;

use super::cause::Cause;
use super::node::Node;
use super::path::Path;

/// One rule, ready to run.
#[derive(Debug)]
pub(super) struct Rule {}

pub(super) fn compile(_root: &mut Node, _schema: &Value, _path: &Path<'_>, _causes: &mut Vec<Cause>) {}

pub(super) fn check(_root: &Node, _object: &Value, _old: Option<&Value>, _causes: &mut Vec<Cause>) {}
