//! What every change goes through: decode, carry over what the caller may not write, keep track of who owns which field,
//! check, and put into the store.

mod decode;
mod validate;

use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use decode::decode;

use crate::apply::{self, Managers};
use crate::builtin;
use crate::kinds::{Generation, Kind};
use crate::meta;
use crate::refusal::{Answer, Refusal};
use crate::schema::{Cause, CauseReason};
use crate::store::{Key, Location};
use crate::world::{Chore, Cx, Part, World};

/// A new object on its way into the store.
pub(crate) struct Draft {
    pub(crate) object: Value,
    /// Who owns its fields, if that is known already (server-side apply finds out on its own).
    pub(crate) managers: Option<Managers>,
}

impl World {
    /// Creates an object from a decoded or raw body.
    pub(crate) fn create(&mut self, cx: &mut Cx, namespace: Option<&str>, body: Value) -> Answer<Arc<Value>> {
        self.create_draft(cx, namespace, Draft { object: body, managers: None })
    }

    /// Creates an object whose ownership may be known.
    pub(crate) fn create_draft(&mut self, cx: &mut Cx, namespace: Option<&str>, draft: Draft) -> Answer<Arc<Value>> {
        let kind = cx.kind.clone();
        let Draft { mut object, managers } = draft;
        decode(cx, &mut object)?;
        kind.keep(&mut object);
        place(&kind, namespace, &mut object)?;
        if !meta::revision(&object).is_empty() {
            // The real server does not say what kind of error that is.
            return Err(Refusal::internal("resourceVersion should not be set on objects to be created".to_owned()));
        }
        self.name(&kind, &mut object)?;
        let key = Key::of(&object);
        let at = cx.at(&key);
        if !kind.create_only && self.store.has(&at) {
            return Err(Refusal::already_exists(&kind, &key.name));
        }
        self.check_namespace(&kind, &key)?;
        if kind.subresources.status && !kind.born_with_status {
            meta::root(&mut object).remove("status");
            decode::fill_defaults(&kind, &mut object);
        }
        self.stamp(&kind, &mut object);
        let managers = managers.unwrap_or_else(|| apply::updated(cx, None, &object, Managers::default(), &self.time()));
        meta::put(&mut object, "managedFields", managers.to_json());
        builtin::prepare(self, &kind, &mut object, None);
        validate::check(&kind, &object, None)?;
        if kind.create_only {
            return Ok(Arc::new(object));
        }
        if cx.dry_run {
            return Ok(Arc::new(object));
        }
        let stored = self.store.put(&at, object);
        self.after_write(&kind, &at, &stored, true);
        Ok(stored)
    }

