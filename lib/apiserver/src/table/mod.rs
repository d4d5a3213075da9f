//! Table answers (`meta.k8s.io/v1`): the columns that `kubectl get` prints, worked out by the server.
//!
//! `custom` reads a CRD's `additionalPrinterColumns`; `layouts` lists the built-in kinds, whose cells are in `workloads`,
//! `network` and `cluster`. Nothing here knows stores or requests.

mod age;
mod cells;
mod cluster;
mod custom;
mod jsonpath;
mod layouts;
mod network;
mod workloads;

use jiff::Timestamp;
use serde_json::{Value, json};

/// What a row carries beside its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IncludeObject {
    None,
    Metadata,
    Object,
}

/// The columns of one kind.
#[derive(Debug)]
pub(crate) struct Columns {
    headers: Vec<Header>,
    cells: Cells,
}

/// What the client is told of a column.
#[derive(Clone, Debug)]
struct Header {
    name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    kind: String,
    format: String,
    description: String,
    /// Columns above zero are for `-o wide`.
    priority: i64,
}

/// Where a row's cells come from.
#[derive(Debug)]
enum Cells {
    Custom(Vec<custom::Column>),
    BuiltIn(layouts::Row),
}

impl Columns {
    /// From a CRD version's `additionalPrinterColumns` (`Value::Null` when it has none).
    pub(crate) fn custom(additional_printer_columns: &Value) -> Columns {
        let (headers, columns) = custom::read(additional_printer_columns);
        Columns { headers, cells: Cells::Custom(columns) }
    }

    /// Of a kind that the server knows itself; Name and Age for those it has no layout for.
    pub(crate) fn builtin(group: &str, kind: &str) -> Columns {
        match layouts::of(group, kind) {
            Some(layout) => Columns { headers: layout.headers(), cells: Cells::BuiltIn(layout.row) },
            None => Columns::custom(&Value::Null),
        }
    }

    /// A whole Table. `list_metadata` becomes its `metadata` (`resourceVersion`, `continue`, …); a watch sends one object a
    /// table.
    pub(crate) fn table(
        &self,
        objects: &[&Value],
        include: IncludeObject,
        list_metadata: &Value,
        now: Timestamp,
    ) -> Value {
        let headers: Vec<Value> = self.headers.iter().map(Header::to_json).collect();
        let rows: Vec<Value> = objects.iter().map(|object| self.row(object, include, now)).collect();
        json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": list_metadata,
            "columnDefinitions": headers,
            "rows": rows,
        })
    }

    fn row(&self, object: &Value, include: IncludeObject, now: Timestamp) -> Value {
        let cells = match &self.cells {
            Cells::BuiltIn(row) => row(object, now),
            Cells::Custom(columns) => {
                let name = cells::text(object, "/metadata/name");
                std::iter::once(json!(name)).chain(columns.iter().map(|column| column.cell(object, now))).collect()
            }
        };
        match include {
            IncludeObject::None => json!({ "cells": cells, "object": null }),
            IncludeObject::Metadata => json!({
                "cells": cells,
                "object": {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": object.get("metadata"),
                },
            }),
            IncludeObject::Object => json!({ "cells": cells, "object": object }),
        }
    }
}

impl Header {
    /// The column that every table begins with.
    fn name() -> Header {
        Header {
            name: "Name".to_owned(),
            kind: "string".to_owned(),
            format: "name".to_owned(),
            description: "The name of the object, unique among its kind in its namespace.".to_owned(),
            priority: 0,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

#[cfg(test)]
mod tests;
