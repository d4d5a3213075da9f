//! Whole numbers as JSON users write them: the published schema says `number`, so `10.0` arrives where `10` is meant.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

/// A whole number, for which null means 0.
pub(crate) fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    option(deserializer).map(Option::unwrap_or_default)
}

/// A whole number that may be absent or null.
pub(crate) fn option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let number = Option::<Whole>::deserialize(deserializer)?;
    Ok(number.map(|Whole(number)| number))
}

/// A list of whole numbers, for which null means the empty one.
pub(crate) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i32>, D::Error> {
    let numbers = Option::<Vec<Whole>>::deserialize(deserializer)?;
    Ok(numbers.unwrap_or_default().into_iter().map(|Whole(number)| number).collect())
}

/// Writes `99` for 99.0, as it was probably read.
#[expect(clippy::cast_possible_truncation, reason = "the guard admits whole numbers that fit only")]
#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
pub(crate) fn float<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    match *number {
        Some(number) if number.fract() == 0.0 && number.abs() <= WHOLE_MAX => serializer.serialize_i64(number as i64),
        Some(number) => serializer.serialize_f64(number),
        None => serializer.serialize_none(),
    }
}

/// Whether a number is left out when written.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
pub(crate) fn is_zero(number: &i32) -> bool {
    *number == 0
}

struct Whole(i32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor).map(Whole)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of at most 32 bits")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i32, E> {
        i32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i32, E> {
        i32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the guard admits whole numbers that fit only")]
    fn visit_f64<E: Error>(self, number: f64) -> Result<i32, E> {
        let fits = f64::from(i32::MIN) <= number && number <= f64::from(i32::MAX) && number.fract() == 0.0;
        if fits { Ok(number as i32) } else { Err(E::invalid_value(Unexpected::Float(number), &self)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn ten_may_be_written_as_a_float_but_ten_and_a_half_is_refused() {
        assert_eq!(super::plain(json!(10)).unwrap(), 10);
        assert_eq!(super::plain(json!(10.0)).unwrap(), 10);
        assert_eq!(super::plain(json!(-1)).unwrap(), -1);
        assert_eq!(super::plain(Value::Null).unwrap(), 0);
        assert_eq!(super::list(json!([1, 2.0])).unwrap(), [1, 2]);
        let refused = super::option(json!(10.5)).unwrap_err().to_string();
        assert_eq!(refused, "invalid value: floating point `10.5`, expected a whole number of at most 32 bits");
        assert!(super::plain(json!(3_000_000_000_u32)).is_err());
    }
}
