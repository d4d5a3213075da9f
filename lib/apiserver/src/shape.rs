//! The shape of a value as server-side apply and strategic merge see it: which maps and lists are one thing and which are
//! many.

use serde_json::{Value, json};

use crate::fields::{self, Field, Form, Strategy};
use crate::kinds::{Kind, Origin};
use crate::schema::{ListKind, Schema};

/// Where in a type a value stands.
#[derive(Clone, Debug)]
pub(crate) enum Shape<'a> {
    /// In a built-in type; `field` is the one that holds the value, unless the value is an item of it.
    Typed { form: &'static Form, field: Option<&'static Field> },
    /// The root of a built-in type.
    Root(&'static fields::Struct),
    /// In a CRD's schema.
    Custom { schema: &'a Schema, path: Vec<String> },
    /// Where nothing is known: maps are many things, lists are one.
    Free,
}

impl<'a> Shape<'a> {
    /// The shape of whole objects.
    pub(crate) fn of(kind: &'a Kind) -> Shape<'a> {
        match &kind.origin {
            Origin::BuiltIn(Some(structure)) => Shape::Root(structure),
            Origin::BuiltIn(None) => Shape::Free,
            Origin::Custom(custom) => Shape::Custom { schema: &custom.schema, path: Vec::new() },
        }
    }

    /// The shape of a field or of a map's value.
    pub(crate) fn field(&self, name: &str) -> Shape<'a> {
        match self {
            Shape::Custom { path, .. } if path.is_empty() && name == "metadata" => {
                fields::types().get("meta/v1.ObjectMeta").map_or(Shape::Free, Shape::Root)
            }
            Shape::Custom { schema, path } => {
                let path = path.iter().cloned().chain([name.to_owned()]).collect();
                Shape::Custom { schema, path }
            }
            Shape::Typed { form: Form::Map(value), .. } => Shape::Typed { form: value, field: None },
            Shape::Typed { .. } | Shape::Root(_) => match self.structure().and_then(|of| of.field(name)) {
                Some(field) => Shape::Typed { form: &field.form, field: Some(field) },
                None => Shape::Free,
            },
            Shape::Free => Shape::Free,
        }
    }

    /// The shape of a list's items.
    pub(crate) fn item(&self) -> Shape<'a> {
        match self {
            Shape::Typed { form: Form::List(item), .. } => Shape::Typed { form: item, field: None },
            // A path through a CRD's schema names fields only.
            Shape::Custom { .. } => self.clone(),
            Shape::Typed { .. } | Shape::Root(_) | Shape::Free => Shape::Free,
        }
    }

    /// How the items of this list are told apart.
    pub(crate) fn list(&self) -> ListKind {
        match self {
            Shape::Typed { field: Some(field), .. } => field.list.clone(),
            Shape::Custom { schema, path } => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                schema.list_kind(&path)
            }
            Shape::Typed { .. } | Shape::Root(_) | Shape::Free => ListKind::Atomic,
        }
    }

    /// Whether this map is one thing.
    pub(crate) fn map_is_atomic(&self) -> bool {
        match self {
            Shape::Typed { field, .. } => {
                field.is_some_and(|field| field.atomic) || self.structure().is_some_and(|of| of.atomic)
            }
            Shape::Custom { schema, path } => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                schema.map_is_atomic(&path)
            }
            Shape::Root(_) | Shape::Free => false,
        }
    }

    /// Whether the object or list is always there on the real server, so that nobody owns its presence.
    pub(crate) fn is_plain(&self) -> bool {
        match self {
            Shape::Typed { field, .. } => field.is_some_and(|field| field.plain),
            // Metadata of custom objects.
            Shape::Root(_) => true,
            Shape::Custom { .. } | Shape::Free => false,
        }
    }

    /// Whether this is a map with free keys rather than an object with fields.
    pub(crate) fn has_free_keys(&self) -> bool {
        matches!(self, Shape::Typed { form: Form::Map(_), .. })
    }

    /// What a strategic merge patch does here.
    pub(crate) fn strategy(&self) -> Strategy {
        match self {
            Shape::Typed { field: Some(field), .. } => field.patch,
            Shape::Typed { .. } | Shape::Root(_) | Shape::Custom { .. } | Shape::Free => Strategy::default(),
        }
    }

    /// The value that a list key has in items that leave it out.
    fn key_default(&self, key: &str) -> Option<Value> {
        match self.field(key) {
            Shape::Typed { field: Some(field), .. } => field.key_default.map(|text| json!(text)),
            Shape::Typed { .. } | Shape::Root(_) | Shape::Custom { .. } | Shape::Free => None,
        }
    }

    /// What identifies an item of this list, as managed fields write it; nothing if the list is atomic or a key is missing.
    pub(crate) fn step(&self, item: &Value) -> Option<String> {
        match self.list() {
            ListKind::Atomic => None,
            ListKind::Set => Some(format!("v:{item}")),
            ListKind::Map(mut keys) => {
                keys.sort();
                let of = self.item();
                let mut pairs = Vec::new();
                for key in keys {
                    let value = item.get(&key).cloned().or_else(|| of.key_default(&key));
                    if let Some(value) = value.filter(|value| !value.is_null()) {
                        pairs.push(format!("{}:{value}", json!(key)));
                    }
                }
                (!pairs.is_empty()).then(|| format!("k:{{{}}}", pairs.join(",")))
            }
        }
    }

    fn structure(&self) -> Option<&'static fields::Struct> {
        match self {
            Shape::Root(structure) => Some(structure),
            Shape::Typed { form, .. } => form.as_struct(),
            Shape::Custom { .. } | Shape::Free => None,
        }
    }
}
