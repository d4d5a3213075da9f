//! Arithmetic, comparison, conversion of numbers.

use std::cmp::Ordering;

use super::super::eval::Failure;
use super::super::value::Val;
use super::{Row, function, mismatch};

pub(super) const ROWS: &[Row] = &[
    function("_==_", "A, A", "bool", |arguments| equality(arguments, true)),
    function("_!=_", "A, A", "bool", |arguments| equality(arguments, false)),
    function("!_", "bool", "bool", not),
    function("-_", "int", "int", negate),
    function("-_", "double", "double", negate),
    function("-_", "duration", "duration", negate),
    function("_+_", "int, int", "int", |arguments| integers(arguments, i64::checked_add, u64::checked_add)),
    function("_+_", "uint, uint", "uint", |arguments| integers(arguments, i64::checked_add, u64::checked_add)),
    function("_+_", "double, double", "double", |arguments| doubles(arguments, |left, right| left + right)),
    function("_-_", "int, int", "int", |arguments| integers(arguments, i64::checked_sub, u64::checked_sub)),
    function("_-_", "uint, uint", "uint", |arguments| integers(arguments, i64::checked_sub, u64::checked_sub)),
    function("_-_", "double, double", "double", |arguments| doubles(arguments, |left, right| left - right)),
    function("_*_", "int, int", "int", |arguments| integers(arguments, i64::checked_mul, u64::checked_mul)),
    function("_*_", "uint, uint", "uint", |arguments| integers(arguments, i64::checked_mul, u64::checked_mul)),
    function("_*_", "double, double", "double", |arguments| doubles(arguments, |left, right| left * right)),
    function("_/_", "int, int", "int", |arguments| {
        divided(arguments, "division by zero", i64::checked_div, u64::checked_div)
    }),
    function("_/_", "uint, uint", "uint", |arguments| {
        divided(arguments, "division by zero", i64::checked_div, u64::checked_div)
    }),
    function("_/_", "double, double", "double", |arguments| doubles(arguments, |left, right| left / right)),
    function("_%_", "int, int", "int", |arguments| {
        divided(arguments, "modulus by zero", i64::checked_rem, u64::checked_rem)
    }),
    function("_%_", "uint, uint", "uint", |arguments| {
        divided(arguments, "modulus by zero", i64::checked_rem, u64::checked_rem)
    }),
    function("_<_", "A, A", "bool", |arguments| order(arguments, Ordering::is_lt)),
    function("_<_", "int, double", "bool", |arguments| order(arguments, Ordering::is_lt)),
    function("_<_", "double, int", "bool", |arguments| order(arguments, Ordering::is_lt)),
    function("_<=_", "A, A", "bool", |arguments| order(arguments, Ordering::is_le)),
    function("_<=_", "int, double", "bool", |arguments| order(arguments, Ordering::is_le)),
    function("_<=_", "double, int", "bool", |arguments| order(arguments, Ordering::is_le)),
    function("_>_", "A, A", "bool", |arguments| order(arguments, Ordering::is_gt)),
    function("_>_", "int, double", "bool", |arguments| order(arguments, Ordering::is_gt)),
    function("_>_", "double, int", "bool", |arguments| order(arguments, Ordering::is_gt)),
    function("_>=_", "A, A", "bool", |arguments| order(arguments, Ordering::is_ge)),
    function("_>=_", "int, double", "bool", |arguments| order(arguments, Ordering::is_ge)),
    function("_>=_", "double, int", "bool", |arguments| order(arguments, Ordering::is_ge)),
    function("int", "int", "int", int),
    function("int", "uint", "int", int),
    function("int", "double", "int", int),
    function("int", "string", "int", int),
    function("int", "timestamp", "int", int),
    function("uint", "int", "uint", uint),
    function("uint", "uint", "uint", uint),
    function("uint", "string", "uint", uint),
    function("double", "int", "double", double),
    function("double", "uint", "double", double),
    function("double", "double", "double", double),
    function("double", "string", "double", double),
    function("bool", "bool", "bool", boolean),
    function("bool", "string", "bool", boolean),
    function("dyn", "A", "dyn", |arguments| arguments.first().cloned().ok_or_else(mismatch)),
    function("type", "A", "type", |arguments| {
        arguments.first().map(|value| Val::Type(value.type_name())).ok_or_else(mismatch)
    }),
];

