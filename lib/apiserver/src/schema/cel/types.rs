//! What an expression may evaluate to.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::Arc;

/// A type, or in a signature a pattern of types.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Type {
    /// Known only when the program runs.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Duration,
    Timestamp,
    List(Arc<Type>),
    Map(Arc<Type>, Arc<Type>),
    /// Named fields; a name that isn't there is a mistake of whoever wrote the rule.
    Object(Arc<BTreeMap<String, Type>>),
    Optional(Arc<Type>),
    /// A value that only functions look into: `url`, `ip`, `cidr`, `quantity`, `type`.
    Opaque(&'static str),
    /// `A` or `B` of a signature.
    Parameter(char),
}

/// What the parameters of a signature stand for in one call.
pub(super) type Bindings = BTreeMap<char, Type>;

impl Type {
    /// Reads a type as signatures spell it: `list(A)`, `map(string, dyn)`.
    pub(super) fn read(text: &str) -> Type {
        let text = text.trim();
        let (name, inner) = match text.split_once('(') {
            Some((name, inner)) => (name, inner.strip_suffix(')').unwrap_or(inner)),
            None => (text, ""),
        };
        let arc = |text: &str| Arc::new(Type::read(text));
        match name {
            "null" => Type::Null,
            "bool" => Type::Bool,
            "int" => Type::Int,
            "uint" => Type::Uint,
            "double" => Type::Double,
            "string" => Type::Text,
            "bytes" => Type::Bytes,
            "duration" => Type::Duration,
            "timestamp" => Type::Timestamp,
            "list" => Type::List(arc(inner)),
            "map" => {
                let (key, value) = inner.split_once(',').unwrap_or((inner, "dyn"));
                Type::Map(arc(key), arc(value))
            }
            "optional" => Type::Optional(arc(inner)),
            "url" => Type::Opaque("url"),
            "ip" => Type::Opaque("ip"),
            "cidr" => Type::Opaque("cidr"),
            "quantity" => Type::Opaque("quantity"),
            "type" => Type::Opaque("type"),
            "A" => Type::Parameter('A'),
            "B" => Type::Parameter('B'),
            _ => Type::Dyn,
        }
    }

    /// Whether `actual` fits this pattern, given what its parameters already stand for.
    pub(super) fn admits(&self, actual: &Type, bindings: &mut Bindings) -> bool {
        match (self, actual) {
            (Type::Parameter(name), _) => match bindings.get(name).cloned() {
                None | Some(Type::Dyn) => {
                    bindings.insert(*name, actual.clone());
                    true
                }
                Some(bound) => bound.joins(actual),
            },
            (Type::Dyn, _) | (_, Type::Dyn) => true,
            (Type::List(wanted), Type::List(found)) | (Type::Optional(wanted), Type::Optional(found)) => {
                wanted.admits(found, bindings)
            }
            (Type::Map(key, value), Type::Map(found_key, found_value)) => {
                key.admits(found_key, bindings) && value.admits(found_value, bindings)
            }
            _ => self == actual,
        }
    }

    /// Whether values of both types may stand in the same place.
    pub(super) fn joins(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Dyn | Type::Null, _) | (_, Type::Dyn | Type::Null) => true,
            (Type::List(left), Type::List(right)) | (Type::Optional(left), Type::Optional(right)) => left.joins(right),
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                key.joins(other_key) && value.joins(other_value)
            }
            _ => self == other,
        }
    }

    /// A result's parameters replaced by what they stand for.
    pub(super) fn resolve(&self, bindings: &Bindings) -> Type {
        let arc = |inner: &Type| Arc::new(inner.resolve(bindings));
        match self {
            Type::Parameter(name) => bindings.get(name).cloned().unwrap_or(Type::Dyn),
            Type::List(item) => Type::List(arc(item)),
            Type::Optional(inner) => Type::Optional(arc(inner)),
            Type::Map(key, value) => Type::Map(arc(key), arc(value)),
            other => other.clone(),
        }
    }
}

impl Display for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Dyn => write!(out, "dyn"),
            Type::Null => write!(out, "null"),
            Type::Bool => write!(out, "bool"),
            Type::Int => write!(out, "int"),
            Type::Uint => write!(out, "uint"),
            Type::Double => write!(out, "double"),
            Type::Text => write!(out, "string"),
            Type::Bytes => write!(out, "bytes"),
            Type::Duration => write!(out, "google.protobuf.Duration"),
            Type::Timestamp => write!(out, "google.protobuf.Timestamp"),
            Type::List(item) => write!(out, "list({item})"),
            Type::Map(key, value) => write!(out, "map({key}, {value})"),
            Type::Object(_) => write!(out, "object"),
            Type::Optional(inner) => write!(out, "optional_type({inner})"),
            Type::Opaque(name) => write!(out, "{name}"),
            Type::Parameter(name) => write!(out, "{name}"),
        }
    }
}
