//! How rules see an object: the types of its fields, and its values in the language's terms.
//!
//! Rules see what the schema states and nothing else: no unknown fields, and of an object's metadata only its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::cel::{Key, List, Map, Type, Val};
use super::formats;
use super::node::{Additional, Kind, Node};

/// The fields of metadata that rules may read.
const METADATA_FIELDS: [&str; 2] = ["generateName", "name"];

/// Words of the language, which can't be names of fields: `namespace` is written `__namespace__`.
const RESERVED: [&str; 22] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "try",
    "var",
    "void",
    "while",
];

/// The type of what a level describes; `None` for what rules can't see. `resource` is true where `apiVersion`, `kind` and
/// `metadata` belong.
pub(super) fn type_of(node: &Node, resource: bool) -> Option<Type> {
    if node.int_or_string {
        return Some(Type::Dyn);
    }
    Some(match node.kind? {
        Kind::Boolean => Type::Bool,
        Kind::Integer => Type::Int,
        Kind::Null => Type::Null,
        Kind::Number => Type::Double,
        Kind::String => match node.format.as_deref() {
            Some("byte") => Type::Bytes,
            Some("date" | "date-time") => Type::Timestamp,
            Some("duration") => Type::Duration,
            _ => Type::Text,
        },
        Kind::Array => Type::List(Arc::new(type_of(node.items.as_deref()?, node.items.as_ref()?.embedded)?)),
        Kind::Object => match &node.additional {
            Additional::Each(each) => Type::Map(Arc::new(Type::Text), Arc::new(type_of(each, each.embedded)?)),
            Additional::Unspecified | Additional::Forbidden | Additional::Anything => object_type(node, resource),
        },
    })
}

fn object_type(node: &Node, resource: bool) -> Type {
    let mut fields = BTreeMap::new();
    for (name, node) in &node.properties {
        if let (Some(name), Some(kind)) = (escape(name), type_of(node, node.embedded)) {
            fields.insert(name, kind);
        }
    }
    if resource {
        let metadata = METADATA_FIELDS.map(|name| (name.to_owned(), Type::Text)).into_iter().collect();
        fields.insert("apiVersion".to_owned(), Type::Text);
        fields.insert("kind".to_owned(), Type::Text);
        fields.insert("metadata".to_owned(), Type::Object(Arc::new(metadata)));
    }
    Type::Object(Arc::new(fields))
}

/// A value as rules see it. It has passed its schema: what doesn't fit regardless is taken as it is.
pub(super) fn value_of(node: &Node, value: &Value, resource: bool) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(value) => Val::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64(), node.kind) {
            (Some(number), _, kind) if kind != Some(Kind::Number) => Val::Int(number),
            #[expect(clippy::cast_possible_truncation, reason = "integers written with a fraction of zero")]
            (None, Some(number), Some(Kind::Integer)) => Val::Int(number as i64),
            (_, Some(number), _) => Val::Double(number),
            (_, None, _) => Val::Null,
        },
        Value::String(text) => text_of(node, text),
        Value::Array(items) => {
            let item = |item| match &node.items {
                Some(node) => value_of(node, item, node.embedded),
                None => Val::Null,
            };
            Val::List(Arc::new(List { items: items.iter().map(item).collect(), kind: node.list.clone() }))
        }
        Value::Object(fields) => {
            let map: Map = match &node.additional {
                Additional::Each(each) => fields
                    .iter()
                    .map(|(key, value)| (Key::Text(key.as_str().into()), value_of(each, value, each.embedded)))
                    .collect(),
                Additional::Unspecified | Additional::Forbidden | Additional::Anything => {
                    object_of(node, fields, resource)
                }
            };
            Val::Map(Arc::new(map))
        }
    }
}

fn object_of(node: &Node, fields: &serde_json::Map<String, Value>, resource: bool) -> Map {
    let mut map = Map::new();
    for (name, value) in fields {
        if let (Some(node), Some(name)) = (node.properties.get(name), escape(name)) {
            map.insert(Key::Text(name.into()), value_of(node, value, node.embedded));
        }
    }
    if resource {
        let text = |value: &Value| value.as_str().map(Val::text);
        for name in ["apiVersion", "kind"] {
            map.extend(fields.get(name).and_then(text).map(|value| (Key::Text(name.into()), value)));
        }
        let metadata = |name: &&str| Some((Key::Text((*name).into()), text(fields.get("metadata")?.get(name)?)?));
        let metadata: Map = METADATA_FIELDS.iter().filter_map(metadata).collect();
        map.insert(Key::Text("metadata".into()), Val::Map(Arc::new(metadata)));
    }
    map
}

fn text_of(node: &Node, text: &str) -> Val {
    let special = match (node.int_or_string, node.format.as_deref()) {
        (false, Some("byte")) => STANDARD.decode(text).ok().map(|bytes| Val::Bytes(bytes.into())),
        (false, Some("date")) => format!("{text}T00:00:00Z").parse().ok().map(Val::Timestamp),
        (false, Some("date-time")) => text.parse().ok().map(Val::Timestamp),
        (false, Some("duration")) => formats::duration(text).map(Val::Duration),
        _ => None,
    };
    special.unwrap_or_else(|| Val::text(text))
}

/// A field's name as rules write it; `None` for names that they can't write at all.
fn escape(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-' | '/');
    if name.is_empty() || !name.chars().all(allowed) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let name = name.replace("__", "__underscores__").replace('.', "__dot__");
    Some(name.replace('-', "__dash__").replace('/', "__slash__"))
}
