//! Defaulting and pruning: what the server adds to an object and takes from it before anyone looks.

use serde_json::{Map, Value};

use super::node::{Additional, Node};
use super::path::Path;

/// The fields that every resource has, whether or not its schema says so.
const RESOURCE_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Node {
    /// Fills in defaults. A `null` where none is allowed counts as absent: it gives way to the default or disappears.
    pub(super) fn fill(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => self.fill_fields(fields),
            Value::Array(values) => {
                let Some(items) = &self.items else { return };
                for value in values {
                    items.replace_null(value);
                    items.fill(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn fill_fields(&self, fields: &mut Map<String, Value>) {
        for (name, node) in &self.properties {
            if let Some(default) = &node.default
                && !fields.contains_key(name)
            {
                fields.insert(name.clone(), default.clone());
            }
        }
        fields.retain(|name, value| {
            let Some(node) = self.child(name) else { return true };
            node.replace_null(value);
            !value.is_null() || node.nullable
        });
        for (name, value) in fields.iter_mut() {
            if let Some(node) = self.child(name) {
                node.fill(value);
            }
        }
    }

    fn replace_null(&self, value: &mut Value) {
        if value.is_null()
            && !self.nullable
            && let Some(default) = &self.default
        {
            *value = default.clone();
        }
    }

    /// Removes the fields that the schema doesn't know and notes their paths. `resource` is true where `apiVersion`,
    /// `kind` and `metadata` belong.
    pub(super) fn prune(&self, value: &mut Value, resource: bool, path: &Path<'_>, removed: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| {
                    let known = self.keeps(name) || (resource && RESOURCE_FIELDS.contains(&name.as_str()));
                    if !known {
                        removed.push(path.field(name).to_string());
                    }
                    known
                });
                for (name, value) in fields.iter_mut() {
                    if let Some(node) = self.child(name)
                        && !(resource && name == "metadata")
                    {
                        node.prune(value, node.embedded, &path.field(name), removed);
                    }
                }
            }
            Value::Array(values) => {
                let Some(items) = &self.items else { return };
                for (index, value) in values.iter_mut().enumerate() {
                    items.prune(value, items.embedded, &path.index(index), removed);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn keeps(&self, name: &str) -> bool {
        let open = match &self.additional {
            Additional::Anything | Additional::Each(_) => true,
            Additional::Unspecified | Additional::Forbidden => false,
        };
        open || self.preserve_unknown || self.properties.contains_key(name)
    }
}