fn equality(arguments: &[Val], wanted: bool) -> Result<Val, Failure> {
    let [left, right] = arguments else { return Err(mismatch()) };
    Ok(Val::Bool(left.equals(right) == wanted))
}

fn order(arguments: &[Val], holds: fn(Ordering) -> bool) -> Result<Val, Failure> {
    let [left, right] = arguments else { return Err(mismatch()) };
    match (left.compare(right), left, right) {
        (Some(ordering), _, _) => Ok(Val::Bool(holds(ordering))),
        // Nothing compares with what isn't a number.
        (None, Val::Double(_), _) | (None, _, Val::Double(_)) => Ok(Val::Bool(false)),
        (None, _, _) => Err(mismatch()),
    }
}

fn not(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Bool(value)] => Ok(Val::Bool(!value)),
        _ => Err(mismatch()),
    }
}

fn negate(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Int(value)] => value.checked_neg().map(Val::Int).ok_or_else(overflow),
        [Val::Duration(value)] => value.checked_neg().map(Val::Duration).ok_or_else(overflow),
        [Val::Double(value)] => Ok(Val::Double(-value)),
        _ => Err(mismatch()),
    }
}

type Checked<T> = fn(T, T) -> Option<T>;

fn integers(arguments: &[Val], signed: Checked<i64>, unsigned: Checked<u64>) -> Result<Val, Failure> {
    match arguments {
        [Val::Int(left), Val::Int(right)] => signed(*left, *right).map(Val::Int).ok_or_else(overflow),
        [Val::Uint(left), Val::Uint(right)] => unsigned(*left, *right).map(Val::Uint).ok_or_else(overflow),
        _ => Err(mismatch()),
    }
}

fn divided(arguments: &[Val], by_zero: &str, signed: Checked<i64>, unsigned: Checked<u64>) -> Result<Val, Failure> {
    match arguments {
        [_, Val::Int(0) | Val::Uint(0)] => Err(Failure::new(by_zero)),
        _ => integers(arguments, signed, unsigned),
    }
}

fn doubles(arguments: &[Val], operation: fn(f64, f64) -> f64) -> Result<Val, Failure> {
    match arguments {
        [Val::Double(left), Val::Double(right)] => Ok(Val::Double(operation(*left, *right))),
        _ => Err(mismatch()),
    }
}

/// A string isn't written the way that values of the type are.
pub(super) fn conversion(to: &str) -> Failure {
    Failure::new(format!("type conversion error from 'string' to '{to}'"))
}

pub(super) fn overflow() -> Failure {
    Failure::new("integer overflow")
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked first; the language cuts fractions off")]
fn int(arguments: &[Val]) -> Result<Val, Failure> {
    let range = || Failure::new("range error converting to int");
    match arguments {
        [Val::Int(value)] => Ok(Val::Int(*value)),
        [Val::Uint(value)] => i64::try_from(*value).map(Val::Int).map_err(|_| range()),
        [Val::Double(value)] if value.abs() < 9.2e18 => Ok(Val::Int(*value as i64)),
        [Val::Double(_)] => Err(range()),
        [Val::Text(text)] => text.parse().map(Val::Int).map_err(|_| conversion("int")),
        [Val::Timestamp(value)] => Ok(Val::Int(value.as_second())),
        _ => Err(mismatch()),
    }
}

fn uint(arguments: &[Val]) -> Result<Val, Failure> {
    let range = || Failure::new("range error converting to uint");
    match arguments {
        [Val::Int(value)] => u64::try_from(*value).map(Val::Uint).map_err(|_| range()),
        [Val::Uint(value)] => Ok(Val::Uint(*value)),
        [Val::Text(text)] => text.parse().map(Val::Uint).map_err(|_| conversion("uint")),
        _ => Err(mismatch()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the conversion is what was asked for")]
fn double(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Int(value)] => Ok(Val::Double(*value as f64)),
        [Val::Uint(value)] => Ok(Val::Double(*value as f64)),
        [Val::Double(value)] => Ok(Val::Double(*value)),
        [Val::Text(text)] => text.parse().map(Val::Double).map_err(|_| conversion("double")),
        _ => Err(mismatch()),
    }
}

fn boolean(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Bool(value)] => Ok(Val::Bool(*value)),
        [Val::Text(text)] => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Val::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Val::Bool(false)),
            _ => Err(conversion("bool")),
        },
        _ => Err(mismatch()),
    }
}
