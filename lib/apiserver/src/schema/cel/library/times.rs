//! Durations and timestamps.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::eval::Failure;
use super::super::value::Val;
use super::numbers::{conversion, overflow};
use super::{Row, function, method, mismatch};
use crate::schema::formats;

const SECOND: i64 = 1_000_000_000;

pub(super) const ROWS: &[Row] = &[
    function("duration", "string", "duration", duration),
    function("duration", "duration", "duration", duration),
    function("timestamp", "string", "timestamp", timestamp),
    function("timestamp", "timestamp", "timestamp", timestamp),
    function("timestamp", "int", "timestamp", timestamp),
    function("_+_", "duration, duration", "duration", add),
    function("_+_", "timestamp, duration", "timestamp", add),
    function("_+_", "duration, timestamp", "timestamp", add),
    function("_-_", "duration, duration", "duration", subtract),
    function("_-_", "timestamp, duration", "timestamp", subtract),
    function("_-_", "timestamp, timestamp", "duration", subtract),
    method("getHours", "duration", "int", |arguments| whole(arguments, 3_600 * SECOND)),
    method("getMinutes", "duration", "int", |arguments| whole(arguments, 60 * SECOND)),
    method("getSeconds", "duration", "int", |arguments| whole(arguments, SECOND)),
    method("getMilliseconds", "duration", "int", |arguments| whole(arguments, SECOND / 1_000)),
    method("getFullYear", "timestamp", "int", |arguments| part(arguments, |time| time.year().into())),
    method("getMonth", "timestamp", "int", |arguments| part(arguments, |time| i64::from(time.month()) - 1)),
    method("getDate", "timestamp", "int", |arguments| part(arguments, |time| time.day().into())),
    method("getDayOfMonth", "timestamp", "int", |arguments| part(arguments, |time| i64::from(time.day()) - 1)),
    method("getDayOfWeek", "timestamp", "int", |arguments| {
        part(arguments, |time| time.weekday().to_sunday_zero_offset().into())
    }),
    method("getDayOfYear", "timestamp", "int", |arguments| part(arguments, |time| i64::from(time.day_of_year()) - 1)),
    method("getHours", "timestamp", "int", |arguments| part(arguments, |time| time.hour().into())),
    method("getMinutes", "timestamp", "int", |arguments| part(arguments, |time| time.minute().into())),
    method("getSeconds", "timestamp", "int", |arguments| part(arguments, |time| time.second().into())),
];

/// A duration as `string()` shows it: `90s`, `0.5s`.
pub(super) fn seconds(nanos: i64) -> String {
    let (whole, rest) = (nanos / SECOND, (nanos % SECOND).abs());
    if rest == 0 {
        return format!("{whole}s");
    }
    let sign = if nanos < 0 && whole == 0 { "-" } else { "" };
    let fraction = format!("{rest:09}");
    format!("{sign}{whole}.{}s", fraction.trim_end_matches('0'))
}

fn duration(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Duration(nanos)] => Ok(Val::Duration(*nanos)),
        [Val::Text(text)] => {
            formats::duration(text).map(Val::Duration).ok_or_else(|| conversion("google.protobuf.Duration"))
        }
        _ => Err(mismatch()),
    }
}

fn timestamp(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Timestamp(time)] => Ok(Val::Timestamp(*time)),
        [Val::Int(seconds)] => Timestamp::from_second(*seconds).map(Val::Timestamp).map_err(|_| overflow()),
        [Val::Text(text)] => text.parse().map(Val::Timestamp).map_err(|_| conversion("google.protobuf.Timestamp")),
        _ => Err(mismatch()),
    }
}

fn add(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Duration(left), Val::Duration(right)] => left.checked_add(*right).map(Val::Duration).ok_or_else(overflow),
        [Val::Timestamp(time), Val::Duration(nanos)] | [Val::Duration(nanos), Val::Timestamp(time)] => {
            time.checked_add(SignedDuration::from_nanos(*nanos)).map(Val::Timestamp).map_err(|_| overflow())
        }
        _ => Err(mismatch()),
    }
}

fn subtract(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Duration(left), Val::Duration(right)] => left.checked_sub(*right).map(Val::Duration).ok_or_else(overflow),
        [Val::Timestamp(time), Val::Duration(nanos)] => {
            time.checked_sub(SignedDuration::from_nanos(*nanos)).map(Val::Timestamp).map_err(|_| overflow())
        }
        [Val::Timestamp(later), Val::Timestamp(earlier)] => {
            i64::try_from(later.duration_since(*earlier).as_nanos()).map(Val::Duration).map_err(|_| overflow())
        }
        _ => Err(mismatch()),
    }
}

fn whole(arguments: &[Val], unit: i64) -> Result<Val, Failure> {
    match arguments {
        [Val::Duration(nanos)] => Ok(Val::Int(nanos / unit)),
        _ => Err(mismatch()),
    }
}

/// A part of a timestamp in UTC.
fn part(arguments: &[Val], part: fn(DateTime) -> i64) -> Result<Val, Failure> {
    match arguments {
        [Val::Timestamp(time)] => Ok(Val::Int(part(time.to_zoned(TimeZone::UTC).datetime()))),
        _ => Err(mismatch()),
    }
}
