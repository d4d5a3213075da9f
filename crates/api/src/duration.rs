//! Durations as Go writes them, such as `1m30s`: the form of intervals and timeouts in the API and in messages to users.

use std::fmt::Write;
use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing, or something else than a number where a number has to be.
    #[error("a duration needs a number with a unit, such as 30s")]
    NoNumber,
    /// A number stands alone.
    #[error("a duration needs a unit (ns, us, ms, s, m or h) after each number")]
    NoUnit,
    /// The letters after a number are no unit.
    #[error("a duration's units are ns, us, ms, s, m and h")]
    UnknownUnit,
    /// Time does not run backwards here.
    #[error("a duration can't be negative")]
    Negative,
    /// The duration does not fit in 63 bits of nanoseconds, some 292 years.
    #[error("a duration can't be longer than 292 years")]
    TooLong,
}

/// Reads a duration: numbers with units, such as `300ms`, `1.5h` or `2h45m`; `0` needs no unit.
///
/// # Errors
/// Says what is wrong with the text. Unlike Go, negative durations are refused: nothing in the API can wait for one.
pub fn parse(text: &str) -> Result<Duration, Error> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(Error::NoNumber);
    }
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let (part, after) = term(rest)?;
        nanos = nanos.checked_add(part).filter(|nanos| *nanos <= NANOS_MAX).ok_or(Error::TooLong)?;
        rest = after;
    }
    if negative && nanos > 0 { Err(Error::Negative) } else { Ok(Duration::from_nanos(nanos)) }
}

/// Writes a duration as Go prints it: hours, minutes and seconds from one second on, a single smaller unit below.
pub fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    match nanos {
        0 => "0s".to_owned(),
        1..MICROSECOND => format!("{nanos}ns"),
        MICROSECOND..MILLISECOND => decimal(nanos, MICROSECOND) + "µs",
        MILLISECOND..SECOND => decimal(nanos, MILLISECOND) + "ms",
        SECOND.. => clock(nanos),
    }
}

const MICROSECOND: u128 = 1_000;
const MILLISECOND: u128 = 1_000_000;
const SECOND: u128 = 1_000_000_000;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;
const NANOS_MAX: u64 = i64::MAX.unsigned_abs();

/// The nanoseconds of the number with unit that the text starts with, and the text after it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "fractions are computed in floating point as Go does, so that both read the same nanoseconds"
)]
fn term(text: &str) -> Result<(u64, &str), Error> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(Error::NoNumber);
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit = unit_nanos(unit)?;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Error::TooLong)? };
    let whole = whole.checked_mul(unit).ok_or(Error::TooLong)?;
    let fraction = significant(fraction);
    let scale = 10_f64.powi(fraction.len() as i32);
    let part = fraction.parse::<u64>().map_or(0.0, |fraction| fraction as f64 * (unit as f64 / scale));
    Ok((whole.checked_add(part as u64).ok_or(Error::TooLong)?, rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The leading digits of a fraction, as many as always fit in 64 bits; further ones are below a nanosecond.
fn significant(fraction: &str) -> &str {
    const DIGITS_MAX: usize = 19;
    fraction.get(..DIGITS_MAX).unwrap_or(fraction)
}

fn unit_nanos(unit: &str) -> Result<u64, Error> {
    match unit {
        "" => Err(Error::NoUnit),
        "ns" => Ok(1),
        // The two letters are the micro sign and the Greek mu.
        "us" | "\u{b5}s" | "\u{3bc}s" => Ok(1_000),
        "ms" => Ok(1_000_000),
        "s" => Ok(1_000_000_000),
        "m" => Ok(60_000_000_000),
        "h" => Ok(3_600_000_000_000),
        _ => Err(Error::UnknownUnit),
    }
}

fn clock(nanos: u128) -> String {
    let (hours, minutes) = (nanos / HOUR, nanos / MINUTE % 60);
    let mut text = String::new();
    if 0 < hours {
        let _infallible = write!(text, "{hours}h");
    }
    if MINUTE <= nanos {
        let _infallible = write!(text, "{minutes}m");
    }
    text + &decimal(nanos % MINUTE, SECOND) + "s"
}

/// `nanos` in units of `unit`, a power of ten, with as many decimals as it takes.
fn decimal(nanos: u128, unit: u128) -> String {
    let (whole, fraction) = (nanos / unit, nanos % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{fraction:0width$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanos) in [
            ("0", 0),
            ("-0s", 0),
            ("+5s", 5_000_000_000),
            ("5.s", 5_000_000_000),
            (".5s", 500_000_000),
            ("1.004s", 1_004_000_000),
            ("1m30s", 90_000_000_000),
            ("10.5s4m", 250_500_000_000),
            ("12us", 12_000),
            ("12\u{b5}s12\u{3bc}s", 24_000),
            ("3.1415us", 3_141),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("0.830103483285477580700h", 2_988_372_539_827),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        for (text, error) in [
            ("", Error::NoNumber),
            ("-", Error::NoNumber),
            ("s", Error::NoNumber),
            (".", Error::NoNumber),
            ("1m s", Error::UnknownUnit),
            ("3", Error::NoUnit),
            ("3m4", Error::NoUnit),
            ("1d", Error::UnknownUnit),
            ("1e3s", Error::UnknownUnit),
            ("-1s", Error::Negative),
            ("9223372036854775808ns", Error::TooLong),
            ("99999999999999999999s", Error::TooLong),
            ("3000000h", Error::TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (500_000_000, "500ms"),
            (1_500_000_000, "1.5s"),
            (3_300_000_001, "3.300000001s"),
            (60_000_000_000, "1m0s"),
            (245_001_000_000, "4m5.001s"),
            (3_600_000_000_000, "1h0m0s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (i64::MAX.unsigned_abs(), "2562047h47m16.854775807s"),
        ] {
            assert_eq!(format(Duration::from_nanos(nanos)), text);
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }
}
