//! Which schemas are refused: those that aren't structural, and those that contradict themselves.
//!
//! Structural means that types, fields and everything the server acts upon are stated once, outside of
//! `oneOf`/`anyOf`/`allOf`/`not`, so that defaulting, pruning and merging never depend on a value.

use serde_json::{Map, Value, json};

use super::cause::Cause;
use super::check::Findings;
use super::node::{Additional, Kind, Node};
use super::path::Path;
use super::patterns;

/// Keywords of JSON Schema that Kubernetes leaves out.
const UNSUPPORTED: [&str; 6] = ["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties"];

/// Keywords that may stand only outside of branches, with the words of the refusal.
const NOT_IN_BRANCHES: [(&str, &str); 11] = [
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("title", "must be empty to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
];

/// Schemas nested deeper than this are refused: every later step walks them recursively.
const DEPTH_MAX: usize = 100;

/// Where in the surrounding schema a level stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Field,
    Item,
}

/// Everything for which a CRD with this schema is refused, defaults and rules aside.
pub(super) fn refusals(schema: &Value, path: &Path<'_>) -> Vec<Cause> {
    let mut causes = Vec::new();
    match schema.as_object() {
        Some(schema) => level(schema, Place::Root, 0, path, &mut causes),
        None => causes.push(Cause::required(path, "schemas are required")),
    }
    causes
}

/// Notes defaults that their own schema refuses or has no place for.
pub(super) fn check_defaults(node: &Node, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let here = path.field("default");
    if let Some(default) = &node.default {
        let mut found = Findings::default();
        node.check(default, None, &here, &mut found);
        causes.extend(found.causes);
        let mut pruned = default.clone();
        node.prune(&mut pruned, node.embedded, &Path::Root, &mut Vec::new());
        if pruned != *default {
            causes.push(Cause::invalid(here, default, "must not have unknown fields"));
        }
    }
    let properties = path.field("properties");
    for (name, node) in &node.properties {
        check_defaults(node, &properties.key(name), causes);
    }
    if let Additional::Each(node) = &node.additional {
        check_defaults(node, &path.field("additionalProperties"), causes);
    }
    if let Some(node) = &node.items {
        check_defaults(node, &path.field("items"), causes);
    }
}

fn level(schema: &Map<String, Value>, place: Place, depth: usize, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if DEPTH_MAX < depth {
        causes.push(Cause::forbidden(path, format!("must not be nested deeper than {DEPTH_MAX} levels")));
        return;
    }
    keywords(schema, path, causes);
    kind(schema, place, path, causes);
    extensions(schema, path, causes);
    lists(schema, path, causes);
    branches(schema, schema, depth, path, causes);

    let properties = path.field("properties");
    for (name, schema) in objects(schema.get("properties")) {
        level(schema, Place::Field, depth + 1, &properties.key(name), causes);
    }
    if let Some(each) = schema.get("additionalProperties").and_then(Value::as_object) {
        let here = path.field("additionalProperties");
        level(each, Place::Field, depth + 1, &here, causes);
    }
    if let Some(items) = schema.get("items").and_then(Value::as_object) {
        level(items, Place::Item, depth + 1, &path.field("items"), causes);
    }
}

/// Keywords that are refused or malformed wherever they stand.
fn keywords(schema: &Map<String, Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    for keyword in UNSUPPORTED {
        if schema.contains_key(keyword) {
            causes.push(Cause::forbidden(path.field(keyword), format!("{keyword} is not supported")));
        }
    }
    if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        causes.push(Cause::forbidden(path.field("uniqueItems"), detail));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && let Err(error) = patterns::compile(pattern)
    {
        let detail = format!("must be a valid regular expression, but isn't: {error}");
        causes.push(Cause::invalid(path.field("pattern"), &json!(pattern), detail));
    }
    if schema.get("items").is_some_and(Value::is_array) {
        causes.push(Cause::forbidden(path.field("items"), "items must be a schema object and not an array"));
    }
    if schema.contains_key("properties") && schema.get("additionalProperties").is_some_and(|each| each != false) {
        let detail = "additionalProperties and properties are mutual exclusive";
        causes.push(Cause::forbidden(path.field("additionalProperties"), detail));
    }
}

