//! The `format` keyword, and Go's notation of durations.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use serde_json::Number;

use super::url::Url;

/// Whether a number is whole and fits the format's width.
pub(super) fn holds_integer(format: &str, number: &Number) -> bool {
    let value = number.as_f64().unwrap_or_default();
    let width = match format {
        "int32" => f64::from(i32::MIN)..=f64::from(i32::MAX),
        // The bounds of 64 bits, as nearly as a double has them.
        "int64" => -9.3e18..=9.3e18,
        _ => return value.fract() == 0.0,
    };
    value.fract() == 0.0 && width.contains(&value) && (number.is_i64() || number.is_f64())
}

/// Whether a text has the format. Formats that the real server doesn't know hold everything.
pub(super) fn holds_text(format: &str, text: &str) -> bool {
    match format.replace('-', "").as_str() {
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        "cidr" => cidr(text).is_some(),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "datetime" => is_date_time(text),
        "duration" => duration(text).is_some() || is_spaced_duration(text),
        "email" => is_email(text),
        "hexcolor" => {
            let digits = text.strip_prefix('#').unwrap_or(text);
            matches!(digits.len(), 3 | 6) && is_hex(digits)
        }
        "hostname" => is_hostname(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "k8slongname" => is_dns_subdomain(text),
        "k8sshortname" => is_dns_label(text),
        "mac" => {
            text.split([':', '-']).count() == 6 && text.split([':', '-']).all(|part| part.len() == 2 && is_hex(part))
        }
        "uri" => Url::parse(text).is_some(),
        "uuid" => uuid_version(text).is_some(),
        "uuid3" => uuid_version(text) == Some('3'),
        "uuid4" => uuid_version(text) == Some('4'),
        "uuid5" => uuid_version(text) == Some('5'),
        _ => true,
    }
}

/// Nanoseconds of a duration in Go's notation: `1h30m`, `-1.5s`, `300ms`.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let (nanos, after) = leading_span(rest)?;
        total = total.checked_add(nanos)?;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// The first number-and-unit of a duration, and what follows it.
fn leading_span(text: &str) -> Option<(i128, &str)> {
    const UNITS: [(&str, i128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let digits_end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, rest) = text.split_at(digits_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let unit_end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
    let (unit, after) = rest.split_at(unit_end);
    let (_, nanos) = UNITS.iter().find(|(word, _)| *word == unit)?;
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(*nanos)?;
    let mut scale = *nanos;
    for digit in fraction.chars().filter_map(|digit| digit.to_digit(10)) {
        // Digits below a nanosecond are dropped, as Go does.
        scale /= 10;
        total += i128::from(digit) * scale;
    }
    Some((total, after))
}

/// The Scala-like notation that the format also takes: `22 ns`, `3 days`.
fn is_spaced_duration(text: &str) -> bool {
    const UNITS: [&str; 8] = ["nano", "micro", "milli", "second", "minute", "hour", "day", "week"];
    let Some((number, unit)) = text.split_once(' ') else { return false };
    let unit = unit.trim();
    let known = UNITS.iter().any(|word| unit.starts_with(word))
        || matches!(unit, "ns" | "us" | "ms" | "s" | "m" | "h" | "d" | "w");
    number.parse::<u64>().is_ok() && known
}

/// RFC 3339, with or without an offset.
fn is_date_time(text: &str) -> bool {
    let has_time = text.as_bytes().get(10).is_some_and(|separator| matches!(separator, b'T' | b't'));
    has_time && (text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok())
}

/// An address and the length of its network prefix.
pub(super) fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let widest = if address.is_ipv4() { 32 } else { 128 };
    let canonical = length == "0" || !length.starts_with(['0', '+']);
    length.parse().ok().filter(|length| canonical && *length <= widest).map(|length| (address, length))
}

fn is_email(text: &str) -> bool {
    text.rsplit_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace))
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 255 && text.split('.').all(label)
}

/// At most 63 of `a-z0-9-`, with a letter or digit at both ends.
pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    (1..=63).contains(&text.len()) && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// At most 253 characters of DNS labels joined by dots (their own length is not bounded, as for names of objects).
pub(super) fn is_dns_subdomain(text: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let label =
        |label: &str| !label.is_empty() && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-');
    text.len() <= 253 && text.split('.').all(label)
}

/// The version digit of a UUID, whose hyphens may be missing.
fn uuid_version(text: &str) -> Option<char> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let hyphens = text.len() - digits.len();
    (digits.len() == 32 && is_hex(&digits) && hyphens <= 4).then(|| digits.chars().nth(12)).flatten()
}

fn is_hex(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_hexdigit())
}
