//! Deletion and what follows from it: grace, finalizers, owners and dependents, namespaces and CRDs that empty.
//!
//! A real cluster leaves the cascade to controllers that act a moment later. Here it is done before the call returns, step
//! by step, so that a watch sees the same events in the same order.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::builtin;
use crate::crd;
use crate::kinds::Kind;
use crate::meta;
use crate::refusal::{Answer, Refusal};
use crate::store::{Key, Location};
use crate::world::{Chore, Cx, World};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// How to delete.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) grace_secs: Option<i64>,
    pub(crate) propagation: Propagation,
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
}

/// What happens to dependents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They go after the object.
    #[default]
    Background,
    /// They go before the object.
    Foreground,
    /// They stay.
    Orphan,
}

/// What became of a deletion.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// The object is gone; this is how it was last.
    Gone(Arc<Value>),
    /// The object waits for finalizers or for its grace period.
    Waits(Arc<Value>),
}

impl World {
    /// Deletes an object or begins to.
    pub(crate) fn delete(&mut self, cx: &Cx, key: &Key, options: &DeleteOptions) -> Answer<Deleted> {
        let object = self.find(&cx.kind, key)?;
        check_preconditions(&cx.kind, &object, options)?;
        if cx.dry_run {
            return Ok(Deleted::Gone(object));
        }
        Ok(self.begin(&cx.kind, &cx.at(key), &object, options))
    }

    /// Deletes an object that need not be there.
    pub(crate) fn delete_if_present(&mut self, at: &Location, options: &DeleteOptions) {
        let kind = self.kinds.by_collection(&at.collection).cloned();
        if let (Some(kind), Some(object)) = (kind, self.store.get(at)) {
            self.begin(&kind, at, &object, options);
        }
    }

    /// Removes an object now and notes what follows.
    pub(crate) fn erase(&mut self, at: &Location) -> Option<Arc<Value>> {
        let object = self.store.remove(at)?;
        if let Some(kind) = self.kinds.by_collection(&at.collection).cloned() {
            if kind.custom().is_some() {
                self.chores.push_back(Chore::EmptyCollection { name: kind.collection.clone() });
            }
            builtin::erased(self, &kind, &object);
        }
        self.chores.push_back(Chore::Orphaned { uid: meta::uid(&object).to_owned() });
        for owner in meta::owners(&object) {
            if let Some(at) = self.store.by_uid(&owner.uid).cloned() {
                self.chores.push_back(Chore::Release { at });
            }
        }
        if !at.key.namespace.is_empty() {
            self.chores.push_back(Chore::EmptyNamespace { name: at.key.namespace.clone() });
        }
        Some(object)
    }

    /// Does what changes have made necessary. It ends because each step removes something or marks it as deleted.
    pub(crate) fn settle(&mut self) {
        while let Some(chore) = self.chores.pop_front() {
            match chore {
                Chore::Orphaned { uid } => self.collect_dependents(&uid),
                Chore::Release { at } => self.release(&at),
                Chore::CheckOwners { at } => self.check_owners(&at),
                Chore::EmptyNamespace { name } => builtin::empty_namespace(self, &name),
                Chore::EmptyCollection { name } => crd::empty(self, &name),
                Chore::FurnishNamespace { name } => builtin::furnish_namespace(self, &name),
            }
        }
    }

    fn begin(&mut self, kind: &Arc<Kind>, at: &Location, object: &Arc<Value>, options: &DeleteOptions) -> Deleted {
        let grace_secs = grace(kind, object, options);
        let mut marked = Value::clone(object);
        let dependents = !self.store.dependents(meta::uid(object)).is_empty();
        match options.propagation {
            Propagation::Foreground => meta::add_finalizer(&mut marked, FOREGROUND),
            Propagation::Orphan if dependents => meta::add_finalizer(&mut marked, ORPHAN),
            Propagation::Orphan | Propagation::Background => {}
        }
        if grace_secs == 0 && builtin::may_vanish(kind, &marked) {
            return match self.erase(at) {
                Some(last) => Deleted::Gone(last),
                None => Deleted::Gone(object.clone()),
            };
        }
        self.mark(kind, &mut marked, grace_secs);
        if marked != **object {
            self.rewrite(at, marked);
        }
        self.follow_policy(kind, at, object);
        match self.store.get(at) {
            Some(object) => Deleted::Waits(object),
            None => Deleted::Gone(object.clone()),
        }
    }

    /// Writes into the object that its deletion has begun. A second deletion may only shorten the grace period.
    fn mark(&self, kind: &Kind, object: &mut Value, grace_secs: i64) {
        let left = object["metadata"]["deletionGracePeriodSeconds"].as_i64();
        if meta::deleting(object) && left.is_none_or(|left| left <= grace_secs) {
            return;
        }
        let until = self.now().checked_add(SignedDuration::from_secs(grace_secs)).unwrap_or_else(|_| self.now());
        let first = !meta::deleting(object);
        let generation = object["metadata"]["generation"].as_i64();
        let fields = meta::fields(object);
        fields.insert("deletionTimestamp".to_owned(), json!(meta::time(until)));
        fields.insert("deletionGracePeriodSeconds".to_owned(), json!(grace_secs));
        if let Some(generation) = generation.filter(|_| first) {
            fields.insert("generation".to_owned(), json!(generation + 1));
        }
        if kind.is("", "Namespace") {
            let status = meta::root(object).entry("status").or_insert_with(|| json!({}));
            meta::as_map(status).insert("phase".to_owned(), json!("Terminating"));
        }
        if kind.is("apiextensions.k8s.io", "CustomResourceDefinition") {
            crd::mark_terminating(object, &self.time());
        }
    }

