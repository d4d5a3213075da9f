//! Optional values: what `a.?b` and `oldSelf` of a rule with `optionalOldSelf` are.

use super::super::eval::Failure;
use super::super::value::Val;
use super::{Row, function, method, mismatch};

pub(super) const ROWS: &[Row] = &[
    function("optional.of", "A", "optional(A)", of),
    function("optional.none", "", "optional(dyn)", |_| Ok(Val::Optional(None))),
    function("optional.ofNonZeroValue", "A", "optional(A)", of_non_zero),
    method("hasValue", "optional(A)", "bool", has_value),
    method("value", "optional(A)", "A", value),
    method("or", "optional(A), optional(A)", "optional(A)", or),
    method("orValue", "optional(A), A", "A", or_value),
];

fn of(arguments: &[Val]) -> Result<Val, Failure> {
    arguments.first().cloned().map(Val::some).ok_or_else(mismatch)
}

fn of_non_zero(arguments: &[Val]) -> Result<Val, Failure> {
    let value = arguments.first().ok_or_else(mismatch)?;
    let zero = match value {
        Val::Null => true,
        Val::Bool(value) => !value,
        Val::Int(value) | Val::Duration(value) => *value == 0,
        Val::Uint(value) => *value == 0,
        Val::Double(value) => *value == 0.0,
        Val::Text(text) => text.is_empty(),
        Val::Bytes(bytes) => bytes.is_empty(),
        Val::List(list) => list.items.is_empty(),
        Val::Map(map) => map.is_empty(),
        Val::Optional(inner) => inner.is_none(),
        Val::Timestamp(_) | Val::Url(_) | Val::Ip(_) | Val::Cidr(..) | Val::Quantity(_) | Val::Type(_) => false,
    };
    Ok(if zero { Val::Optional(None) } else { Val::some(value.clone()) })
}

fn has_value(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Optional(inner)] => Ok(Val::Bool(inner.is_some())),
        _ => Err(mismatch()),
    }
}

fn value(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Optional(Some(inner))] => Ok((**inner).clone()),
        [Val::Optional(None)] => Err(Failure::new("optional.none() dereference")),
        _ => Err(mismatch()),
    }
}

fn or(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Optional(None), other] => Ok(other.clone()),
        [first, _] => Ok(first.clone()),
        _ => Err(mismatch()),
    }
}

fn or_value(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Optional(Some(inner)), _] => Ok((**inner).clone()),
        [Val::Optional(None), other] => Ok(other.clone()),
        _ => Err(mismatch()),
    }
}
