//! Columns of custom resources, from `additionalPrinterColumns`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::jsonpath::JsonPath;
use super::{Header, age};

/// One column: which value, printed how.
#[derive(Debug)]
pub(super) struct Column {
    path: Option<JsonPath>,
    print: Print,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Print {
    Text,
    Integer,
    Number,
    Boolean,
    Date,
}

/// The headers, Name among them, and the columns after Name. A CRD without columns shows the age.
pub(super) fn read(additional_printer_columns: &Value) -> (Vec<Header>, Vec<Column>) {
    let default = [json!({
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp",
        "description": "The time since the object was created.",
    })];
    let given = additional_printer_columns.as_array().map_or(&[][..], Vec::as_slice);
    let columns = if given.is_empty() { &default } else { given };
    let headers = std::iter::once(Header::name()).chain(columns.iter().map(header)).collect();
    (headers, columns.iter().map(Column::read).collect())
}

fn header(column: &Value) -> Header {
    let word = |name: &str| column.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Header {
        name: word("name"),
        kind: word("type"),
        format: word("format"),
        description: word("description"),
        priority: column.get("priority").and_then(Value::as_i64).unwrap_or_default(),
    }
}

impl Column {
    fn read(column: &Value) -> Column {
        let print = match column.get("type").and_then(Value::as_str) {
            Some("integer") => Print::Integer,
            Some("number") => Print::Number,
            Some("boolean") => Print::Boolean,
            Some("date") => Print::Date,
            _ => Print::Text,
        };
        Column { path: column.get("jsonPath").and_then(Value::as_str).and_then(JsonPath::parse), print }
    }

    /// The first value at the path; `null` when there is none or it has another type than the column says.
    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let found = self.path.as_ref().and_then(|path| path.find(object).first().copied());
        let Some(found) = found.filter(|found| !found.is_null()) else { return Value::Null };
        match self.print {
            Print::Text => Value::String(found.as_str().map_or_else(|| found.to_string(), str::to_owned)),
            #[expect(clippy::cast_possible_truncation, reason = "a fraction in an integer column is cut off")]
            Print::Integer => found.as_i64().or(found.as_f64().map(|number| number as i64)).into(),
            Print::Number => {
                if found.is_number() {
                    found.clone()
                } else {
                    Value::Null
                }
            }
            Print::Boolean => found.as_bool().into(),
            Print::Date => found.as_str().map(|then| age::since(Some(then), now)).into(),
        }
    }
}
