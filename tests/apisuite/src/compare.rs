//! Where two transcripts differ.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use crate::normal::Exchange;

/// One place of a transcript with two contents.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// The number of the exchange from 1, then the path into it: `2/answer/metadata/labels`.
    pub(crate) at: String,
    /// What the recorded server said; nothing when it said nothing there.
    recorded: Option<Value>,
    /// What this one said.
    said: Option<Value>,
}

/// Everything that differs.
pub(crate) fn differences(recorded: &[Exchange], said: &[Exchange]) -> Vec<Difference> {
    let mut found = Vec::new();
    walk("", Some(&numbered(recorded)), Some(&numbered(said)), &mut found);
    found
}

fn numbered(exchanges: &[Exchange]) -> Value {
    let numbered = (1..).zip(exchanges).map(|(number, one): (usize, _)| (number.to_string(), json!(one)));
    Value::Object(numbered.collect())
}

fn walk(at: &str, recorded: Option<&Value>, said: Option<&Value>, found: &mut Vec<Difference>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}/{}", name.replace('/', "~1")) };
    match (recorded, said) {
        (one, other) if one == other => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                walk(&below(name), one.get(name), other.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                walk(&below(&index.to_string()), one.get(index), other.get(index), found);
            }
        }
        (one, other) => {
            found.push(Difference { at: at.to_owned(), recorded: one.cloned(), said: other.cloned() });
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        write!(out, "{}: recorded {}, said {}", self.at, text(&self.recorded), text(&self.said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_exchange_and_the_place() {
        let said = |answer: Value| vec![Exchange { request: "GET x".into(), code: 200, warnings: Vec::new(), answer }];
        let found = differences(&said(json!({"a": [1, {"b": 2}]})), &said(json!({"a": [1, {"b": 3}, 4]})));
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["1/answer/a/1/b: recorded 2, said 3", "1/answer/a/2: recorded nothing, said 4"]);
    }
}
