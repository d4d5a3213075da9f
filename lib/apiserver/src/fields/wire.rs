//! Reads the protobuf that typed Go clients send (`kubectl create deployment` and its kin).
//!
//! `numbers.txt` is generated from the `.proto` files of k8s.io/api v0.36.3; names and forms come from the table of types.
//! A type starts at the margin, its fields are `NUMBER NAME`: with `kept` if its zero value means something (a pointer in
//! Go), with `bytes` if JSON has it as base64. `+NAME` is a message whose fields JSON has in the outer object; the
//! message's own fields stand under `OUTER+NAME`.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Form, Struct, types};

/// What a Kubernetes protobuf body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// The object in a body; nothing if it is broken or of a type that isn't in the table.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, value) in fields(body.strip_prefix(MAGIC)?)? {
        match number {
            1 => {
                for (number, value) in fields(value.bytes()?)? {
                    match number {
                        1 => api_version = value.text()?,
                        2 => kind = value.text()?,
                        _ => {}
                    }
                }
            }
            2 => raw = value.bytes()?,
            _ => {}
        }
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    // Options are sent under the version of the resource that they are for.
    let of = types().of_kind(group, version, &kind).or_else(|| types().get(&format!("meta/v1.{kind}")))?;
    let mut object = message(raw, of.name, of)?;
    object.insert("apiVersion".to_owned(), json!(api_version));
    object.insert("kind".to_owned(), json!(kind));
    Some(Value::Object(object))
}

/// One entry of `numbers.txt`.
#[derive(Debug)]
struct Entry {
    name: &'static str,
    kept: bool,
    bytes: bool,
}

type Numbers = HashMap<&'static str, HashMap<u64, Entry>>;

fn numbers() -> &'static Numbers {
    static NUMBERS: OnceLock<Numbers> = OnceLock::new();
    NUMBERS.get_or_init(|| {
        let mut all = Numbers::new();
        let mut open = "";
        for line in include_str!("numbers.txt").lines() {
            let mut words = line.split_whitespace();
            if !line.starts_with(' ') {
                open = line;
            } else if let (Some(Ok(number)), Some(name)) = (words.next().map(str::parse), words.next()) {
                let flag = words.next();
                let entry = Entry { name, kept: flag == Some("kept"), bytes: flag == Some("bytes") };
                all.entry(open).or_default().insert(number, entry);
            }
        }
        all
    })
}

/// A value as it stands on the wire.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Wire::Bytes(bytes) => Some(bytes),
            Wire::Varint(_) => None,
        }
    }

    fn text(self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn signed(self) -> Option<i64> {
        match self {
            Wire::Varint(number) => Some(number.cast_signed()),
            Wire::Bytes(_) => None,
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    const BYTES_MAX: u32 = 10;
    let mut number = 0;
    for place in 0..BYTES_MAX {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7F).checked_shl(7 * place)?;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The fields of a message in the order of the wire.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Wire::Varint(varint(&mut bytes)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Wire::Bytes(value)
            }
            // Kubernetes uses no fixed-width fields.
            _ => return None,
        };
        found.push((tag >> 3, value));
    }
    Some(found)
}

fn message(bytes: &[u8], name: &str, of: &Struct) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    let Some(numbers) = numbers().get(name) else { return Some(object) };
    for (number, wire) in fields(bytes)? {
        let Some(entry) = numbers.get(&number) else { continue };
        if let Some(inner) = entry.name.strip_prefix('+') {
            object.extend(message(wire.bytes()?, &format!("{name}+{inner}"), of)?);
            continue;
        }
        let Some(field) = of.field(entry.name) else { continue };
        match &field.form {
            Form::List(item) => {
                let item = value(wire, item, entry.bytes)?;
                if let Value::Array(items) = object.entry(field.name).or_insert_with(|| json!([])) {
                    items.push(item);
                }
            }
            Form::Map(item) => {
                let (key, item) = map_entry(wire.bytes()?, item, entry.bytes)?;
                if let Value::Object(items) = object.entry(field.name).or_insert_with(|| json!({})) {
                    items.insert(key, item);
                }
            }
            form => {
                let value = value(wire, form, entry.bytes)?;
                if entry.kept || !is_zero(&value) {
                    object.insert(field.name.to_owned(), value);
                }
            }
        }
    }
    Some(object)
}

