//! An object at rest: its JSON as one text, which takes far less room than a tree of values and is sent as it is.
//!
//! What is asked for again and again is found without reading the text: the key, the labels, and where the type ends.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::meta;
use crate::store::Key;

/// What most objects fit into, in bytes.
const PAGE: usize = 4096;

/// An object as the store keeps it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) key: Arc<Key>,
    /// `{"apiVersion":…,"kind":…,"metadata":{"labels":…,…},…}`
    text: Box<[u8]>,
    /// Where the type ends and `"metadata"` begins.
    metadata: usize,
    /// Where the labels are; nowhere if there are none.
    labels: Range<usize>,
}

impl Packed {
    pub(crate) fn new(object: &Value) -> Packed {
        let mut text = type_of(text(&object["apiVersion"]), text(&object["kind"]));
        let metadata = text.len();
        text.reserve(PAGE);
        text.extend_from_slice(br#""metadata":{"#);
        let mut labels = 0..0;
        if let Some(value) = object["metadata"].get("labels") {
            text.extend_from_slice(br#""labels":"#);
            labels.start = text.len();
            write(&mut text, value);
            labels.end = text.len();
        }
        for (name, value) in fields(&object["metadata"]).filter(|(name, _)| *name != "labels") {
            member(&mut text, name, value);
        }
        text.push(b'}');
        let first = ["apiVersion", "kind", "metadata"];
        for (name, value) in fields(object).filter(|(name, _)| !first.contains(&name.as_str())) {
            member(&mut text, name, value);
        }
        text.push(b'}');
        Packed { key: Arc::new(Key::of(object)), text: text.into_boxed_slice(), metadata, labels }
    }

    /// The object as a tree again.
    pub(crate) fn unpack(&self) -> Arc<Value> {
        Arc::new(serde_json::from_slice(&self.text).expect("it was written from a value"))
    }

    /// The labels; `null` if there are none.
    pub(crate) fn labels(&self) -> Value {
        self.text.get(self.labels.clone()).and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default()
    }

    /// The same object under another revision.
    pub(crate) fn at_revision(&self, revision: u64) -> Packed {
        let mut object = Arc::unwrap_or_clone(self.unpack());
        meta::put(&mut object, "resourceVersion", Some(json!(revision.to_string())));
        Packed::new(&object)
    }

    /// All of it but the type and the brace before it, to go after what [`type_of`] writes or after a bare brace.
    pub(crate) fn untyped(&self) -> &[u8] {
        self.text.get(self.metadata..).unwrap_or_default()
    }
}

/// How the JSON of an object begins.
pub(crate) fn type_of(api_version: &str, kind: &str) -> Vec<u8> {
    format!(r#"{{"apiVersion":{},"kind":{},"#, json!(api_version), json!(kind)).into_bytes()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn member(out: &mut Vec<u8>, name: &str, value: &Value) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, name).expect("memory takes any text");
    out.push(b':');
    write(out, value);
}

fn write(out: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(out, value).expect("memory takes any value");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out_again() {
        let full = json!({
            "apiVersion": "v1", "kind": "Pod", "spec": {"a": [1, 0.5, null]},
            "metadata": {"name": "a\"b", "namespace": "n", "labels": {"app": "web"}, "uid": "u"},
        });
        let bare = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"uid": "u"}});
        for object in [full, bare] {
            let packed = Packed::new(&object);
            assert_eq!(*packed.unpack(), object);
            assert_eq!(packed.labels(), object["metadata"]["labels"]);
            assert_eq!(*packed.key, Key::of(&object));
            let retyped = [&type_of("v2", "Pod"), packed.untyped()].concat();
            assert_eq!(serde_json::from_slice::<Value>(&retyped).unwrap()["metadata"], object["metadata"]);
        }
    }
}
