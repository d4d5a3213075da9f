//! The kinds that are served: rows of data for the built-in ones, and what CRDs add.

mod registry;
mod rows;

use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use registry::Registry;

use crate::builtin::events;
use crate::fields::{self, Struct};
use crate::schema::Schema;
use crate::table::Columns;

/// One served version of a kind.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "`kind` and `list_kind` are the words of the API")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the kind")]
pub(crate) struct Kind {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) subresources: Subresources,
    pub(crate) generation: Generation,
    /// An update without a `resourceVersion` overwrites.
    pub(crate) unconditional_update: bool,
    /// A finished delete answers with the object instead of a Status.
    pub(crate) returns_deleted: bool,
    /// Only `create` is served and nothing is kept (`SelfSubjectAccessReview`).
    pub(crate) create_only: bool,
    /// A creator may set the status although it is a subresource, as kubelets do.
    pub(crate) born_with_status: bool,
    /// The `apiVersion` that kept objects carry, whichever version they were written in.
    pub(crate) kept_version: String,
    /// The collection that holds the objects: `PLURAL.GROUP`, shared by all versions.
    pub(crate) collection: String,
    pub(crate) columns: Columns,
    pub(crate) origin: Origin,
}

/// Who described the kind.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A row of ours; the type describes its fields.
    BuiltIn(Option<&'static Struct>),
    /// A CRD.
    Custom(Box<Custom>),
}

/// What a CRD says about one version.
#[derive(Debug)]
pub(crate) struct Custom {
    pub(crate) schema: Schema,
    /// The `openAPIV3Schema` as it was written, for `/openapi`.
    pub(crate) openapi: Value,
    pub(crate) deprecation: Option<String>,
}

/// Which subresources a kind has, beside what pods and namespaces have of their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subresources {
    pub(crate) status: bool,
    pub(crate) scale: Option<Scale>,
}

/// Where the scale subresource finds its numbers: JSON paths like `.spec.replicas`.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub(crate) spec_replicas: String,
    pub(crate) status_replicas: String,
    pub(crate) selector: Option<String>,
}

/// When `metadata.generation` grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// The kind has none.
    None,
    /// With any change outside of metadata and status.
    Spec,
    /// With annotations, too, as Deployments do.
    SpecOrAnnotations,
}

impl Kind {
    /// `GROUP/VERSION`, or `v1` for the core group.
    pub(crate) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// `deployments.apps`, as messages name a resource.
    pub(crate) fn resource(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `Deployment.apps`, as validation messages name a kind.
    pub(crate) fn qualified_kind(&self) -> String {
        qualified(&self.kind, &self.group)
    }

    /// From the form of a request to the form that is kept.
    pub(crate) fn keep(&self, object: &mut Value) {
        if events::converted(self) {
            events::to_core(object);
        } else if object["apiVersion"] != self.kept_version.as_str() {
            object["apiVersion"] = json!(self.kept_version);
        }
    }

    /// From the kept form to that of this version.
    pub(crate) fn present(&self, object: &Arc<Value>) -> Arc<Value> {
        if events::converted(self) {
            return events::from_core(object);
        }
        let version = self.api_version();
        if object["apiVersion"] == version.as_str() {
            return object.clone();
        }
        let mut object = Value::clone(object);
        object["apiVersion"] = json!(version);
        Arc::new(object)
    }

    /// The type of a built-in object.
    pub(crate) fn structure(&self) -> Option<&'static Struct> {
        match &self.origin {
            Origin::BuiltIn(structure) => *structure,
            Origin::Custom(_) => None,
        }
    }

    /// The CRD's part.
    pub(crate) fn custom(&self) -> Option<&Custom> {
        match &self.origin {
            Origin::BuiltIn(_) => None,
            Origin::Custom(custom) => Some(custom),
        }
    }

    /// Whether whoever writes the status writes the annotations, too: the controller of deployments writes the revision like
    /// this, which is no new generation then.
    pub(crate) fn status_has_annotations(&self) -> bool {
        self.is("apps", "Deployment")
    }

    /// Whether this is the built-in kind of that name.
    pub(crate) fn is(&self, group: &str, kind: &str) -> bool {
        self.custom().is_none() && self.group == group && self.kind == kind
    }

    /// Names of the subresources that discovery and OpenAPI list.
    pub(crate) fn subresource_names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.is("", "Pod") {
            names.extend(["binding", "eviction", "log"]);
        }
        if self.is("", "Namespace") {
            names.push("finalize");
        }
        if self.subresources.scale.is_some() {
            names.push("scale");
        }
        if self.subresources.status {
            names.push("status");
        }
        names
    }
}

/// `GROUP/VERSION`, or the version alone for the core group.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// `NAME.GROUP`, or the name alone for the core group.
pub(crate) fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

/// Every built-in kind.
pub(crate) fn built_in() -> Vec<Arc<Kind>> {
    rows::ROWS.iter().map(|row| Arc::new(row.kind())).collect()
}

/// The type table's entry of a built-in kind.
fn structure(group: &str, version: &str, kind: &str) -> Option<&'static Struct> {
    fields::types().of_kind(group, version, kind)
}
