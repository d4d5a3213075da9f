//! Objects from the wire without `metadata.managedFields`.
//!
//! As a tree of JSON values that one field weighs ten times the rest of a typical Deployment, so it is skipped while parsing
//! instead of removed afterwards.

use std::fmt;

use ports::Kind;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value, json};

/// One object as it was received, without `metadata.managedFields`.
#[derive(Clone, Debug)]
pub(super) struct Lean(pub(super) Value);

impl Lean {
    /// The object with its `apiVersion` and `kind`, which API servers leave out of the items of a list.
    pub(super) fn into_object(self, kind: Kind) -> Value {
        let mut value = self.0;
        if let Value::Object(fields) = &mut value {
            fields.entry("apiVersion").or_insert_with(|| Value::String(kind.api_version()));
            fields.entry("kind").or_insert_with(|| Value::String(kind.kind.to_owned()));
        }
        value
    }

    /// Which object in which version, and nothing else of it.
    pub(super) fn identity(mut self) -> Self {
        let mut field = |name: &str| Some((name.to_owned(), self.0.get_mut("metadata")?.get_mut(name)?.take()));
        let metadata: Map<_, _> = IDENTITY.into_iter().filter_map(&mut field).collect();
        Self(json!({"metadata": metadata}))
    }
}

/// The metadata that tells an object and its version.
const IDENTITY: [&str; 3] = ["namespace", "name", "resourceVersion"];

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(Self)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let value = if name == "metadata" { fields.next_value::<Metadata>()?.0 } else { fields.next_value()? };
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

struct Metadata(Value);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor).map(Self)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the metadata of a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut metadata = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if name == "managedFields" {
                fields.next_value::<IgnoredAny>()?;
            } else {
                metadata.insert(name, fields.next_value()?);
            }
        }
        Ok(Value::Object(metadata))
    }
}

#[cfg(test)]
mod tests {
    use ports::kinds;

    use super::*;

    #[test]
    fn managed_fields_are_skipped_and_everything_else_is_kept() {
        let text = r#"{"metadata":{"name":"a","managedFields":[{"manager":"kubectl"}],"annotations":{"managedFields":"mine"}},
                       "spec":{"metadata":{"managedFields":[1]}}}"#;
        let lean: Lean = serde_json::from_str(text).unwrap();
        assert_eq!(
            lean.into_object(kinds::DEPLOYMENT),
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "a", "annotations": {"managedFields": "mine"}},
                "spec": {"metadata": {"managedFields": [1]}},
            })
        );
    }
}
