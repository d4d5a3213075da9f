//! Schemas of objects, and of everything that they refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Described, details};
use crate::fields::{self, Field, Form, Struct};
use crate::schema::ListKind;

const FIELDS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const OBJECT_META: &str = "meta/v1.ObjectMeta";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";

/// The schemas of some kinds, by the names that the real server gives them.
pub(super) fn of(kinds: &[&Described<'_>]) -> Map<String, Value> {
    let mut components = Components::default();
    for kind in kinds {
        match (kind.schema, fields::types().of_kind(kind.group, kind.version, kind.kind)) {
            (Some(schema), _) => components.custom(kind, schema),
            (None, Some(described)) => components.built_in(kind, described),
            (None, None) => components.unknown(kind),
        }
    }
    components.schemas
}

/// The name of a kind's schema.
pub(super) fn name_of(kind: &Described<'_>) -> String {
    match fields::types().of_kind(kind.group, kind.version, kind.kind) {
        Some(described) if kind.schema.is_none() => published(described.name),
        _ => {
            let reversed: Vec<&str> = kind.group.rsplit('.').filter(|word| !word.is_empty()).collect();
            let group = if reversed.is_empty() { "io.k8s.api.core".to_owned() } else { reversed.join(".") };
            format!("{group}.{}.{}", kind.version, kind.kind)
        }
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[derive(Default)]
struct Components {
    schemas: Map<String, Value>,
    /// Types that are described, or are being described further up.
    seen: BTreeSet<&'static str>,
}

impl Components {
    fn built_in(&mut self, kind: &Described<'_>, described: &'static Struct) {
        self.structure(described);
        if let Some(schema) = self.schemas.get_mut(&published(described.name)) {
            mark(schema, kind);
        }
    }

    fn custom(&mut self, kind: &Described<'_>, schema: &Value) {
        let mut schema = schema.clone();
        if let Some(fields) = schema.as_object_mut() {
            let properties = fields.entry("properties").or_insert_with(|| json!({}));
            if let Some(properties) = properties.as_object_mut() {
                let common = fields::types().get(OBJECT_META).map(|meta| self.structure(meta));
                let meta = common.unwrap_or_else(|| json!({ "type": "object" }));
                properties.insert("apiVersion".to_owned(), json!({ "type": "string", "description": API_VERSION }));
                properties.insert("kind".to_owned(), json!({ "type": "string", "description": KIND }));
                properties.insert("metadata".to_owned(), json!({ "allOf": [meta], "description": METADATA }));
            }
        }
        mark(&mut schema, kind);
        self.schemas.insert(name_of(kind), schema);
    }

    /// A kind that is served without a description of its fields.
    fn unknown(&mut self, kind: &Described<'_>) {
        let mut schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        mark(&mut schema, kind);
        self.schemas.insert(name_of(kind), schema);
    }

    /// Describes a type, with all that it refers to, and returns the reference to it.
    fn structure(&mut self, described: &'static Struct) -> Value {
        let name = published(described.name);
        if self.seen.insert(described.name) {
            let details = details::of(described.name);
            let mut properties = Map::new();
            let mut required = Vec::new();
            for field in &described.fields {
                let details = details.map(|details| details.field(field.name)).unwrap_or_default();
                if details.required {
                    required.push(field.name);
                }
                properties.insert(field.name.to_owned(), self.field(field, details));
            }
            let mut schema = json!({ "type": "object", "properties": properties });
            if let Some(details) = details.filter(|details| !details.description.is_empty()) {
                schema["description"] = json!(details.description);
            }
            if !required.is_empty() {
                schema["required"] = json!(required);
            }
            if described.atomic {
                schema["x-kubernetes-map-type"] = json!("atomic");
            }
            self.schemas.insert(name.clone(), schema);
        }
        reference(&name)
    }

    fn field(&mut self, field: &Field, details: details::Details) -> Value {
        let form = match field.name {
            "fieldsV1" => self.scalar(FIELDS, json!({ "type": "object" })),
            _ => self.form(&field.form, details.format),
        };
        // A reference stands alone: whatever else is said of the field goes beside it.
        let mut schema = if form.get("$ref").is_some() { json!({ "allOf": [form] }) } else { form };
        if !details.description.is_empty() {
            schema["description"] = json!(details.description);
        }
        match (&field.form, &field.list) {
            (Form::List(_), ListKind::Map(keys)) => {
                schema["x-kubernetes-list-type"] = json!("map");
                schema["x-kubernetes-list-map-keys"] = json!(keys);
            }
            (Form::List(_), ListKind::Set) => schema["x-kubernetes-list-type"] = json!("set"),
            (Form::List(_), ListKind::Atomic) => schema["x-kubernetes-list-type"] = json!("atomic"),
            _ if field.atomic => schema["x-kubernetes-map-type"] = json!("atomic"),
            _ => {}
        }
        let strategy = match (field.patch.retain, field.patch.merge) {
            (true, true) => "merge,retainKeys",
            (true, false) => "retainKeys",
            (false, true) => "merge",
            (false, false) => return schema,
        };
        schema["x-kubernetes-patch-strategy"] = json!(strategy);
        if let Some(key) = field.patch.key {
            schema["x-kubernetes-patch-merge-key"] = json!(key);
        }
        schema
    }

    fn form(&mut self, form: &Form, format: &str) -> Value {
        match form {
            Form::String if format.is_empty() => json!({ "type": "string" }),
            Form::String => json!({ "type": "string", "format": format }),
            Form::Number if matches!(format, "double" | "float") => json!({ "type": "number", "format": format }),
            Form::Number => json!({ "type": "integer", "format": if format.is_empty() { "int64" } else { format } }),
            Form::Bool => json!({ "type": "boolean" }),
            Form::Any => json!({}),
            Form::Time => self.scalar(TIME, json!({ "type": "string", "format": "date-time" })),
            Form::Quantity => self.scalar(QUANTITY, json!({ "oneOf": [{ "type": "string" }, { "type": "number" }] })),
            Form::IntOrString => {
                let either =
                    json!({ "format": "int-or-string", "oneOf": [{ "type": "integer" }, { "type": "string" }] });
                self.scalar(INT_OR_STRING, either)
            }
            Form::List(item) => json!({ "type": "array", "items": self.form(item, format) }),
            Form::Map(value) => json!({ "type": "object", "additionalProperties": self.form(value, format) }),
            Form::Struct(_) => match form.as_struct() {
                Some(described) => self.structure(described),
                None => json!({ "type": "object" }),
            },
        }
    }

    fn scalar(&mut self, name: &str, schema: Value) -> Value {
        self.schemas.entry(name).or_insert(schema);
        reference(name)
    }
}

fn mark(schema: &mut Value, kind: &Described<'_>) {
    schema["x-kubernetes-group-version-kind"] = json!([kind.identity()]);
}

/// `io.k8s.api.apps.v1.Deployment` for `apps/v1.Deployment`.
fn published(name: &str) -> String {
    let dotted = name.replace('/', ".");
    match name.split('/').next() {
        Some("meta") => format!("io.k8s.apimachinery.pkg.apis.{dotted}"),
        Some("apiextensions") => format!("io.k8s.apiextensions-apiserver.pkg.apis.{dotted}"),
        _ => format!("io.k8s.api.{dotted}"),
    }
}

// The words of the real server: with them `kubectl explain` begins.
const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const METADATA: &str = "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
