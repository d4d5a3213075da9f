//! Strings and bytes.

use std::fmt::Write as _;

use regex::Regex;

use super::super::eval::Failure;
use super::super::value::{Key, Val};
use super::{Row, function, method, mismatch};
use crate::schema::patterns;

/// A string that an expression builds may not be longer: a few replacements could otherwise fill the memory.
const BUILT_MAX: usize = 1 << 20;

pub(super) const ROWS: &[Row] = &[
    function("_+_", "string, string", "string", concat),
    function("_+_", "bytes, bytes", "bytes", concat_bytes),
    function("size", "string", "int", size),
    method("size", "string", "int", size),
    function("size", "bytes", "int", size),
    method("size", "bytes", "int", size),
    method("contains", "string, string", "bool", |arguments| test(arguments, |text, part| text.contains(part))),
    method("startsWith", "string, string", "bool", |arguments| test(arguments, |text, part| text.starts_with(part))),
    method("endsWith", "string, string", "bool", |arguments| test(arguments, |text, part| text.ends_with(part))),
    method("matches", "string, string", "bool", matches),
    function("matches", "string, string", "bool", matches),
    method("find", "string, string", "string", find),
    method("findAll", "string, string", "list(string)", find_all),
    method("findAll", "string, string, int", "list(string)", find_all),
    method("charAt", "string, int", "string", char_at),
    method("indexOf", "string, string", "int", index_of),
    method("lastIndexOf", "string, string", "int", last_index_of),
    method("lowerAscii", "string", "string", |arguments| change(arguments, str::to_ascii_lowercase)),
    method("upperAscii", "string", "string", |arguments| change(arguments, str::to_ascii_uppercase)),
    method("trim", "string", "string", |arguments| change(arguments, |text| text.trim().to_owned())),
    method("reverse", "string", "string", |arguments| change(arguments, |text| text.chars().rev().collect())),
    method("replace", "string, string, string", "string", replace),
    method("replace", "string, string, string, int", "string", replace),
    method("split", "string, string", "list(string)", split),
    method("split", "string, string, int", "list(string)", split),
    method("substring", "string, int", "string", substring),
    method("substring", "string, int, int", "string", substring),
    method("join", "list(string)", "string", join),
    method("join", "list(string), string", "string", join),
    method("format", "string, list(dyn)", "string", format),
    function("string", "A", "string", to_text),
    function("bytes", "string", "bytes", to_bytes),
    function("bytes", "bytes", "bytes", to_bytes),
    function("strings.quote", "string", "string", |arguments| change(arguments, |text| format!("{text:?}"))),
];

/// A value as text, the way `string()` and `%s` show it.
pub(in super::super) fn display(value: &Val) -> String {
    match value {
        Val::Null => "null".to_owned(),
        Val::Bool(value) => value.to_string(),
        Val::Int(value) => value.to_string(),
        Val::Uint(value) => value.to_string(),
        Val::Double(value) => value.to_string(),
        Val::Text(text) => text.to_string(),
        Val::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Val::Duration(nanos) => super::times::seconds(*nanos),
        Val::Timestamp(value) => value.to_string(),
        Val::List(list) => format!("[{}]", list.items.iter().map(display).collect::<Vec<_>>().join(", ")),
        Val::Map(map) => {
            let entry = |(key, value): (&Key, &Val)| format!("{}: {}", display(&key.to_val()), display(value));
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Val::Optional(inner) => inner.as_ref().map_or("optional.none()".to_owned(), |inner| display(inner)),
        Val::Url(url) => format!("{}://{}{}", url.scheme, url.host, url.escaped_path),
        Val::Ip(address) => address.to_string(),
        Val::Cidr(address, length) => format!("{address}/{length}"),
        Val::Quantity(quantity) => quantity.to_string(),
        Val::Type(name) => (*name).to_owned(),
    }
}

fn concat(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(left), Val::Text(right)] = arguments else { return Err(mismatch()) };
    bounded(format!("{left}{right}"))
}

fn bounded(text: String) -> Result<Val, Failure> {
    if text.len() <= BUILT_MAX { Ok(Val::text(text)) } else { Err(Failure::OverBudget) }
}

