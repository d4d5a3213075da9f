//! `/openapi/v2` and `/openapi/v3`, and what the server knows about the fields of its built-in kinds.

use serde_json::{Value, json};

use crate::schema::ListKind;

/// One served kind.
#[derive(Clone, Debug)]
pub(crate) struct Described<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) plural: &'a str,
    pub(crate) namespaced: bool,
    /// The CRD's `openAPIV3Schema`; `None` for built-in kinds.
    pub(crate) schema: Option<&'a Value>,
    pub(crate) subresources: &'a [&'a str],
}

/// How a strategic merge patch treats a field of a built-in kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeStrategy {
    /// Lists are replaced, maps merged: the field has no strategy of its own.
    Default,
    /// A list of scalars is united (`finalizers`).
    MergeSet,
    /// A list of objects is merged by this field.
    MergeBy(&'static str),
    /// A map is replaced as a whole; `retain` of its keys when the patch says so (`strategy: retainKeys`).
    RetainKeys,
    /// A map is replaced as a whole.
    Replace,
}

/// `/openapi/v2` as JSON.
pub(crate) fn v2(_kinds: &[Described<'_>]) -> Value {
    json!({})
}
/// `/openapi/v3`: where each group version is described.
pub(crate) fn v3_index(_kinds: &[Described<'_>]) -> Value {
    json!({})
}
/// `/openapi/v3/api/v1` (empty `group`) or `/openapi/v3/apis/GROUP/VERSION`; `None` when nothing of it is served.
pub(crate) fn v3_group(_kinds: &[Described<'_>], _group: &str, _version: &str) -> Option<Value> {
    None
}
/// Paths of fields that a built-in kind doesn't have; empty for kinds that aren't built in.
pub(crate) fn unknown_fields(_group: &str, _version: &str, _kind: &str, _object: &Value) -> Vec<String> {
    Vec::new()
}
/// The kind of a built-in kind's list at `path` (fields only, as in `Schema::list_kind`).
pub(crate) fn builtin_list_kind(_group: &str, _version: &str, _kind: &str, _path: &[&str]) -> ListKind {
    ListKind::Atomic
}
/// Whether a built-in kind's map at `path` is replaced as a whole under server-side apply (selectors).
pub(crate) fn builtin_map_is_atomic(_group: &str, _version: &str, _kind: &str, _path: &[&str]) -> bool {
    false
}
/// The strategic merge strategy of a built-in kind's field at `path`.
pub(crate) fn merge_strategy(_group: &str, _version: &str, _kind: &str, _path: &[&str]) -> MergeStrategy {
    MergeStrategy::Default
}
