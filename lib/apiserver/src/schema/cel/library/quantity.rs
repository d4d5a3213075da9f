//! Quantities: `100m`, `2Gi`, `1.5`.

use std::fmt::{self, Display};

use super::super::eval::Failure;
use super::super::value::Val;
use super::numbers::overflow;
use super::{Row, function, method, mismatch};

/// An amount in billionths, which is the precision that Kubernetes keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super::super) struct Quantity {
    nanos: i128,
}

const ONE: i128 = 1_000_000_000;

/// Suffixes and how many billionths they stand for. Two letters come before one.
const SUFFIXES: [(&str, i128); 15] = [
    ("Ki", ONE << 10),
    ("Mi", ONE << 20),
    ("Gi", ONE << 30),
    ("Ti", ONE << 40),
    ("Pi", ONE << 50),
    ("Ei", ONE << 60),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", ONE * 1_000),
    ("M", ONE * 1_000_000),
    ("G", ONE * 1_000_000_000),
    ("T", ONE * 1_000_000_000_000),
    ("P", ONE * 1_000_000_000_000_000),
    ("E", ONE * 1_000_000_000_000_000_000),
];

pub(super) const ROWS: &[Row] = &[
    function("quantity", "string", "quantity", quantity),
    function("isQuantity", "string", "bool", |arguments| Ok(Val::Bool(quantity(arguments).is_ok()))),
    function("sign", "quantity", "int", sign),
    method("sign", "quantity", "int", sign),
    method("isGreaterThan", "quantity, quantity", "bool", |arguments| {
        compare(arguments, |left, right| Val::Bool(right < left))
    }),
    method("isLessThan", "quantity, quantity", "bool", |arguments| {
        compare(arguments, |left, right| Val::Bool(left < right))
    }),
    method("compareTo", "quantity, quantity", "int", |arguments| {
        compare(arguments, |left, right| Val::Int(left.cmp(right) as i64))
    }),
    method("asInteger", "quantity", "int", as_integer),
    method("isInteger", "quantity", "bool", |arguments| Ok(Val::Bool(as_integer(arguments).is_ok()))),
    method("asApproximateFloat", "quantity", "double", as_double),
    method("add", "quantity, quantity", "quantity", |arguments| combine(arguments, i128::checked_add)),
    method("add", "quantity, int", "quantity", |arguments| combine(arguments, i128::checked_add)),
    method("sub", "quantity, quantity", "quantity", |arguments| combine(arguments, i128::checked_sub)),
    method("sub", "quantity, int", "quantity", |arguments| combine(arguments, i128::checked_sub)),
];

impl Quantity {
    fn parse(text: &str) -> Option<Quantity> {
        let (number, unit) =
            SUFFIXES.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit))).unwrap_or((text, ONE));
        let (number, exponent) = match number.split_once(['e', 'E']) {
            Some((number, exponent)) if unit == ONE => (number, exponent.parse::<i32>().ok()?),
            Some(_) => return None,
            None => (number, 0),
        };
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let shift = exponent - i32::try_from(fraction.len()).ok()?;
        let scale = 10_i128.checked_pow(shift.unsigned_abs())?;
        let scaled = digits.parse::<i128>().ok()?.checked_mul(unit)?;
        let nanos = if shift < 0 { scaled / scale } else { scaled.checked_mul(scale)? };
        Some(Quantity { nanos: if negative { -nanos } else { nanos } })
    }
}

impl Display for Quantity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nanos {
            nanos if nanos % ONE == 0 => write!(out, "{}", nanos / ONE),
            nanos if nanos % 1_000_000 == 0 => write!(out, "{}m", nanos / 1_000_000),
            nanos => write!(out, "{nanos}n"),
        }
    }
}

fn quantity(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text)] = arguments else { return Err(mismatch()) };
    Quantity::parse(text)
        .map(Val::Quantity)
        .ok_or_else(|| Failure::new("quantities must match the regular expression of a quantity"))
}

fn sign(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Quantity(quantity)] => Ok(Val::Int(quantity.nanos.signum() as i64)),
        _ => Err(mismatch()),
    }
}

fn compare(arguments: &[Val], compare: fn(&Quantity, &Quantity) -> Val) -> Result<Val, Failure> {
    match arguments {
        [Val::Quantity(left), Val::Quantity(right)] => Ok(compare(left, right)),
        _ => Err(mismatch()),
    }
}

fn as_integer(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Quantity(quantity)] if quantity.nanos % ONE == 0 => {
            i64::try_from(quantity.nanos / ONE).map(Val::Int).map_err(|_| overflow())
        }
        [Val::Quantity(_)] => Err(Failure::new("cannot convert value to integer")),
        _ => Err(mismatch()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the function says that it approximates")]
fn as_double(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Quantity(quantity)] => Ok(Val::Double(quantity.nanos as f64 / ONE as f64)),
        _ => Err(mismatch()),
    }
}

fn combine(arguments: &[Val], operation: fn(i128, i128) -> Option<i128>) -> Result<Val, Failure> {
    let (left, right) = match arguments {
        [Val::Quantity(left), Val::Quantity(right)] => (left.nanos, right.nanos),
        [Val::Quantity(left), Val::Int(right)] => (left.nanos, i128::from(*right) * ONE),
        _ => return Err(mismatch()),
    };
    operation(left, right).map(|nanos| Val::Quantity(Quantity { nanos })).ok_or_else(overflow)
}
