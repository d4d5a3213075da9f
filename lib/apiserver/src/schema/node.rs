//! One level of a schema, read once from JSON into what it means.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::rules::Rule;
use super::{ListKind, patterns};

/// A level of a structural schema, or a branch of one of its `oneOf`/`anyOf`/`allOf`/`not`.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword of its own that a schema says or leaves out")]
pub(super) struct Node {
    pub(super) kind: Option<Kind>,
    pub(super) format: Option<String>,
    pub(super) nullable: bool,
    pub(super) int_or_string: bool,
    pub(super) preserve_unknown: bool,
    pub(super) embedded: bool,
    pub(super) default: Option<Value>,
    pub(super) properties: BTreeMap<String, Node>,
    pub(super) additional: Additional,
    pub(super) items: Option<Box<Node>>,
    pub(super) list: ListKind,
    pub(super) atomic_map: bool,
    pub(super) limits: Limits,
    pub(super) all_of: Vec<Node>,
    pub(super) any_of: Vec<Node>,
    pub(super) one_of: Vec<Node>,
    pub(super) not: Option<Box<Node>>,
    pub(super) rules: Vec<Rule>,
    /// Whether there are rules here or below.
    pub(super) ruled: bool,
}

/// A JSON type by its name in schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    String,
}

/// What a map may hold beside its named properties.
#[derive(Debug, Default)]
pub(super) enum Additional {
    #[default]
    Unspecified,
    Forbidden,
    Anything,
    Each(Box<Node>),
}

/// Keywords that compare a value with a constant.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) choices: Option<Vec<Value>>,
    pub(super) pattern: Option<Regex>,
    pub(super) minimum: Option<f64>,
    pub(super) exclusive_minimum: bool,
    pub(super) maximum: Option<f64>,
    pub(super) exclusive_maximum: bool,
    pub(super) multiple_of: Option<f64>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) unique_items: bool,
    pub(super) min_properties: Option<u64>,
    pub(super) max_properties: Option<u64>,
    pub(super) required: Vec<String>,
}

impl Kind {
    pub(super) fn of_word(word: &str) -> Option<Kind> {
        Some(match word {
            "array" => Kind::Array,
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "null" => Kind::Null,
            "number" => Kind::Number,
            "object" => Kind::Object,
            "string" => Kind::String,
            _ => return None,
        })
    }

    /// The narrowest kind of a value.
    pub(super) fn of_value(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Boolean,
            Value::Number(number) if number.is_f64() => Kind::Number,
            Value::Number(_) => Kind::Integer,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Array => "array",
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Null => "null",
            Kind::Number => "number",
            Kind::Object => "object",
            Kind::String => "string",
        }
    }
}

impl Node {
    /// Reads a schema that `structural` found nothing to refuse in; what is malformed regardless counts as absent.
    pub(super) fn read(schema: &Value) -> Node {
        let Some(schema) = schema.as_object() else { return Node::default() };
        let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or(false);
        let branch = |name: &str| nodes(schema.get(name));
        Node {
            kind: schema.get("type").and_then(Value::as_str).and_then(Kind::of_word),
            format: schema.get("format").and_then(Value::as_str).map(str::to_owned),
            nullable: flag("nullable"),
            int_or_string: flag("x-kubernetes-int-or-string"),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            default: schema.get("default").cloned(),
            properties: named_nodes(schema.get("properties")),
            additional: Additional::read(schema.get("additionalProperties")),
            items: schema.get("items").map(|items| Box::new(Node::read(items))),
            list: list_kind(schema),
            atomic_map: schema.get("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic"),
            limits: Limits::read(schema),
            all_of: branch("allOf"),
            any_of: branch("anyOf"),
            one_of: branch("oneOf"),
            not: schema.get("not").map(|not| Box::new(Node::read(not))),
            rules: Vec::new(),
            ruled: false,
        }
    }

    /// The schema of a field or map entry called `name`.
    pub(super) fn child(&self, name: &str) -> Option<&Node> {
        self.properties.get(name).or(match &self.additional {
            Additional::Each(node) => Some(node),
            Additional::Unspecified | Additional::Forbidden | Additional::Anything => None,
        })
    }

    /// The words for the types that a value may have.
    pub(super) fn type_words(&self) -> &'static str {
        if self.int_or_string { "integer,string" } else { self.kind.map_or("", Kind::word) }
    }
}

impl Additional {
    fn read(schema: Option<&Value>) -> Additional {
        match schema {
            None => Additional::Unspecified,
            Some(Value::Bool(false)) => Additional::Forbidden,
            Some(Value::Bool(true)) => Additional::Anything,
            Some(schema) => Additional::Each(Box::new(Node::read(schema))),
        }
    }
}

impl Limits {
    fn read(schema: &Map<String, Value>) -> Limits {
        let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or(false);
        let number = |name: &str| schema.get(name).and_then(Value::as_f64);
        let count = |name: &str| schema.get(name).and_then(Value::as_u64);
        Limits {
            choices: schema.get("enum").and_then(Value::as_array).cloned(),
            pattern: schema.get("pattern").and_then(Value::as_str).and_then(|pattern| patterns::compile(pattern).ok()),
            minimum: number("minimum"),
            exclusive_minimum: flag("exclusiveMinimum"),
            maximum: number("maximum"),
            exclusive_maximum: flag("exclusiveMaximum"),
            multiple_of: number("multipleOf"),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            unique_items: flag("uniqueItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            required: strings(schema.get("required")),
        }
    }
}

fn list_kind(schema: &Map<String, Value>) -> ListKind {
    match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => ListKind::Set,
        Some("map") => ListKind::Map(strings(schema.get("x-kubernetes-list-map-keys"))),
        _ => ListKind::Atomic,
    }
}

fn nodes(schemas: Option<&Value>) -> Vec<Node> {
    schemas.and_then(Value::as_array).map(|schemas| schemas.iter().map(Node::read).collect()).unwrap_or_default()
}

fn named_nodes(schemas: Option<&Value>) -> BTreeMap<String, Node> {
    let read = |schemas: &Map<String, Value>| {
        schemas.iter().map(|(name, schema)| (name.clone(), Node::read(schema))).collect()
    };
    schemas.and_then(Value::as_object).map(read).unwrap_or_default()
}

fn strings(words: Option<&Value>) -> Vec<String> {
    let words = words.and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}
