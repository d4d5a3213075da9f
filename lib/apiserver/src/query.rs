//! Query parameters and what they mean for each verb.

use http::Uri;
use serde_json::{Value, json};

use crate::refusal::{Answer, Refusal};
use crate::schema::{Cause, CauseReason};

/// What the real server takes for the name of a field manager, in bytes.
const MANAGER_MAX: usize = 128;

/// The parameters of one request, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

/// What happens to fields that the kind doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

impl Query {
    pub(crate) fn parse(uri: &Uri) -> Query {
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        });
        Query { pairs: decoded.collect() }
    }

    /// The last value of a parameter, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().rev().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A switch: `true` or `1`.
    pub(crate) fn flag(&self, name: &str) -> Answer<bool> {
        Ok(self.flag_if_given(name)?.unwrap_or(false))
    }

    /// A switch that may be absent.
    pub(crate) fn flag_if_given(&self, name: &str) -> Answer<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1" | "True" | "TRUE" | "t" | "T") => Ok(Some(true)),
            Some("false" | "0" | "False" | "FALSE" | "f" | "F") => Ok(Some(false)),
            Some(other) => Err(Refusal::bad_request(format!("invalid value {other:?} of parameter {name}"))),
        }
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Answer<Option<u64>> {
        let parse = |text: &str| {
            text.parse().map_err(|_| Refusal::bad_request(format!("invalid value {text:?} of parameter {name}")))
        };
        self.get(name).map(parse).transpose()
    }

    /// Whether nothing is to be written.
    pub(crate) fn dry_run(&self) -> bool {
        self.get("dryRun") == Some("All")
    }

    /// `fieldValidation`, by default a warning.
    pub(crate) fn field_validation(&self) -> FieldValidation {
        match self.get("fieldValidation") {
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            _ => FieldValidation::Warn,
        }
    }

    /// What is wrong with the options of a write.
    pub(crate) fn write_faults(&self) -> Vec<Cause> {
        let unsupported = |field: &str, value: Value, supported: &str| {
            Cause::of_value(CauseReason::NotSupported, field, &value, format!("supported values: {supported}"))
        };
        let mut causes = Vec::new();
        if self.get("fieldManager").is_some_and(|manager| MANAGER_MAX < manager.len()) {
            let detail = format!("may not be more than {MANAGER_MAX} bytes");
            causes.push(Cause::of_field(CauseReason::TooLong, "fieldManager", detail));
        }
        if let Some(other) = self.get("dryRun").filter(|one| *one != "All") {
            causes.push(unsupported("dryRun", json!([other]), r#""All""#));
        }
        if let Some(other) = self.get("fieldValidation").filter(|one| !["Ignore", "Strict", "Warn"].contains(one)) {
            causes.push(unsupported("fieldValidation", json!(other), r#""", "Ignore", "Strict", "Warn""#));
        }
        causes
    }
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'+' => b' ',
            b'%' => {
                let ahead = rest.clone();
                let digits: Vec<u8> = ahead.take(2).collect();
                let code = std::str::from_utf8(&digits).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
                if code.is_some() {
                    rest.nth(1);
                }
                code.unwrap_or(byte)
            }
            other => other,
        };
        bytes.push(decoded);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_arrive_unescaped() {
        let query = Query::parse(&"/x?labelSelector=a%3Db%2Cc+in+%28d%29&watch=1&bad=%zz".parse().unwrap());
        assert_eq!(query.get("labelSelector"), Some("a=b,c in (d)"));
        assert!(query.flag("watch").unwrap());
        assert_eq!(query.get("bad"), Some("%zz"));
    }
}