fn kind(schema: &Map<String, Value>, place: Place, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let here = path.field("type");
    let word = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    let known = Kind::of_word(word);
    if known == Some(Kind::Null) {
        causes.push(Cause::forbidden(here, "type cannot be set to null, use nullable as an alternative"));
        return;
    }
    if !word.is_empty() && known.is_none() {
        let supported = ["array", "boolean", "integer", "number", "object", "string"].map(Value::from);
        causes.push(Cause::not_supported(here, &json!(word), &supported));
        return;
    }
    let untyped =
        is_set(schema, "x-kubernetes-preserve-unknown-fields") || is_set(schema, "x-kubernetes-int-or-string");
    match (place, known) {
        (Place::Root, None) => causes.push(Cause::required(here, "must not be empty at the root")),
        (Place::Root, Some(kind)) if kind != Kind::Object => {
            causes.push(Cause::invalid(here, &json!(word), "must be object at the root"));
        }
        (Place::Field, None) if !untyped => {
            causes.push(Cause::required(here, "must not be empty for specified object fields"));
        }
        (Place::Item, None) if !untyped => {
            causes.push(Cause::required(here, "must not be empty for specified array items"));
        }
        _ => {}
    }
    if place == Place::Root {
        root(schema, path, causes);
    }
    if known == Some(Kind::Array) && !schema.contains_key("items") {
        causes.push(Cause::required(path.field("items"), "must be specified"));
    }
}

fn root(schema: &Map<String, Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if is_set(schema, "nullable") {
        causes.push(Cause::forbidden(path.field("nullable"), "nullable cannot be true at the root"));
    }
    if schema.get("additionalProperties").is_some_and(Value::is_object) {
        causes.push(Cause::forbidden(path.field("additionalProperties"), "must not be used at the root"));
    }
    let properties = path.field("properties");
    for (name, expected) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
        let word = schema.get("properties").and_then(|fields| fields.get(name)?.get("type")?.as_str());
        if let Some(word) = word
            && word != expected
        {
            let here = properties.key(name);
            causes.push(Cause::invalid(here.field("type"), &json!(word), format!("must be {expected}")));
        }
    }
    let metadata = schema.get("properties").and_then(|fields| fields.get("metadata"));
    let more = |(name, _): (&String, _)| name != "name" && name != "generateName";
    if objects(metadata.and_then(|metadata| metadata.get("properties"))).any(more) {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        causes.push(Cause::forbidden(properties.key("metadata"), detail));
    }
}

/// The `x-kubernetes-…` keywords that are about one level.
fn extensions(schema: &Map<String, Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let word = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let here = path.field("x-kubernetes-preserve-unknown-fields");
        causes.push(Cause::invalid(here, &json!(false), "must be true or undefined"));
    }
    if is_set(schema, "x-kubernetes-int-or-string") {
        for other in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
            if is_set(schema, other) {
                let detail = "must be false if x-kubernetes-int-or-string is true";
                causes.push(Cause::invalid(path.field(other), &json!(true), detail));
            }
        }
    }
    if is_set(schema, "x-kubernetes-embedded-resource") {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        typed(word, "object", detail, path, causes);
        if !schema.contains_key("properties") && !is_set(schema, "x-kubernetes-preserve-unknown-fields") {
            let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                          x-kubernetes-preserve-unknown-fields";
            causes.push(Cause::required(path.field("properties"), detail));
        }
    }
    if let Some(kind) = schema.get("x-kubernetes-map-type") {
        typed(word, "object", "must be object if x-kubernetes-map-type is specified", path, causes);
        one_of(kind, &["atomic", "granular"], &path.field("x-kubernetes-map-type"), causes);
    }
}

fn lists(schema: &Map<String, Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let keys_path = path.field("x-kubernetes-list-map-keys");
    let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let Some(kind) = schema.get("x-kubernetes-list-type") else {
        if !keys.is_empty() {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            causes.push(Cause::required(path.field("x-kubernetes-list-type"), detail));
        }
        return;
    };
    let word = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    typed(word, "array", "must be array if x-kubernetes-list-type is specified", path, causes);
    one_of(kind, &["atomic", "set", "map"], &path.field("x-kubernetes-list-type"), causes);
    if kind != "map" {
        return;
    }
    if keys.is_empty() {
        causes.push(Cause::required(keys_path, "must not be empty if x-kubernetes-list-type is map"));
    }
    let items = schema.get("items");
    let properties = items.and_then(|items| items.get("properties"));
    let required = items.and_then(|items| items.get("required")?.as_array());
    for (index, key) in keys.iter().enumerate() {
        let Some(property) = key.as_str().and_then(|key| properties?.get(key)) else {
            causes.push(Cause::invalid(keys_path, &json!(keys), "entries must all be names of item properties"));
            continue;
        };
        if keys.iter().take(index).any(|earlier| earlier == key) {
            causes.push(Cause::invalid(keys_path, &json!(keys), "must not contain duplicate entries"));
        }
        if property.get("default").is_none() && !required.is_some_and(|required| required.contains(key)) {
            let (items, key) = (path.field("items"), key.as_str().unwrap_or_default());
            let properties = items.field("properties");
            let detail =
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            causes.push(Cause::required(properties.key(key).field("default"), detail));
        }
    }
}

