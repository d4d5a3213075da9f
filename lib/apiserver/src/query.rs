//! Query parameters and what they mean for each verb.

use http::Uri;

use crate::refusal::{Answer, Refusal};

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

    /// `dryRun=All`; nothing else is known.
    pub(crate) fn dry_run(&self) -> Answer<bool> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                Err(Refusal::bad_request(format!("dryRun: Unsupported value: {other:?}: supported values: \"All\"")))
            }
        }
    }

    /// `fieldValidation`, by default a warning.
    pub(crate) fn field_validation(&self) -> Answer<FieldValidation> {
        match self.get("fieldValidation") {
            Some("Ignore") => Ok(FieldValidation::Ignore),
            None | Some("Warn") => Ok(FieldValidation::Warn),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some(other) => Err(Refusal::bad_request(format!(
                "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
            ))),
        }
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
