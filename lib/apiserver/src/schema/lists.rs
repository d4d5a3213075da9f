//! Members of sets and of lists of maps, which may not be there twice.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::ListKind;
use super::cause::{Cause, CauseReason};
use super::node::Node;
use super::path::Path;

impl Node {
    /// Notes members that are there twice, here and below.
    pub(super) fn check_members(&self, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
        match value {
            Value::Array(members) => {
                match &self.list {
                    ListKind::Atomic => {}
                    ListKind::Set => duplicates(members.iter().cloned(), path, causes),
                    ListKind::Map(keys) => check_keys(members, keys, path, causes),
                }
                let Some(items) = &self.items else { return };
                for (index, member) in members.iter().enumerate() {
                    items.check_members(member, &path.index(index), causes);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(node) = self.child(name) {
                        node.check_members(value, &path.field(name), causes);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The old value of a list's member, when members have identities that survive an update.
    pub(super) fn counterpart<'o>(&self, member: &Value, old: Option<&'o Value>) -> Option<&'o Value> {
        match &self.list {
            ListKind::Atomic | ListKind::Set => None,
            ListKind::Map(keys) => {
                let wanted = identity(member, keys);
                old?.as_array()?.iter().find(|candidate| identity(candidate, keys) == wanted)
            }
        }
    }
}

fn check_keys(members: &[Value], keys: &[String], path: &Path<'_>, causes: &mut Vec<Cause>) {
    let stray = members.iter().enumerate().find(|(_, member)| !member.is_object() && !member.is_null());
    match stray {
        Some((index, member)) => {
            let detail = "must be an object for an array of list-type map";
            causes.push(Cause::invalid(path.index(index), member, detail));
        }
        None => duplicates(members.iter().map(|member| identity(member, keys)), path, causes),
    }
}

/// Notes each identity that is there more than once, where it is for the second time.
fn duplicates(identities: impl Iterator<Item = Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let mut seen = HashMap::new();
    for (index, identity) in identities.enumerate() {
        let times = seen.entry(identity.to_string()).or_insert(0_usize);
        *times += 1;
        if *times == 2 {
            causes.push(Cause::of_value(CauseReason::Duplicate, path.index(index), &identity, ""));
        }
    }
}

/// The keys of a member of a list of maps, as an object.
fn identity(member: &Value, keys: &[String]) -> Value {
    let of_key = |key: &String| Some((key.clone(), member.get(key)?.clone()));
    Value::Object(keys.iter().filter_map(of_key).collect::<Map<_, _>>())
}
