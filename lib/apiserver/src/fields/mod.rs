//! What the server knows about the fields of its built-in kinds, as data.
//!
//! `types.txt` is generated from the schema that client-go v0.36.3 carries for server-side apply and from the
//! `patchStrategy` tags of k8s.io/api; the apiextensions types are added by hand. One type starts at the margin
//! (`apps/v1.DeploymentSpec`, followed by `atomic` if apply replaces it as a whole), its fields are indented:
//!
//! ```text
//!  NAME FORM [keys=A,B | set] [atomic] [merge[=KEY]] [retain | replace] [plain] [default=VALUE]
//! ```
//!
//! A form is `string`, `number`, `bool`, `time`, `quantity`, `int-or-string`, `any`, the name of a type, `[]FORM` for a
//! list or `{}FORM` for a map. `keys` and `set` are how apply identifies list items (without them a list is atomic),
//! `merge`, `retain` and `replace` is what a strategic merge patch does. A `plain` object or list is always there on the
//! real server, if only empty, so that nobody owns its presence. `tools/fields.py` writes `types.txt` and `numbers.txt`
//! (see [`wire`]) from the Go modules of a release; `rules.txt`, by hand, adds defaults and requirements (see [`rules`]).

mod check;
mod defaults;
mod rules;
mod wire;

use std::collections::HashMap;
use std::sync::OnceLock;

pub(crate) use check::{missing, normalise, unknown};
pub(crate) use defaults::fill;
pub(crate) use wire::decode as decode_protobuf;

use crate::schema::ListKind;

/// Every type, by name.
pub(crate) fn types() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| Types::parse(include_str!("types.txt")))
}

/// The table of types.
#[derive(Debug)]
pub(crate) struct Types {
    structs: HashMap<&'static str, Struct>,
}

/// One object type.
#[derive(Debug)]
pub(crate) struct Struct {
    /// `GROUP/VERSION.Name`, the group without its domain.
    pub(crate) name: &'static str,
    /// Apply replaces it as a whole.
    pub(crate) atomic: bool,
    /// In the order of the table, which is alphabetical.
    pub(crate) fields: Vec<Field>,
}

/// One field of a type.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// How apply identifies the items, if this is a list.
    pub(crate) list: ListKind,
    /// Apply replaces the value as a whole although its type is granular.
    pub(crate) atomic: bool,
    /// The object is always there, if only empty.
    pub(crate) plain: bool,
    pub(crate) patch: Strategy,
    /// The value that a list key has when it is absent.
    pub(crate) key_default: Option<&'static str>,
}

/// What a strategic merge patch does with a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strategy {
    /// Lists are merged instead of replaced.
    pub(crate) merge: bool,
    /// The field that identifies an item of a merged list of objects.
    pub(crate) key: Option<&'static str>,
    /// Keys that the patch doesn't retain are removed; the patch itself says which (`$retainKeys`).
    pub(crate) retain: bool,
    /// A map is replaced instead of merged.
    pub(crate) replace: bool,
}

/// The form of a value.
#[derive(Debug)]
pub(crate) enum Form {
    String,
    Number,
    Bool,
    Time,
    Quantity,
    IntOrString,
    Any,
    Struct(&'static str),
    List(Box<Form>),
    Map(Box<Form>),
}

impl Types {
    /// The type of a whole object, if it is built in.
    pub(crate) fn of_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Struct> {
        let short = match group.split('.').next() {
            None | Some("") => "core",
            Some(first) => first,
        };
        self.get(&format!("{short}/{version}.{kind}"))
    }

    /// The type of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Struct> {
        self.structs.get(name)
    }

    fn parse(text: &'static str) -> Types {
        let mut structs: Vec<Struct> = Vec::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            if !line.starts_with(' ') {
                structs.push(Struct { name, atomic: words.next() == Some("atomic"), fields: Vec::new() });
            } else if let (Some(form), Some(open)) = (words.next(), structs.last_mut()) {
                open.fields.push(Field::parse(name, form, words));
            }
        }
        Types { structs: structs.into_iter().map(|one| (one.name, one)).collect() }
    }
}

impl Struct {
    /// The field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Field {
    fn parse(name: &'static str, form: &'static str, flags: impl Iterator<Item = &'static str>) -> Field {
        let mut field = Field {
            name,
            form: Form::parse(form),
            list: ListKind::Atomic,
            atomic: false,
            plain: false,
            patch: Strategy::default(),
            key_default: None,
        };
        for flag in flags {
            match flag.split_once('=') {
                Some(("keys", keys)) => field.list = ListKind::Map(keys.split(',').map(str::to_owned).collect()),
                Some(("merge", key)) => field.patch = Strategy { merge: true, key: Some(key), ..field.patch },
                Some(("default", value)) => field.key_default = Some(value),
                _ => match flag {
                    "set" => field.list = ListKind::Set,
                    "atomic" => field.atomic = true,
                    "merge" => field.patch.merge = true,
                    "plain" => field.plain = true,
                    "replace" => field.patch.replace = true,
                    "retain" => field.patch.retain = true,
                    _ => {}
                },
            }
        }
        field
    }
}

impl Form {
    fn parse(text: &'static str) -> Form {
        if let Some(item) = text.strip_prefix("[]") {
            return Form::List(Box::new(Form::parse(item)));
        }
        if let Some(value) = text.strip_prefix("{}") {
            return Form::Map(Box::new(Form::parse(value)));
        }
        match text {
            "string" => Form::String,
            "number" => Form::Number,
            "bool" => Form::Bool,
            "time" => Form::Time,
            "quantity" => Form::Quantity,
            "int-or-string" => Form::IntOrString,
            "any" => Form::Any,
            name => Form::Struct(name),
        }
    }

    /// The type, if the value is an object of one.
    pub(crate) fn as_struct(&self) -> Option<&'static Struct> {
        match self {
            Form::Struct(name) => types().get(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_form(form: &Form, seen: &mut dyn FnMut(&Form)) {
        seen(form);
        if let Form::List(inner) | Form::Map(inner) = form {
            every_form(inner, seen);
        }
    }

    #[test]
    fn every_named_type_is_in_the_table() {
        for one in types().structs.values() {
            for field in &one.fields {
                every_form(&field.form, &mut |form| {
                    if let Form::Struct(name) = form {
                        assert!(types().get(name).is_some(), "{}.{}: {name}", one.name, field.name);
                    }
                });
            }
        }
    }

    #[test]
    fn containers_are_merged_by_name() {
        let containers = types().get("core/v1.PodSpec").and_then(|spec| spec.field("containers")).unwrap();
        assert_eq!(containers.list, ListKind::Map(vec!["name".to_owned()]));
        assert_eq!(containers.patch.key, Some("name"));
    }
}