    fn follow_policy(&mut self, kind: &Kind, at: &Location, object: &Value) {
        let uid = meta::uid(object).to_owned();
        let Some(now) = self.store.get(at) else { return };
        if meta::has_finalizer(&now, ORPHAN) {
            self.let_dependents_go(&uid);
            let mut freed = Value::clone(&now);
            meta::remove_finalizer(&mut freed, ORPHAN);
            self.rewrite(at, freed);
        } else if meta::has_finalizer(&now, FOREGROUND) {
            for dependent in self.store.dependents(&uid) {
                self.delete_in_foreground(&dependent, &uid);
            }
            self.chores.push_back(Chore::Release { at: at.clone() });
        }
        if kind.is("", "Namespace") {
            self.chores.push_back(Chore::EmptyNamespace { name: at.key.name.clone() });
        }
        if kind.is("apiextensions.k8s.io", "CustomResourceDefinition") {
            self.chores.push_back(Chore::EmptyCollection { name: at.key.name.clone() });
        }
    }

    /// Deletes a dependent of an owner that waits for it. One that another owner keeps is let go instead.
    fn delete_in_foreground(&mut self, at: &Location, owner: &str) {
        let Some(object) = self.store.get(at) else { return };
        let is_kept = meta::owners(&object).any(|owner| {
            let owner = self.store.by_uid(&owner.uid).and_then(|at| self.store.get(at));
            owner.is_some_and(|owner| !meta::has_finalizer(&owner, FOREGROUND))
        });
        if is_kept {
            self.drop_owner(at, owner);
            return;
        }
        let has_dependents = !self.store.dependents(meta::uid(&object)).is_empty();
        let propagation = if has_dependents { Propagation::Foreground } else { Propagation::Background };
        self.delete_if_present(at, &DeleteOptions { propagation, ..DeleteOptions::default() });
    }

    fn let_dependents_go(&mut self, uid: &str) {
        for at in self.store.dependents(uid) {
            self.drop_owner(&at, uid);
        }
    }

    fn drop_owner(&mut self, at: &Location, uid: &str) {
        if let Some(object) = self.store.get(at) {
            let mut freed = Arc::unwrap_or_clone(object);
            meta::remove_owner(&mut freed, uid);
            self.rewrite(at, freed);
            if let Some(owner) = self.store.by_uid(uid).cloned() {
                self.chores.push_back(Chore::Release { at: owner });
            }
        }
    }

    /// Dependents of an object that is gone go as well, unless another owner keeps them.
    fn collect_dependents(&mut self, uid: &str) {
        for at in self.store.dependents(uid) {
            self.check_owners(&at);
        }
    }

    fn check_owners(&mut self, at: &Location) {
        let Some(object) = self.store.get(at) else { return };
        let (alive, gone): (Vec<_>, Vec<_>) =
            meta::owners(&object).partition(|owner| self.store.by_uid(&owner.uid).is_some());
        if gone.is_empty() || meta::deleting(&object) {
            return;
        }
        if alive.is_empty() {
            self.delete_if_present(at, &DeleteOptions::default());
        } else {
            for owner in &gone {
                self.drop_owner(at, &owner.uid);
            }
        }
    }

    /// Takes the foreground finalizer off an object that no dependent blocks any more.
    ///
    /// A dependent that came when its owner was going already, from a controller that had not heard of it, is deleted now,
    /// as the real collector does when another dependent goes.
    fn release(&mut self, at: &Location) {
        let Some(object) = self.store.get(at) else { return };
        if !meta::deleting(&object) || !meta::has_finalizer(&object, FOREGROUND) {
            return;
        }
        let uid = meta::uid(&object);
        let blocking = self.blocking(uid);
        if blocking.is_empty() {
            let mut freed = Value::clone(&object);
            meta::remove_finalizer(&mut freed, FOREGROUND);
            self.rewrite(at, freed);
        }
        for (late, _) in blocking.iter().filter(|(_, dependent)| !meta::deleting(dependent)) {
            self.delete_in_foreground(late, uid);
        }
    }

    /// The dependents without whose end this owner can't go.
    fn blocking(&self, uid: &str) -> Vec<(Location, Arc<Value>)> {
        let dependents = self.store.dependents(uid).into_iter();
        let objects = dependents.filter_map(|at| self.store.get(&at).map(|object| (at, object)));
        let blocks = |object: &Value| meta::owners(object).any(|owner| owner.uid == uid && owner.blocks_deletion);
        objects.filter(|(_, object)| blocks(object)).collect()
    }
}

/// Only pods that a node runs are given time.
fn grace(kind: &Kind, object: &Value, options: &DeleteOptions) -> i64 {
    let placed = object["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    let finished = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if !kind.is("", "Pod") || !placed || finished {
        return 0;
    }
    let wanted = options.grace_secs.or_else(|| object["spec"]["terminationGracePeriodSeconds"].as_i64());
    wanted.unwrap_or(30).max(0)
}

fn check_preconditions(kind: &Kind, object: &Value, options: &DeleteOptions) -> Answer<()> {
    let name = meta::name(object);
    let (uid, revision) = (meta::uid(object), meta::revision(object));
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        let why = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        );
        return Err(Refusal::conflict_as(&kind.group, &kind.kind, name, &why));
    }
    if let Some(wanted) = options.revision.as_deref().filter(|wanted| *wanted != revision) {
        let why = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({revision}). The object might have been modified"
        );
        return Err(Refusal::conflict_as(&kind.group, &kind.kind, name, &why));
    }
    Ok(())
}