fn concat_bytes(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Bytes(left), Val::Bytes(right)] if left.len() + right.len() <= BUILT_MAX => {
            Ok(Val::Bytes([&**left, &**right].concat().into()))
        }
        [Val::Bytes(_), Val::Bytes(_)] => Err(Failure::OverBudget),
        _ => Err(mismatch()),
    }
}

fn size(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Text(text)] => Ok(Val::count(text.chars().count())),
        [Val::Bytes(bytes)] => Ok(Val::count(bytes.len())),
        _ => Err(mismatch()),
    }
}

fn test(arguments: &[Val], holds: fn(&str, &str) -> bool) -> Result<Val, Failure> {
    let [Val::Text(text), Val::Text(part)] = arguments else { return Err(mismatch()) };
    Ok(Val::Bool(holds(text, part)))
}

fn change(arguments: &[Val], change: fn(&str) -> String) -> Result<Val, Failure> {
    let [Val::Text(text)] = arguments else { return Err(mismatch()) };
    Ok(Val::text(change(text)))
}

fn regex(pattern: &str) -> Result<Regex, Failure> {
    patterns::compile(pattern).map_err(|error| Failure::new(format!("error parsing regexp: {error}")))
}

fn matches(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text), Val::Text(pattern)] = arguments else { return Err(mismatch()) };
    Ok(Val::Bool(regex(pattern)?.is_match(text)))
}

fn find(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text), Val::Text(pattern)] = arguments else { return Err(mismatch()) };
    Ok(Val::text(regex(pattern)?.find(text).map_or("", |found| found.as_str())))
}

fn find_all(arguments: &[Val]) -> Result<Val, Failure> {
    let (text, pattern, most) = match arguments {
        [Val::Text(text), Val::Text(pattern)] => (text, pattern, usize::MAX),
        [Val::Text(text), Val::Text(pattern), Val::Int(most)] => {
            (text, pattern, usize::try_from(*most).unwrap_or(usize::MAX))
        }
        _ => return Err(mismatch()),
    };
    Ok(Val::list(regex(pattern)?.find_iter(text).take(most).map(|found| Val::text(found.as_str())).collect()))
}

fn char_at(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text), Val::Int(index)] = arguments else { return Err(mismatch()) };
    let out_of_range = || Failure::new(format!("index out of range: {index}"));
    let position = usize::try_from(*index).map_err(|_| out_of_range())?;
    match text.chars().nth(position) {
        Some(letter) => Ok(Val::text(letter.to_string())),
        None if position == text.chars().count() => Ok(Val::text("")),
        None => Err(out_of_range()),
    }
}

fn index_of(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text), Val::Text(part)] = arguments else { return Err(mismatch()) };
    Ok(text.find(&**part).map_or(Val::Int(-1), |at| letters_before(text, at)))
}

fn last_index_of(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text), Val::Text(part)] = arguments else { return Err(mismatch()) };
    Ok(text.rfind(&**part).map_or(Val::Int(-1), |at| letters_before(text, at)))
}

fn letters_before(text: &str, at: usize) -> Val {
    Val::count(text.get(..at).map_or(0, |before| before.chars().count()))
}

fn replace(arguments: &[Val]) -> Result<Val, Failure> {
    let (text, from, to, most) = match arguments {
        [Val::Text(text), Val::Text(from), Val::Text(to)] => (text, from, to, usize::MAX),
        [Val::Text(text), Val::Text(from), Val::Text(to), Val::Int(most)] => {
            (text, from, to, usize::try_from(*most).unwrap_or(usize::MAX))
        }
        _ => return Err(mismatch()),
    };
    if BUILT_MAX < (text.len() + 1).saturating_mul(to.len().max(1)) {
        return Err(Failure::OverBudget);
    }
    bounded(text.replacen(&**from, to, most))
}

fn split(arguments: &[Val]) -> Result<Val, Failure> {
    let (text, separator, most) = match arguments {
        [Val::Text(text), Val::Text(separator)] => (text, separator, usize::MAX),
        [Val::Text(text), Val::Text(separator), Val::Int(most)] => {
            (text, separator, usize::try_from(*most).unwrap_or(usize::MAX))
        }
        _ => return Err(mismatch()),
    };
    let parts: Vec<Val> = if separator.is_empty() {
        text.chars().map(|letter| Val::text(letter.to_string())).collect()
    } else {
        text.splitn(most, &**separator).map(Val::text).collect()
    };
    Ok(Val::list(parts))
}

