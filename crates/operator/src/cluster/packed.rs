//! Objects as they are kept: small.
//!
//! A tree of JSON values weighs ten times its text, and most of the text is the same in every object: names of fields, labels,
//! images, owners. So an object is kept as bytes in which words that occur again and again are numbers, and is unpacked when
//! somebody looks at it. `metadata.managedFields`, half of what the wire carries, is skipped while parsing.

use std::fmt;
use std::sync::MutexGuard;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::words::{Words, words};

/// How deep values may be nested; the API server allows less.
const DEPTH_MAX: usize = 256;

/// What a byte in front of a value says about it.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const UNSIGNED: u8 = 3;
    pub(super) const SIGNED: u8 = 4;
    pub(super) const FLOAT: u8 = 5;
    pub(super) const TEXT: u8 = 6;
    pub(super) const WORD: u8 = 7;
    pub(super) const LIST: u8 = 8;
    pub(super) const MAP: u8 = 9;
    pub(super) const END: u8 = 10;
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// The object, which is a map.
    pub(super) fn unpack(&self) -> Value {
        Reader { rest: &self.0, words: &words() }.value(&Wanted::All, 0).unwrap_or_default()
    }

    /// The `metadata` of the object alone.
    pub(super) fn metadata(&self) -> Value {
        let object = Reader { rest: &self.0, words: &words() }.value(&Wanted::Field("metadata"), 0);
        object.and_then(|mut object| object.get_mut("metadata").map(Value::take)).unwrap_or_default()
    }
}

impl From<&Value> for Packed {
    fn from(object: &Value) -> Self {
        // A `Value` can be read as anything that it is.
        Self::deserialize(object).unwrap_or_else(|_| Self(Box::from([tag::NULL])))
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut packer = Packer { bytes: Vec::with_capacity(1024), words: words() };
        Put { packer: &mut packer, place: Place::Object }.deserialize(deserializer)?;
        Ok(Self(packer.bytes.into_boxed_slice()))
    }
}

struct Packer {
    bytes: Vec<u8>,
    words: MutexGuard<'static, Words>,
}

impl Packer {
    fn number(&mut self, mut number: u64) {
        while 0x80 <= number {
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }

    fn text(&mut self, text: &str) {
        if let Some(word) = self.words.id(text) {
            self.bytes.push(tag::WORD);
            self.number(word.into());
        } else {
            self.bytes.push(tag::TEXT);
            self.number(text.len() as u64);
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }
}

/// Where a value is, as far as that matters.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Object,
    Metadata,
    Inside,
}

/// Packs one value.
struct Put<'a> {
    packer: &'a mut Packer,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Put<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Put<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.packer.bytes.push(tag::NULL);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.packer.bytes.push(if value { tag::TRUE } else { tag::FALSE });
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.packer.bytes.push(tag::UNSIGNED);
        self.packer.number(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.packer.bytes.push(tag::SIGNED);
        self.packer.bytes.extend(value.to_le_bytes());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.packer.bytes.push(tag::FLOAT);
        self.packer.bytes.extend(value.to_le_bytes());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.packer.text(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.packer.bytes.push(tag::LIST);
        while items.next_element_seed(Put { packer: &mut *self.packer, place: Place::Inside })?.is_some() {}
        self.packer.bytes.push(tag::END);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        self.packer.bytes.push(tag::MAP);
        while let Some(name) = fields.next_key::<String>()? {
            let place = match self.place {
                Place::Metadata if name == "managedFields" => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
                Place::Object if name == "metadata" => Place::Metadata,
                _ => Place::Inside,
            };
            self.packer.text(&name);
            fields.next_value_seed(Put { packer: &mut *self.packer, place })?;
        }
        self.packer.bytes.push(tag::END);
        Ok(())
    }
}

/// Which fields of an object somebody wants to see.
enum Wanted {
    All,
    Field(&'static str),
}

/// Reads what was packed; `None` where the bytes are none of ours.
struct Reader<'a> {
    rest: &'a [u8],
    words: &'a Words,
}

impl<'a> Reader<'a> {
    fn value(&mut self, wanted: &Wanted, depth: usize) -> Option<Value> {
        let tag = self.byte()?;
        self.tagged(tag, wanted, depth)
    }

