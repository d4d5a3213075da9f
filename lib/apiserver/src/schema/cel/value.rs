//! What expressions evaluate to.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::library::quantity::Quantity;
use super::types::Type;
use crate::schema::ListKind;
use crate::schema::url::Url;

/// A value. Copies are cheap: what is large is shared.
#[derive(Clone, Debug)]
pub(in super::super) enum Val {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// Nanoseconds.
    Duration(i64),
    Timestamp(jiff::Timestamp),
    List(Arc<List>),
    Map(Arc<Map>),
    Optional(Option<Arc<Val>>),
    Url(Arc<Url>),
    Ip(IpAddr),
    Cidr(IpAddr, u8),
    Quantity(Quantity),
    Type(&'static str),
}

/// Items, and what counts as the same list: sets and lists of maps have no order.
#[derive(Debug, Default)]
pub(in super::super) struct List {
    pub(in super::super) items: Vec<Val>,
    pub(in super::super) kind: ListKind,
}

pub(in super::super) type Map = BTreeMap<Key, Val>;

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Key {
    Bool(bool),
    Int(i64),
    Text(Arc<str>),
}

impl Val {
    pub(in super::super) fn text(text: impl Into<Arc<str>>) -> Val {
        Val::Text(text.into())
    }

    pub(in super::super) fn list(items: Vec<Val>) -> Val {
        Val::List(Arc::new(List { items, kind: ListKind::Atomic }))
    }

    pub(super) fn some(value: Val) -> Val {
        Val::Optional(Some(Arc::new(value)))
    }

    pub(super) fn count(count: usize) -> Val {
        Val::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Val::Null => "null_type",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Uint(_) => "uint",
            Val::Double(_) => "double",
            Val::Text(_) => "string",
            Val::Bytes(_) => "bytes",
            Val::Duration(_) => "google.protobuf.Duration",
            Val::Timestamp(_) => "google.protobuf.Timestamp",
            Val::List(_) => "list",
            Val::Map(_) => "map",
            Val::Optional(_) => "optional_type",
            Val::Url(_) => "net.URL",
            Val::Ip(_) => "net.IP",
            Val::Cidr(..) => "net.CIDR",
            Val::Quantity(_) => "quantity",
            Val::Type(_) => "type",
        }
    }

    /// Whether the value may stand where a signature has `wanted`; what is inside of it isn't looked at.
    pub(super) fn fits(&self, wanted: &Type) -> bool {
        match wanted {
            Type::Dyn | Type::Parameter(_) => true,
            Type::Null => matches!(self, Val::Null),
            Type::Bool => matches!(self, Val::Bool(_)),
            Type::Int => matches!(self, Val::Int(_)),
            Type::Uint => matches!(self, Val::Uint(_)),
            Type::Double => matches!(self, Val::Double(_)),
            Type::Text => matches!(self, Val::Text(_)),
            Type::Bytes => matches!(self, Val::Bytes(_)),
            Type::Duration => matches!(self, Val::Duration(_)),
            Type::Timestamp => matches!(self, Val::Timestamp(_)),
            Type::List(_) => matches!(self, Val::List(_)),
            Type::Map(..) | Type::Object(_) => matches!(self, Val::Map(_)),
            Type::Optional(_) => matches!(self, Val::Optional(_)),
            Type::Opaque(name) => matches!(
                (*name, self),
                ("url", Val::Url(_))
                    | ("ip", Val::Ip(_))
                    | ("cidr", Val::Cidr(..))
                    | ("quantity", Val::Quantity(_))
                    | ("type", Val::Type(_))
            ),
        }
    }

    /// How much work looking through it once is.
    pub(super) fn weight(&self) -> u64 {
        let size = match self {
            Val::Text(text) => text.len() / 10,
            Val::Bytes(bytes) => bytes.len() / 10,
            Val::List(list) => list.items.len(),
            Val::Map(map) => map.len(),
            _ => 0,
        };
        size as u64
    }