    /// Changes an object by what `make` turns it into.
    pub(crate) fn update(
        &mut self,
        cx: &mut Cx,
        key: &Key,
        make: impl FnOnce(&mut World, &mut Cx, &Arc<Value>) -> Answer<Draft>,
    ) -> Answer<Arc<Value>> {
        let kind = cx.kind.clone();
        let old = self.find(&kind, key)?;
        let Draft { mut object, managers } = make(self, cx, &kind.present(&old))?;
        decode(cx, &mut object)?;
        kind.keep(&mut object);
        place(&kind, kind.namespaced.then_some(key.namespace.as_str()), &mut object)?;
        check_identity(&kind, key, &object, &old)?;
        let sent = apply::sent_managers(cx.part, &object, &old);
        carry_over(cx.part, &kind, &mut object, &old);
        no_new_finalizers(&kind, &object, &old)?;
        let managers = managers.unwrap_or_else(|| apply::updated(cx, Some(&old), &object, sent, &self.time()));
        meta::put(&mut object, "managedFields", managers.to_json());
        builtin::prepare(self, &kind, &mut object, Some(&old));
        if cx.part != Part::Status && grows(&kind, &object, &old) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or_default() + 1;
            meta::put(&mut object, "generation", Some(json!(generation)));
        }
        validate::check(&kind, &object, Some(&old))?;
        meta::put(&mut object, "resourceVersion", Some(old["metadata"]["resourceVersion"].clone()));
        if same(&object, &old) {
            return Ok(old);
        }
        if cx.dry_run {
            return Ok(Arc::new(object));
        }
        let at = cx.at(key);
        if vanishes(&kind, &object) {
            // The change itself is never stored: watchers see the deletion of what was there before.
            self.erase(&at);
            return Ok(Arc::new(object));
        }
        let stored = self.store.put_over(&at, Some(&old), object);
        self.after_write(&kind, &at, &stored, false);
        Ok(stored)
    }

    /// Writes an object as the server itself, without any check.
    pub(crate) fn rewrite(&mut self, at: &Location, object: Value) {
        let stored = self.store.put(at, object);
        if let Some(kind) = self.kinds.by_collection(&at.collection).cloned() {
            self.after_write(&kind, at, &stored, false);
        }
    }

    fn after_write(&mut self, kind: &Arc<Kind>, at: &Location, stored: &Arc<Value>, created: bool) {
        builtin::written(self, kind, stored, created);
        if vanishes(kind, stored) {
            self.erase(at);
        } else if meta::owners(stored).next().is_some() {
            self.chores.push_back(Chore::CheckOwners { at: at.clone() });
        }
    }

    /// Gives a nameless object the name that its prefix asks for.
    fn name(&mut self, kind: &Kind, object: &mut Value) -> Answer<()> {
        const PREFIX_MAX: usize = 58;
        if !meta::name(object).is_empty() || kind.create_only {
            return Ok(());
        }
        let prefix: String = meta::text(object, "generateName").chars().take(PREFIX_MAX).collect();
        if prefix.is_empty() {
            let cause = Cause::of_field(CauseReason::Required, "metadata.name", "name or generateName is required");
            return Err(Refusal::invalid(kind, "", &[cause]));
        }
        let name = format!("{prefix}{}", self.dice.suffix());
        meta::put(object, "name", Some(json!(name)));
        Ok(())
    }

    fn stamp(&mut self, kind: &Kind, object: &mut Value) {
        let (uid, time) = (self.dice.uid(), self.time());
        let fields = meta::fields(object);
        for system in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"] {
            fields.remove(system);
        }
        if kind.create_only {
            return;
        }
        let generation = (kind.generation != Generation::None).then(|| json!(1));
        meta::put_into(fields, "generation", generation);
        fields.insert("uid".to_owned(), json!(uid));
        fields.insert("creationTimestamp".to_owned(), json!(time));
    }

    fn check_namespace(&self, kind: &Kind, key: &Key) -> Answer<()> {
        if !kind.namespaced {
            return Ok(());
        }
        let Some(namespaces) = self.kinds.core("Namespace") else { return Ok(()) };
        let namespace = self.find(namespaces, &Key::new("", &key.namespace))?;
        if meta::deleting(&namespace) {
            return Err(Refusal::namespace_terminating(kind, &key.name, &key.namespace));
        }
        Ok(())
    }
}

/// Whether a deletion that has begun has nothing left to wait for.
fn vanishes(kind: &Kind, object: &Value) -> bool {
    let graceful = object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or_default() != 0;
    meta::deleting(object) && !graceful && builtin::may_vanish(kind, object)
}

/// Makes the namespace of the object that of the path.
fn place(kind: &Kind, namespace: Option<&str>, object: &mut Value) -> Answer<()> {
    if !kind.namespaced {
        meta::fields(object).remove("namespace");
        return Ok(());
    }
    let namespace = namespace.unwrap_or_default();
    let given = meta::namespace(object);
    if !given.is_empty() && given != namespace {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Refusal::bad_request(why));
    }
    meta::put(object, "namespace", Some(json!(namespace)));
    Ok(())
}

