use serde_json::{Value, json};

use super::{Cause, ListKind, Schema};

/// A schema whose `spec` has these properties.
fn of_spec(properties: &Value) -> Schema {
    of_level(&json!({ "type": "object", "properties": properties }))
}

/// A schema with this `spec`.
fn of_level(spec: &Value) -> Schema {
    compile(spec).unwrap()
}

fn compile(spec: &Value) -> Result<Schema, Vec<Cause>> {
    Schema::compile(&json!({ "type": "object", "properties": { "spec": spec } }))
}

/// What is wrong with an object of this `spec`, as a client would read it.
fn wrong(schema: &Schema, spec: &Value) -> Vec<String> {
    schema.validate(&json!({ "spec": spec }), None).iter().map(Cause::to_string).collect()
}

fn refused(spec: &Value) -> Vec<String> {
    compile(spec).unwrap_err().iter().map(Cause::to_string).collect()
}

const UNCHECKED: &str = "<nil>: Invalid value: null: some validation rules were not checked because the object was \
                         invalid; correct the existing errors to complete validation";

#[test]
fn every_keyword_has_its_words() {
    let cases = [
        (
            json!({ "type": "string", "pattern": "^[0-9]+(m|s)" }),
            json!("abc"),
            "spec.f: Invalid value: \"abc\": spec.f in body should match '^[0-9]+(m|s)'",
        ),
        (
            json!({ "type": "string", "enum": ["a", "b"] }),
            json!("x"),
            "spec.f: Unsupported value: \"x\": supported values: \"a\", \"b\"",
        ),
        (
            json!({ "type": "integer" }),
            json!("1"),
            "spec.f: Invalid value: \"string\": spec.f in body must be of type integer: \"string\"",
        ),
        (
            json!({ "type": "integer" }),
            json!(1.5),
            "spec.f: Invalid value: \"number\": spec.f in body must be of type integer: \"number\"",
        ),
        (
            json!({ "type": "integer", "format": "int32" }),
            json!(3_000_000_000_u32),
            "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in spec.f",
        ),
        (
            json!({ "type": "integer", "minimum": 1 }),
            json!(0),
            "spec.f: Invalid value: 0: spec.f in body should be greater than or equal to 1",
        ),
        (
            json!({ "type": "number", "maximum": 100, "exclusiveMaximum": true }),
            json!(100),
            "spec.f: Invalid value: 100: spec.f in body should be less than 100",
        ),
        (
            json!({ "type": "integer", "multipleOf": 5 }),
            json!(7),
            "spec.f: Invalid value: 7: spec.f in body should be a multiple of 5",
        ),
        (json!({ "type": "string", "maxLength": 2 }), json!("abc"), "spec.f: Too long: may not be more than 2 bytes"),
        (
            json!({ "type": "string", "minLength": 1 }),
            json!(""),
            "spec.f: Invalid value: \"\": spec.f in body should be at least 1 chars long",
        ),
        (
            json!({ "type": "string", "format": "date-time" }),
            json!("soon"),
            "spec.f: Invalid value: \"soon\": spec.f in body must be of type date-time: \"soon\"",
        ),
        (
            json!({ "type": "array", "items": { "type": "string" }, "maxItems": 1 }),
            json!(["a", "b"]),
            "spec.f: Too many: 2: must have at most 1 item",
        ),
        (
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
            json!([]),
            "spec.f: Invalid value: 0: spec.f in body should have at least 1 items",
        ),
        (
            json!({ "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "set" }),
            json!(["a", "a"]),
            "spec.f[1]: Duplicate value: \"a\"",
        ),
        (
            json!({ "type": "object", "required": ["port"], "properties": { "port": { "type": "integer" } } }),
            json!({}),
            "spec.f.port: Required value",
        ),
        (
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            json!({ "k": 1 }),
            "spec.f.k: Invalid value: \"integer\": spec.f.k in body must be of type string: \"integer\"",
        ),
        (
            json!({ "type": "string" }),
            Value::Null,
            "spec.f: Invalid value: \"null\": spec.f in body must be of type string: \"null\"",
        ),
        (
            json!({ "x-kubernetes-int-or-string": true }),
            json!(true),
            "spec.f: Invalid value: \"boolean\": spec.f in body must be of type integer,string: \"boolean\"",
        ),
    ];
    for (field, value, expected) in cases {
        let found = wrong(&of_spec(&json!({ "f": field })), &json!({ "f": value }));
        assert_eq!(found.first().map(String::as_str), Some(expected), "{field} {value}");
    }
}

#[test]
fn one_of_wants_exactly_one_branch() {
    let fields = json!({ "http": { "type": "string" }, "tcp": { "type": "string" } });
    let schema = of_level(&json!({
        "type": "object", "properties": fields, "oneOf": [{ "required": ["http"] }, { "required": ["tcp"] }],
    }));
    assert_eq!(
        wrong(&schema, &json!({})),
        [
            "<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found none valid",
            "spec.http: Required value",
            UNCHECKED
        ]
    );
    assert_eq!(
        wrong(&schema, &json!({ "http": "a", "tcp": "b" })),
        [
            "<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found 2 valid alternatives"
        ]
    );
    assert!(wrong(&schema, &json!({ "tcp": "b" })).is_empty());
}

#[test]
fn members_of_a_list_of_maps_are_told_apart_by_their_keys() {
    let item = json!({
        "type": "object", "required": ["port"],
        "properties": { "port": { "type": "integer" }, "protocol": { "type": "string", "default": "TCP" } },
    });
    let schema = of_spec(&json!({
        "ports": { "type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"] },
        "labels": { "type": "object", "additionalProperties": { "type": "string" }, "x-kubernetes-map-type": "atomic" },
    }));
    assert_eq!(
        wrong(
            &schema,
            &json!({ "ports": [{ "port": 53 }, { "port": 53, "protocol": "UDP" }, { "port": 53 }, { "port": 53 }] })
        ),
        ["spec.ports[2]: Duplicate value: {\"port\":53}"]
    );
    assert_eq!(schema.list_kind(&["spec", "ports"]), ListKind::Map(vec!["port".to_owned(), "protocol".to_owned()]));
    assert!(schema.map_is_atomic(&["spec", "labels"]) && !schema.map_is_atomic(&["spec"]));
}

#[test]
fn defaults_fill_what_is_absent_or_wrongly_null() {
    let schema = of_spec(&json!({
        "replicas": { "type": "integer", "default": 1 },
        "strategy": { "type": "object", "default": {}, "properties": { "type": { "type": "string", "default": "Rolling" } } },
        "note": { "type": "string", "nullable": true, "default": "none" },
        "plain": { "type": "string" },
        "rules": { "type": "array", "items": { "type": "object", "properties": { "weight": { "type": "integer", "default": 5 } } } },
    }));
    let mut object =
        json!({ "spec": { "replicas": null, "note": null, "plain": null, "rules": [{}, { "weight": 9 }] } });
    schema.default(&mut object);
    assert_eq!(
        object,
        json!({ "spec": { "replicas": 1, "strategy": { "type": "Rolling" }, "note": null, "rules": [{ "weight": 5 }, { "weight": 9 }] } })
    );
}

#[test]
fn pruning_removes_what_the_schema_does_not_know() {
    let schema = of_spec(&json!({
        "known": { "type": "array", "items": { "type": "object", "properties": { "a": { "type": "string" } } } },
        "open": { "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": { "shut": { "type": "object" } } },
        "labels": { "type": "object", "additionalProperties": { "type": "string" } },
        "template": { "type": "object", "x-kubernetes-embedded-resource": true, "properties": { "spec": { "type": "object" } } },
    }));
    let mut object = json!({
        "apiVersion": "v1", "kind": "K", "metadata": { "name": "n" }, "extra": 1,
        "spec": {
            "known": [{ "a": "x", "b": 1 }],
            "open": { "kept": { "deep": 1 }, "shut": { "gone": 1 } },
            "labels": { "any": "word" },
            "template": { "apiVersion": "v1", "kind": "Pod", "metadata": { "labels": {} }, "spec": { "gone": 1 }, "gone": 1 },
        },
    });
    let mut removed = schema.prune(&mut object);
    removed.sort();
    assert_eq!(
        removed,
        ["extra", "spec.known[0].b", "spec.open.shut.gone", "spec.template.gone", "spec.template.spec.gone"]
    );
    assert_eq!(object["spec"]["open"], json!({ "kept": { "deep": 1 }, "shut": {} }));
    assert_eq!(object["metadata"], json!({ "name": "n" }));
}

#[test]
fn schemas_that_are_not_structural_are_refused() {
    let cases = [
        (
            json!({ "properties": {} }),
            "openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({ "type": "text" }),
            "openAPIV3Schema.properties[spec].type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
        ),
        (json!({ "type": "array" }), "openAPIV3Schema.properties[spec].items: Required value: must be specified"),
        (
            json!({ "type": "string", "$ref": "#/x" }),
            "openAPIV3Schema.properties[spec].$ref: Forbidden: $ref is not supported",
        ),
        (
            json!({ "type": "object", "oneOf": [{ "type": "object" }] }),
            "openAPIV3Schema.properties[spec].oneOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            json!({ "type": "object", "oneOf": [{ "properties": { "a": {} } }] }),
            "openAPIV3Schema.properties[spec].properties[a]: Required value: because it is defined in openAPIV3Schema.properties[spec].oneOf[0].properties[a]",
        ),
        (
            json!({ "type": "integer", "default": "x" }),
            "openAPIV3Schema.properties[spec].default: Invalid value: \"string\": openAPIV3Schema.properties[spec].default in body must be of type integer: \"string\"",
        ),
        (
            json!({ "type": "object", "x-kubernetes-validations": [{ "rule": "self.a" }] }),
            "openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {\"rule\":\"self.a\"}: compilation failed: ERROR: <input>:1:5: undefined field 'a'\n | self.a\n | ....^",
        ),
        (
            json!({ "type": "array", "items": { "type": "string", "x-kubernetes-validations": [{ "rule": "self == oldSelf" }] } }),
            "openAPIV3Schema.properties[spec].items.x-kubernetes-validations[0].rule: Invalid value: \"self == oldSelf\": oldSelf cannot be used on the uncorrelatable portion of the schema within openAPIV3Schema.properties[spec]",
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(refused(&spec).first().map(String::as_str), Some(expected), "{spec}");
    }
    assert!(
        compile(&json!({ "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }] }))
            .is_ok()
    );
}

#[test]
fn a_broken_rule_says_what_its_author_wrote() {
    let schema = of_level(&json!({
        "type": "object",
        "properties": {
            "min": { "type": "integer" }, "max": { "type": "integer" },
            "namespace": { "type": "string" },
            "timeout": { "type": "string", "x-kubernetes-validations": [{ "rule": "duration(self) <= duration('1h')" }] },
        },
        "x-kubernetes-validations": [
            { "rule": "self.min <= self.max", "messageExpression": "'min %d is above max %d'.format([self.min, self.max])", "fieldPath": ".min", "reason": "FieldValueForbidden" },
            { "rule": "!has(self.__namespace__) || self.__namespace__ != 'default'", "message": "pick a namespace" },
        ],
    }));
    assert_eq!(
        wrong(&schema, &json!({ "min": 3, "max": 1, "namespace": "default", "timeout": "2h" })),
        [
            "spec.min: Forbidden: min 3 is above max 1",
            "spec: Invalid value: pick a namespace",
            "spec.timeout: Invalid value: \"2h\": failed rule: duration(self) <= duration('1h')",
        ]
    );
    assert_eq!(
        wrong(&schema, &json!({ "min": 3 })),
        ["spec: Invalid value: \"object\": no such key: max evaluating rule: self.min <= self.max"]
    );
}

#[test]
fn rules_over_old_values_follow_items_by_their_key() {
    let item = json!({
        "type": "object", "required": ["name"],
        "properties": {
            "name": { "type": "string" },
            "id": { "type": "string", "x-kubernetes-validations": [{ "rule": "self == oldSelf", "message": "id is immutable" }] },
        },
    });
    let schema = of_spec(&json!({
        "parts": { "type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] },
    }));
    let object = |parts: &Value| json!({ "spec": { "parts": parts } });
    let old = object(&json!([{ "name": "a", "id": "1" }, { "name": "b", "id": "2" }]));
    let swapped = object(&json!([{ "name": "b", "id": "2" }, { "name": "a", "id": "1" }, { "name": "c", "id": "3" }]));
    assert_eq!(schema.validate(&swapped, Some(&old)), []);
    let changed = object(&json!([{ "name": "b", "id": "7" }]));
    let causes: Vec<String> = schema.validate(&changed, Some(&old)).iter().map(Cause::to_string).collect();
    assert_eq!(causes, ["spec.parts[0].id: Invalid value: \"7\": id is immutable"]);
}

#[test]
fn an_update_may_keep_what_was_already_wrong() {
    let schema =
        of_spec(&json!({ "name": { "type": "string", "maxLength": 2 }, "size": { "type": "integer", "minimum": 1 } }));
    let old = json!({ "spec": { "name": "long", "size": 1 } });
    assert_eq!(schema.validate(&json!({ "spec": { "name": "long", "size": 2 } }), Some(&old)), []);
    assert_eq!(schema.validate(&json!({ "spec": { "name": "longer", "size": 0 } }), Some(&old)).len(), 3);
}
