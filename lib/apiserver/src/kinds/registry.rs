//! Which kinds are served now.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Kind, built_in};

/// Built-in kinds and those of live CRDs.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    built_in: Vec<Arc<Kind>>,
    /// By the name of the CRD, which is also the name of the collection.
    custom: BTreeMap<String, Vec<Arc<Kind>>>,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        Registry { built_in: built_in(), custom: BTreeMap::new() }
    }

    /// Every served version of every kind, built-in ones first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.built_in.iter().chain(self.custom.values().flatten())
    }

    /// The kind behind a path.
    pub(crate) fn by_plural(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.all().find(|kind| kind.plural == plural && kind.group == group && kind.version == version)
    }

    /// The first version of the kind that owns a collection.
    pub(crate) fn by_collection(&self, collection: &str) -> Option<&Arc<Kind>> {
        self.all().find(|kind| kind.collection == collection)
    }

    /// The built-in kind of this name.
    pub(crate) fn core(&self, kind: &str) -> Option<&Arc<Kind>> {
        self.built_in.iter().find(|one| one.group.is_empty() && one.kind == kind)
    }

    /// Serves the versions of a CRD from now on.
    pub(crate) fn serve(&mut self, crd: &str, versions: Vec<Arc<Kind>>) {
        self.custom.insert(crd.to_owned(), versions);
    }

    /// Stops serving a CRD.
    pub(crate) fn retire(&mut self, crd: &str) {
        self.custom.remove(crd);
    }

    /// Whether another CRD or a built-in kind of the group has the name already.
    pub(crate) fn name_taken(&self, crd: &str, group: &str, takes: impl Fn(&Kind) -> bool) -> bool {
        let others = self.custom.iter().filter(|(name, _)| *name != crd).flat_map(|(_, kinds)| kinds);
        self.built_in.iter().chain(others).any(|kind| kind.group == group && takes(kind))
    }
}