/// The object of an update must be the one that is there, as the caller last saw it.
fn check_identity(kind: &Kind, key: &Key, object: &Value, old: &Value) -> Answer<()> {
    let name = meta::name(object);
    if !name.is_empty() && name != key.name {
        let message = format!("the name of the object ({name}) does not match the name on the URL ({})", key.name);
        return Err(Refusal::bad_request(message));
    }
    let (uid, old_uid) = (meta::uid(object), meta::uid(old));
    if !uid.is_empty() && uid != old_uid {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {old_uid}");
        return Err(Refusal::conflict_because(kind, &key.name, &why));
    }
    match meta::revision(object) {
        "" if kind.unconditional_update => Ok(()),
        "" => {
            let field = "metadata.resourceVersion";
            let cause = Cause::of_value(CauseReason::Invalid, field, &json!(0), "must be specified for an update");
            Err(Refusal::invalid_as(&kind.group, &kind.plural, &key.name, &cause))
        }
        seen if seen == meta::revision(old) => Ok(()),
        _ => Err(Refusal::conflict(kind, &key.name)),
    }
}

/// Metadata that only the server writes.
const SYSTEM: [&str; 8] = [
    "name",
    "uid",
    "generateName",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
];

/// Puts back what this call may not write.
fn carry_over(part: Part, kind: &Kind, object: &mut Value, old: &Value) {
    if part == Part::Status {
        let status = meta::root(object).remove("status");
        let annotations = meta::fields(object).remove("annotations");
        *object = old.clone();
        meta::put_into(meta::root(object), "status", status);
        if kind.status_has_annotations() {
            meta::put(object, "annotations", annotations);
        }
    } else if kind.subresources.status {
        meta::put_into(meta::root(object), "status", old.get("status").cloned());
    }
    let fields = meta::fields(object);
    for field in SYSTEM {
        meta::put_into(fields, field, old["metadata"].get(field).cloned());
    }
}

fn no_new_finalizers(kind: &Kind, object: &Value, old: &Value) -> Answer<()> {
    if !meta::deleting(old) {
        return Ok(());
    }
    let before = meta::finalizers(old);
    let added: Vec<&str> = meta::finalizers(object).into_iter().filter(|one| !before.contains(one)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let listed: Vec<String> = added.iter().map(|one| format!("{one:?}")).collect();
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        listed.join(", ")
    );
    let cause = Cause::of_field(CauseReason::Forbidden, "metadata.finalizers", detail);
    // Two of its layers check this.
    Err(Refusal::invalid(kind, meta::name(old), &[cause.clone(), cause]))
}

/// Whether the change counts as a new generation.
fn grows(kind: &Kind, object: &Value, old: &Value) -> bool {
    let body_differs = || {
        // The apiVersion says which version the caller prefers, not what the object is.
        let outside =
            |field: &str| matches!(field, "metadata" | "apiVersion") || kind.subresources.status && field == "status";
        !agree(object, old, outside)
    };
    let annotations_differ = || object["metadata"]["annotations"] != old["metadata"]["annotations"];
    match kind.generation {
        Generation::None => false,
        Generation::Spec => body_differs(),
        Generation::SpecOrAnnotations => body_differs() || annotations_differ(),
    }
}

/// Whether nothing but times of managed fields differs.
fn same(object: &Value, old: &Value) -> bool {
    let (metadata, before) = (&object["metadata"], &old["metadata"]);
    let (managers, managers_before) = (meta::managers(object), meta::managers(old));
    agree(object, old, |field| field == "metadata")
        && agree(metadata, before, |field| field == "managedFields")
        && managers.len() == managers_before.len()
        && managers.iter().zip(managers_before).all(|(new, old)| agree(new, old, |field| field == "time"))
}

/// Whether two objects are the same but for some of their fields.
fn agree(one: &Value, other: &Value, apart_from: impl Fn(&str) -> bool) -> bool {
    let one = one.as_object().into_iter().flatten().filter(|(name, _)| !apart_from(name));
    let other = other.as_object().into_iter().flatten().filter(|(name, _)| !apart_from(name));
    one.eq(other)
}