    fn tagged(&mut self, tag: u8, wanted: &Wanted, depth: usize) -> Option<Value> {
        if DEPTH_MAX < depth {
            return None;
        }
        Some(match tag {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::UNSIGNED => self.number()?.into(),
            tag::SIGNED => i64::from_le_bytes(self.array()?).into(),
            tag::FLOAT => Number::from_f64(f64::from_le_bytes(self.array()?)).map_or(Value::Null, Value::Number),
            tag::TEXT | tag::WORD => self.text(tag)?.into(),
            tag::LIST => Value::Array(self.list(depth)?),
            tag::MAP => Value::Object(self.map(wanted, depth)?),
            _ => return None,
        })
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            match self.byte()? {
                tag::END => return Some(items),
                tag => items.push(self.tagged(tag, &Wanted::All, depth + 1)?),
            }
        }
    }

    fn map(&mut self, wanted: &Wanted, depth: usize) -> Option<Map<String, Value>> {
        let mut fields = Map::new();
        loop {
            let name = match self.byte()? {
                tag::END => return Some(fields),
                tag => self.text(tag)?,
            };
            let value = self.value(&Wanted::All, depth + 1)?;
            match wanted {
                Wanted::All => {
                    fields.insert(name.to_owned(), value);
                }
                Wanted::Field(only) if *only == name => return Some(Map::from_iter([(name.to_owned(), value)])),
                Wanted::Field(_) => {}
            }
        }
    }

    fn text(&mut self, tag: u8) -> Option<&'a str> {
        let number = usize::try_from(self.number()?).ok()?;
        match tag {
            tag::WORD => self.words.text(number),
            tag::TEXT => {
                let (text, rest) = self.rest.split_at_checked(number)?;
                self.rest = rest;
                std::str::from_utf8(text).ok()
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn array(&mut self) -> Option<[u8; 8]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        let object = json!({
            "metadata": {"name": "a", "annotations": {"long": "ä".repeat(500)}},
            "spec": {
                "numbers": [0, 127, 128, u64::MAX, -1, i64::MIN, 0.5, -1e300], "flags": [true, false, null],
                "empty": [[], {}, ""], "words": ["RollingUpdate", "RollingUpdate", "RollingUpdate"],
            },
        });
        for _ in 0..3 {
            let packed: Packed = serde_json::from_str(&object.to_string()).unwrap();
            assert_eq!(packed.unpack(), object, "whether its words are known or not");
            assert_eq!(Packed::from(&object).unpack(), object);
            assert_eq!(packed.metadata(), object["metadata"]);
        }
    }

    #[test]
    fn managed_fields_are_skipped_and_everything_else_is_kept() {
        let text = r#"{"metadata":{"name":"a","managedFields":[{"manager":"kubectl"}],"annotations":{"managedFields":"mine"}},
                       "spec":{"metadata":{"managedFields":[1]}}}"#;
        let packed: Packed = serde_json::from_str(text).unwrap();
        let expected = json!({
            "metadata": {"name": "a", "annotations": {"managedFields": "mine"}},
            "spec": {"metadata": {"managedFields": [1]}},
        });
        assert_eq!(packed.unpack(), expected);
    }

    #[test]
    fn an_object_like_many_others_takes_a_fraction_of_its_text() {
        let object = |name: &str| {
            json!({
                "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "team-platform"}},
                "spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"}},
            })
        };
        for name in ["first", "second"] {
            let _ = Packed::from(&object(name));
        }
        let (third, text) = (Packed::from(&object("third")), object("third").to_string());
        assert!(third.0.len() * 4 < text.len(), "{} of {} bytes", third.0.len(), text.len());
    }
}
