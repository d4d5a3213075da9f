//! Managed fields as lines that a person can read.

use serde_json::{Value, json};

/// One line for each entry, sorted: the server's order goes by times, which have no more than seconds.
pub(crate) fn lines(entries: &[Value]) -> Value {
    let mut lines: Vec<String> = entries.iter().map(line).collect();
    lines.sort();
    json!(lines)
}

fn line(entry: &Value) -> String {
    let text = |field: &str| entry[field].as_str().unwrap_or("-");
    let part = entry["subresource"].as_str().map(|part| format!(" {part}")).unwrap_or_default();
    let mut fields = Vec::new();
    collect(&entry["fieldsV1"], "", &mut fields);
    fields.sort();
    let (manager, operation, version) = (text("manager"), text("operation"), text("apiVersion"));
    format!("{manager} {operation} {version}{part}: {}", fields.join(" "))
}

/// Every owned path; the parent of one is named when it is owned itself.
fn collect(fields: &Value, path: &str, into: &mut Vec<String>) {
    for (name, below) in fields.as_object().into_iter().flatten() {
        if name == "." {
            into.push(format!("{path}/"));
            continue;
        }
        let child = format!("{path}/{}", name.strip_prefix("f:").unwrap_or(name));
        if below.as_object().is_none_or(serde_json::Map::is_empty) {
            into.push(child);
        } else {
            collect(below, &child, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_line_of_owner_and_fields() {
        let entry = json!({
            "manager": "m", "operation": "Apply", "apiVersion": "v1", "time": "2020-01-01T00:00:00Z",
            "fieldsV1": {"f:data": {".": {}, "f:a": {}}},
        });
        assert_eq!(lines(&[entry]), json!(["m Apply v1: /data/ /data/a"]));
    }
}