fn map_entry(bytes: &[u8], item: &Form, base64: bool) -> Option<(String, Value)> {
    let (mut key, mut found) = (String::new(), None);
    for (number, wire) in fields(bytes)? {
        match number {
            1 => key = wire.text()?,
            2 => found = Some(value(wire, item, base64)?),
            _ => {}
        }
    }
    Some((key, found.unwrap_or_else(|| json!(""))))
}

fn value(wire: Wire<'_>, form: &Form, base64: bool) -> Option<Value> {
    match form {
        Form::String if base64 => Some(json!(STANDARD.encode(wire.bytes()?))),
        Form::String => wire.text().map(Value::String),
        Form::Number => wire.signed().map(Value::from),
        Form::Bool => wire.signed().map(|number| json!(number != 0)),
        Form::Time => time(wire.bytes()?),
        Form::Quantity => match fields(wire.bytes()?)?.first() {
            Some((1, text)) => text.text().map(Value::String),
            _ => Some(json!("0")),
        },
        Form::IntOrString => int_or_string(wire.bytes()?),
        // A raw extension or a set of fields: JSON in a message of its own.
        Form::Any => {
            let inner = fields(wire.bytes()?)?;
            let raw = inner.iter().find(|(number, _)| *number == 1).and_then(|(_, raw)| raw.bytes());
            raw.map_or(Some(Value::Null), |raw| serde_json::from_slice(raw).ok())
        }
        Form::Struct(name) => message(wire.bytes()?, name, form.as_struct()?).map(Value::Object),
        // A list of lists is no protobuf; a map of lists is no field of a built-in kind.
        Form::List(_) | Form::Map(_) => None,
    }
}

/// Null for the zero time.
fn time(bytes: &[u8]) -> Option<Value> {
    let (mut secs, mut nanos) = (0, 0);
    for (number, wire) in fields(bytes)? {
        match number {
            1 => secs = wire.signed()?,
            2 => nanos = i32::try_from(wire.signed()?).ok()?,
            _ => {}
        }
    }
    if bytes.is_empty() {
        return Some(Value::Null);
    }
    let at = Timestamp::new(secs, nanos).ok()?;
    let pattern = if nanos == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%6fZ" };
    Some(json!(at.strftime(pattern).to_string()))
}

fn int_or_string(bytes: &[u8]) -> Option<Value> {
    let (mut is_text, mut number, mut text) = (false, 0, String::new());
    for (field, wire) in fields(bytes)? {
        match field {
            1 => is_text = wire.signed()? != 0,
            2 => number = wire.signed()?,
            3 => text = wire.text()?,
            _ => {}
        }
    }
    Some(if is_text { json!(text) } else { json!(number) })
}

/// What Go leaves out of JSON and puts on the wire all the same.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length-delimited field.
    fn part(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        field.extend_from_slice(bytes);
        field
    }

    #[test]
    fn a_config_map_arrives_with_its_name_and_data() {
        let metadata = part(1, &[part(1, b"settings"), part(8, &[])].concat());
        let data = part(2, &[part(1, b"key"), part(2, b"value")].concat());
        let envelope = part(1, &[part(1, b"v1"), part(2, b"ConfigMap")].concat());
        let body = [MAGIC, &envelope, &part(2, &[metadata, data].concat())].concat();
        let expected = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"key": "value"},
        });
        assert_eq!(decode(&body), Some(expected));
    }

    #[test]
    fn broken_bodies_are_nothing() {
        for body in [&b""[..], b"k8s", b"k8s\0\x0a\xff", b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_eq!(decode(body), None);
        }
    }

    #[test]
    fn every_number_names_a_field_of_its_type() {
        for (name, entries) in numbers() {
            let of = types().get(name.split('+').next().unwrap()).unwrap_or_else(|| panic!("{name} is no type"));
            for entry in entries.values().filter(|entry| !entry.name.starts_with('+')) {
                assert!(of.field(entry.name).is_some(), "{name} has no field {}", entry.name);
            }
        }
    }
}