fn substring(arguments: &[Val]) -> Result<Val, Failure> {
    let (text, start, end) = match arguments {
        [Val::Text(text), Val::Int(start)] => (text, *start, None),
        [Val::Text(text), Val::Int(start), Val::Int(end)] => (text, *start, Some(*end)),
        _ => return Err(mismatch()),
    };
    let length = text.chars().count();
    let position = |index: i64| {
        let position = usize::try_from(index).ok().filter(|position| *position <= length);
        position.ok_or_else(|| Failure::new(format!("index out of range: {index}")))
    };
    let (first, last) = (position(start)?, end.map_or(Ok(length), position)?);
    if last < first {
        return Err(Failure::new(format!("invalid substring range. start: {first}, end: {last}")));
    }
    Ok(Val::text(text.chars().skip(first).take(last - first).collect::<String>()))
}

fn join(arguments: &[Val]) -> Result<Val, Failure> {
    let (list, separator) = match arguments {
        [Val::List(list)] => (list, ""),
        [Val::List(list), Val::Text(separator)] => (list, &**separator),
        _ => return Err(mismatch()),
    };
    let words = list.items.iter().map(|item| match item {
        Val::Text(text) => Ok(&**text),
        _ => Err(mismatch()),
    });
    bounded(words.collect::<Result<Vec<_>, _>>()?.join(separator))
}

/// `'%s of %d'.format([name, count])`
fn format(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(template), Val::List(values)] = arguments else { return Err(mismatch()) };
    let mut values = values.items.iter();
    let mut out = String::new();
    let mut letters = template.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut clause = clause(&mut letters);
        let verb = clause.pop().ok_or_else(|| Failure::new("unexpected end of format string"))?;
        if verb == '%' {
            out.push('%');
            continue;
        }
        let value = values.next().ok_or_else(|| Failure::new("not enough arguments for the format string"))?;
        let precision = clause.strip_prefix('.').and_then(|digits| digits.parse().ok());
        print(verb, precision, value, &mut out)?;
    }
    bounded(out)
}

/// The letters of a clause up to its verb: `.2f`.
fn clause(letters: &mut impl Iterator<Item = char>) -> String {
    let mut clause = String::new();
    for letter in letters {
        clause.push(letter);
        if letter.is_alphabetic() || letter == '%' {
            break;
        }
    }
    clause
}

fn print(verb: char, precision: Option<usize>, value: &Val, out: &mut String) -> Result<(), Failure> {
    /// More digits than any number has.
    const PRECISION_MAX: usize = 100;
    let precision = precision.unwrap_or(6).min(PRECISION_MAX);
    let written = match (verb, value) {
        ('s', value) => write!(out, "{}", display(value)),
        ('d', Val::Int(number)) => write!(out, "{number}"),
        ('d', Val::Uint(number)) => write!(out, "{number}"),
        ('d' | 'f', Val::Double(number)) => write!(out, "{number:.precision$}"),
        ('f', Val::Int(number)) => write!(out, "{number}.{}", "0".repeat(precision)),
        ('e', Val::Double(number)) => write!(out, "{number:.precision$e}"),
        ('b', Val::Int(number)) => write!(out, "{number:b}"),
        ('o', Val::Int(number)) => write!(out, "{number:o}"),
        ('x', Val::Int(number)) => write!(out, "{number:x}"),
        ('X', Val::Int(number)) => write!(out, "{number:X}"),
        ('x', Val::Text(text)) => text.bytes().try_for_each(|byte| write!(out, "{byte:02x}")),
        _ => return Err(Failure::new(format!("could not format {} with %{verb}", value.type_name()))),
    };
    written.map_err(|_| Failure::new("could not write"))
}

fn to_text(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Bytes(bytes)] => {
            String::from_utf8(bytes.to_vec()).map(Val::text).map_err(|_| Failure::new("invalid UTF-8 in bytes"))
        }
        [Val::Null | Val::List(_) | Val::Map(_) | Val::Optional(_)] => Err(mismatch()),
        [value] => Ok(Val::text(display(value))),
        _ => Err(mismatch()),
    }
}

fn to_bytes(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::Text(text)] => Ok(Val::Bytes(text.as_bytes().into())),
        [Val::Bytes(bytes)] => Ok(Val::Bytes(bytes.clone())),
        _ => Err(mismatch()),
    }
}