/// Checks `oneOf` and the like of `branching`, a level or a branch itself. `stated` is the level that must already have
/// stated the fields that branches speak of.
fn branches(
    stated: &Map<String, Value>,
    branching: &Map<String, Value>,
    depth: usize,
    path: &Path<'_>,
    causes: &mut Vec<Cause>,
) {
    for word in ["allOf", "anyOf", "oneOf"] {
        let here = path.field(word);
        for (index, inner) in branching.get(word).and_then(Value::as_array).into_iter().flatten().enumerate() {
            branch(stated, inner, depth + 1, &here.index(index), causes);
        }
    }
    if let Some(not) = branching.get("not") {
        branch(stated, not, depth + 1, &path.field("not"), causes);
    }
}

fn branch(stated: &Map<String, Value>, inner: &Value, depth: usize, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let Some(inner) = inner.as_object() else { return };
    if DEPTH_MAX < depth {
        causes.push(Cause::forbidden(path, format!("must not be nested deeper than {DEPTH_MAX} levels")));
        return;
    }
    for (keyword, detail) in NOT_IN_BRANCHES {
        if inner.get(keyword).is_some_and(|value| *value != false) {
            causes.push(Cause::forbidden(path.field(keyword), detail));
        }
    }
    // Quirk: the types of `x-kubernetes-int-or-string` are traditionally repeated in an `anyOf`, and that is let pass.
    if inner.contains_key("type") && !is_set(stated, "x-kubernetes-int-or-string") {
        causes.push(Cause::forbidden(path.field("type"), "must be empty to be structural"));
    }
    keywords(inner, path, causes);
    branches(stated, inner, depth, path, causes);
    let properties = path.field("properties");
    for (name, schema) in objects(inner.get("properties")) {
        descend(
            stated.get("properties").and_then(|fields| fields.get(name)),
            schema,
            depth,
            &properties.key(name),
            causes,
        );
    }
    if let Some(items) = inner.get("items").and_then(Value::as_object) {
        descend(stated.get("items"), items, depth, &path.field("items"), causes);
    }
}

/// Goes into a field or item that a branch speaks of; the level itself must have stated it.
fn descend(stated: Option<&Value>, inner: &Map<String, Value>, depth: usize, path: &Path<'_>, causes: &mut Vec<Cause>) {
    match stated.and_then(Value::as_object) {
        Some(stated) => branch(stated, &Value::Object(inner.clone()), depth + 1, path, causes),
        None => causes.push(Cause::required(unbranched(path), format!("because it is defined in {path}"))),
    }
}

/// The same place outside of all branches.
fn unbranched(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Field(parent, "not") | Path::Index(Path::Field(parent, "allOf" | "anyOf" | "oneOf"), _) => {
            unbranched(parent)
        }
        Path::Field(Path::Root, name) => (*name).to_owned(),
        Path::Field(parent, name) => format!("{}.{name}", unbranched(parent)),
        Path::Index(parent, index) => format!("{}[{index}]", unbranched(parent)),
        Path::Key(parent, key) => format!("{}[{key}]", unbranched(parent)),
    }
}

fn typed(word: &str, expected: &str, detail: &str, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if word.is_empty() {
        causes.push(Cause::required(path.field("type"), detail));
    } else if word != expected {
        causes.push(Cause::invalid(path.field("type"), &json!(word), detail));
    }
}

fn one_of(word: &Value, supported: &[&str], path: &Path<'_>, causes: &mut Vec<Cause>) {
    if !supported.iter().any(|supported| word == supported) {
        let supported: Vec<Value> = supported.iter().map(|word| json!(word)).collect();
        causes.push(Cause::not_supported(path, word, &supported));
    }
}

fn is_set(schema: &Map<String, Value>, keyword: &str) -> bool {
    schema.get(keyword) == Some(&Value::Bool(true))
}

fn objects(fields: Option<&Value>) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let fields = fields.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(name, schema)| Some((name, schema.as_object()?)))
}