    /// Equality across numeric types; lists of kind set or map don't care for order.
    pub(super) fn equals(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::Bool(left), Val::Bool(right)) => left == right,
            (Val::Text(left), Val::Text(right)) => left == right,
            (Val::Bytes(left), Val::Bytes(right)) => left == right,
            (Val::Duration(left), Val::Duration(right)) => left == right,
            (Val::Timestamp(left), Val::Timestamp(right)) => left == right,
            (Val::List(left), Val::List(right)) => left.equals(right),
            (Val::Map(left), Val::Map(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .zip(right.iter())
                        .all(|((key, value), (other_key, other))| key == other_key && value.equals(other))
            }
            (Val::Optional(left), Val::Optional(right)) => match (left, right) {
                (Some(left), Some(right)) => left.equals(right),
                (None, None) => true,
                _ => false,
            },
            (Val::Url(left), Val::Url(right)) => left == right,
            (Val::Ip(left), Val::Ip(right)) => left == right,
            (Val::Cidr(left, length), Val::Cidr(right, other)) => left == right && length == other,
            (Val::Quantity(left), Val::Quantity(right)) => left == right,
            (Val::Type(left), Val::Type(right)) => left == right,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// Order, where there is one.
    #[expect(clippy::cast_precision_loss, reason = "the language itself compares integers with doubles")]
    pub(super) fn compare(&self, other: &Val) -> Option<Ordering> {
        Some(match (self, other) {
            (Val::Bool(left), Val::Bool(right)) => left.cmp(right),
            (Val::Int(left), Val::Int(right)) | (Val::Duration(left), Val::Duration(right)) => left.cmp(right),
            (Val::Uint(left), Val::Uint(right)) => left.cmp(right),
            (Val::Int(left), Val::Uint(right)) => i128::from(*left).cmp(&i128::from(*right)),
            (Val::Uint(left), Val::Int(right)) => i128::from(*left).cmp(&i128::from(*right)),
            (Val::Double(left), Val::Double(right)) => return left.partial_cmp(right),
            (Val::Int(left), Val::Double(right)) => return (*left as f64).partial_cmp(right),
            (Val::Double(left), Val::Int(right)) => return left.partial_cmp(&(*right as f64)),
            (Val::Uint(left), Val::Double(right)) => return (*left as f64).partial_cmp(right),
            (Val::Double(left), Val::Uint(right)) => return left.partial_cmp(&(*right as f64)),
            (Val::Text(left), Val::Text(right)) => left.cmp(right),
            (Val::Bytes(left), Val::Bytes(right)) => left.cmp(right),
            (Val::Timestamp(left), Val::Timestamp(right)) => left.cmp(right),
            (Val::Quantity(left), Val::Quantity(right)) => left.cmp(right),
            _ => return None,
        })
    }
}

impl List {
    pub(super) fn contains(&self, value: &Val) -> bool {
        self.items.iter().any(|item| item.equals(value))
    }

    fn equals(&self, other: &List) -> bool {
        if self.items.len() != other.items.len() {
            return false;
        }
        match self.kind {
            ListKind::Atomic => self.items.iter().zip(&other.items).all(|(left, right)| left.equals(right)),
            ListKind::Set | ListKind::Map(_) => self.items.iter().all(|item| other.contains(item)),
        }
    }
}

impl Key {
    /// The key that a value stands for; numbers that are whole are the same key whatever their type.
    pub(super) fn of(value: &Val) -> Option<Key> {
        Some(match value {
            Val::Bool(value) => Key::Bool(*value),
            Val::Int(value) => Key::Int(*value),
            Val::Uint(value) => Key::Int(i64::try_from(*value).ok()?),
            Val::Text(value) => Key::Text(value.clone()),
            _ => return None,
        })
    }

    pub(super) fn to_val(&self) -> Val {
        match self {
            Key::Bool(value) => Val::Bool(*value),
            Key::Int(value) => Val::Int(*value),
            Key::Text(value) => Val::Text(value.clone()),
        }
    }
}
