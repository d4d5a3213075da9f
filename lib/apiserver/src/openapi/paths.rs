//! Requests: which verbs a kind understands, where, and with which parameters.

use serde_json::{Map, Value, json};

use super::Described;
use super::components::{name_of, reference};

/// Patches that every kind understands.
const PATCHES: [&str; 3] =
    ["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
/// The patch that needs to know the fields of a kind, and so is for built-in ones.
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// The paths of some kinds in version 3.
pub(super) fn of(kinds: &[&Described<'_>]) -> Map<String, Value> {
    assemble(kinds, Dialect::V3)
}

/// The paths of some kinds in version 2.
pub(super) fn v2(kinds: &[&Described<'_>]) -> Map<String, Value> {
    assemble(kinds, Dialect::V2)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V2,
    V3,
}

fn assemble(kinds: &[&Described<'_>], dialect: Dialect) -> Map<String, Value> {
    let mut paths = Map::new();
    for kind in kinds {
        let root = format!("/{}", kind.place());
        let collection = if kind.namespaced {
            // Across namespaces there is only reading.
            let list = operation(kind, "list", dialect);
            paths.insert(format!("{root}/{}", kind.plural), json!({ "get": list }));
            format!("{root}/namespaces/{{namespace}}/{}", kind.plural)
        } else {
            format!("{root}/{}", kind.plural)
        };
        let item = format!("{collection}/{{name}}");
        paths.insert(
            collection,
            verbs(kind, &[("get", "list"), ("post", "post"), ("delete", "deletecollection")], dialect),
        );
        let of_item = [("get", "get"), ("put", "put"), ("patch", "patch"), ("delete", "delete")];
        paths.insert(item.clone(), verbs(kind, &of_item, dialect));
        if kind.subresources.contains(&"status") {
            let of_status = [("get", "get"), ("put", "put"), ("patch", "patch")];
            paths.insert(format!("{item}/status"), verbs(kind, &of_status, dialect));
        }
    }
    paths
}

fn verbs(kind: &Described<'_>, verbs: &[(&str, &str)], dialect: Dialect) -> Value {
    let operations = verbs.iter().map(|(method, action)| ((*method).to_owned(), operation(kind, action, dialect)));
    Value::Object(operations.collect())
}

fn operation(kind: &Described<'_>, action: &str, dialect: Dialect) -> Value {
    let mut operation = json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": kind.identity(),
        "parameters": parameters(action, dialect),
    });
    let (name, patch) = (name_of(kind), patches(kind));
    match dialect {
        Dialect::V2 => {
            operation["responses"] = json!({ "200": { "description": "OK" } });
            if action == "patch" {
                operation["consumes"] = json!(patch);
            }
        }
        Dialect::V3 => {
            let object = json!({ "application/json": { "schema": reference(&name) } });
            operation["responses"] = json!({ "200": { "description": "OK", "content": object } });
            if action == "patch" {
                let content: Map<_, _> =
                    patch.into_iter().map(|media| (media.to_owned(), json!({ "schema": {} }))).collect();
                operation["requestBody"] = json!({ "content": content, "required": true });
            } else if matches!(action, "post" | "put") {
                operation["requestBody"] = json!({ "content": object, "required": true });
            }
        }
    }
    operation
}

fn patches(kind: &Described<'_>) -> Vec<&'static str> {
    let strategic = kind.schema.is_none().then_some(STRATEGIC);
    PATCHES.into_iter().chain(strategic).collect()
}

fn parameters(action: &str, dialect: Dialect) -> Vec<Value> {
    let names: &[&str] = match action {
        "post" | "put" => &["dryRun", "fieldManager", "fieldValidation"],
        "patch" => &["dryRun", "fieldManager", "fieldValidation", "force"],
        "list" | "deletecollection" => {
            &["continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "timeoutSeconds", "watch"]
        }
        "delete" => &["dryRun", "gracePeriodSeconds", "propagationPolicy"],
        _ => &[],
    };
    let parameter = |name: &&str| {
        let kind = match *name {
            "force" | "watch" => "boolean",
            "gracePeriodSeconds" | "limit" | "timeoutSeconds" => "integer",
            _ => "string",
        };
        match dialect {
            Dialect::V2 => json!({ "name": name, "in": "query", "type": kind, "uniqueItems": true }),
            Dialect::V3 => json!({ "name": name, "in": "query", "schema": { "type": kind, "uniqueItems": true } }),
        }
    };
    names.iter().map(parameter).collect()
}
