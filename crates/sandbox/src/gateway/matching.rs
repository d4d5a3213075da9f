//! Which requests a rule takes, and which rule comes first.

use std::borrow::Cow;

use http::request::Parts;
use http::{HeaderName, Method};
use regex::{Regex, RegexBuilder};

use super::spec::{Match, NamedMatch, PathMatch};

/// The largest program that a user's regular expression may compile to.
const REGEX_BYTES: usize = 1 << 20;

/// Why a match can't be used. The field is named as in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadMatch {
    /// A type that the Gateway API does not define.
    #[error("{field}.type \"{type_}\" is not supported")]
    Type { field: &'static str, type_: String },
    /// A regular expression that does not compile.
    #[error("{field}.value \"{value}\" is not a regular expression")]
    Regex { field: &'static str, value: String },
    /// A header or method that HTTP does not allow.
    #[error("{field} \"{value}\" is not valid in HTTP")]
    Http { field: &'static str, value: String },
}

/// How specific a match is. The greater one is asked first: an exact path before a regular expression before a prefix, then
/// the longer path, then one with a method, with more headers, with more query parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    class: u8,
    length: usize,
    method: bool,
    headers: usize,
    query: usize,
}

/// A compiled match: all of its parts must hold.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    path: Path,
    headers: Vec<(HeaderName, Test)>,
    query: Vec<(String, Test)>,
    method: Option<Method>,
}

#[derive(Clone, Debug)]
enum Path {
    Exact(String),
    Regex(Regex),
    /// Without a slash at its end.
    Prefix(String),
}

#[derive(Clone, Debug)]
enum Test {
    Exact(String),
    Regex(Regex),
}

impl Matcher {
    pub(super) fn compile(written: &Match) -> Result<Self, BadMatch> {
        let header = |written: &NamedMatch| {
            let bad = || BadMatch::Http { field: "matches.headers.name", value: written.name.clone() };
            Ok((HeaderName::try_from(&written.name).map_err(|_| bad())?, Test::compile("matches.headers", written)?))
        };
        let query = |written: &NamedMatch| Ok((written.name.clone(), Test::compile("matches.queryParams", written)?));
        let method = |name: &String| {
            Method::try_from(name.as_str()).map_err(|_| BadMatch::Http { field: "matches.method", value: name.clone() })
        };
        Ok(Self {
            path: Path::compile(written.path.as_ref())?,
            headers: written.headers.iter().map(header).collect::<Result<_, _>>()?,
            query: written.query_params.iter().map(query).collect::<Result<_, _>>()?,
            method: written.method.as_ref().map(method).transpose()?,
        })
    }

    pub(super) fn accepts(&self, request: &Parts) -> bool {
        self.path.accepts(request.uri.path())
            && self.method.as_ref().is_none_or(|method| method == request.method)
            && self.headers.iter().all(|(name, test)| {
                // Several headers of one name are one list; browsers send one, proxies may split it.
                let values: Vec<_> = request
                    .headers
                    .get_all(name)
                    .iter()
                    .map(|value| String::from_utf8_lossy(value.as_bytes()))
                    .collect();
                !values.is_empty() && test.accepts(&values.join(","))
            })
            && self.query.iter().all(|(name, test)| {
                parameter(request.uri.query().unwrap_or_default(), name).is_some_and(|value| test.accepts(&value))
            })
    }

    pub(super) fn rank(&self) -> Rank {
        let (class, length) = match &self.path {
            Path::Exact(path) => (2, path.len()),
            Path::Regex(regex) => (1, regex.as_str().len()),
            Path::Prefix(path) => (0, path.len()),
        };
        let (method, headers, query) = (self.method.is_some(), self.headers.len(), self.query.len());
        Rank { class, length, method, headers, query }
    }

    /// The part of the path that `replacePrefixMatch` replaces.
    pub(super) fn prefix(&self) -> &str {
        match &self.path {
            Path::Prefix(prefix) | Path::Exact(prefix) => prefix,
            Path::Regex(_) => "",
        }
    }
}

impl Path {
    fn compile(written: Option<&PathMatch>) -> Result<Self, BadMatch> {
        const FIELD: &str = "matches.path";
        let value = written.and_then(|written| written.value.as_deref()).unwrap_or("/");
        match written.and_then(|written| written.type_.as_deref()).unwrap_or("PathPrefix") {
            "PathPrefix" => Ok(Self::Prefix(value.trim_end_matches('/').to_owned())),
            "Exact" => Ok(Self::Exact(value.to_owned())),
            "RegularExpression" => regex(FIELD, value).map(Self::Regex),
            other => Err(BadMatch::Type { field: FIELD, type_: other.to_owned() }),
        }
    }

    /// A prefix ends at a slash: `/a` takes `/a` and `/a/b`, but not `/ab`.
    fn accepts(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == path,
            Self::Regex(regex) => regex.is_match(path),
            Self::Prefix(prefix) => {
                path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

impl Test {
    fn compile(field: &'static str, written: &NamedMatch) -> Result<Self, BadMatch> {
        match written.type_.as_deref().unwrap_or("Exact") {
            "Exact" => Ok(Self::Exact(written.value.clone())),
            "RegularExpression" => regex(field, &written.value).map(Self::Regex),
            other => Err(BadMatch::Type { field, type_: other.to_owned() }),
        }
    }

    fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == value,
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// Expressions match the whole value, as in Envoy.
fn regex(field: &'static str, value: &str) -> Result<Regex, BadMatch> {
    let whole = RegexBuilder::new(&format!("^(?:{value})$")).size_limit(REGEX_BYTES).build();
    whole.map_err(|_| BadMatch::Regex { field, value: value.to_owned() })
}

/// The first value of a query parameter.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(key, _)| decode(key) == name).map(|(_, value)| decode(value))
}

/// Undoes percent-encoding; what is not encoded rightly stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let encoded = hex.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match encoded {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
        bytes.push(encoded.unwrap_or(if *first == b'+' { b' ' } else { *first }));
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::{Value, json};

    use super::*;

    fn accepts(written: Value, request: http::request::Builder) -> bool {
        let matcher = Matcher::compile(&serde_json::from_value(written).unwrap()).unwrap();
        matcher.accepts(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn paths_match_by_element_exactly_or_by_expression() {
        for (type_, value, path, expected) in [
            ("PathPrefix", "/", "/anything", true),
            ("PathPrefix", "/a", "/a/b", true),
            ("PathPrefix", "/a/", "/a", true),
            ("PathPrefix", "/a", "/ab", false),
            ("Exact", "/a", "/a", true),
            ("Exact", "/a", "/a/", false),
            ("RegularExpression", "/v[0-9]+", "/v12", true),
            ("RegularExpression", "/v[0-9]+", "/v12/x", false),
        ] {
            let written = json!({"path": {"type": type_, "value": value}});
            assert_eq!(accepts(written, Request::get(path)), expected, "{type_} {value} {path}");
        }
    }

    #[test]
    fn headers_query_and_method_must_all_hold() {
        let written = json!({
            "method": "POST",
            "headers": [{"name": "X-User", "value": "insider"},
                        {"type": "RegularExpression", "name": "Cookie", "value": ".*canary.*yes.*"}],
            "queryParams": [{"name": "q", "value": "a b"}],
        });
        let request = |method: &str, cookie: &str, query: &str| {
            let uri = format!("/?x=1&q={query}");
            Request::builder().method(method).uri(uri).header("x-user", "insider").header("cookie", cookie)
        };
        assert!(accepts(written.clone(), request("POST", "a=b; canary=yes", "a%20b")));
        assert!(accepts(written.clone(), request("POST", "canary=yes", "a+b")));
        assert!(!accepts(written.clone(), request("GET", "canary=yes", "a+b")));
        assert!(!accepts(written.clone(), request("POST", "canary=no", "a+b")));
        assert!(!accepts(written, request("POST", "canary=yes", "ab")));
    }

    #[test]
    fn the_more_specific_match_ranks_higher() {
        let rank = |written: Value| Matcher::compile(&serde_json::from_value(written).unwrap()).unwrap().rank();
        let rising = [
            json!({}),
            json!({"headers": [{"name": "a", "value": "1"}]}),
            json!({"method": "GET"}),
            json!({"path": {"value": "/a"}}),
            json!({"path": {"value": "/a/b"}}),
            json!({"path": {"type": "Exact", "value": "/a"}}),
        ];
        assert!(rising.into_iter().map(rank).is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn a_bad_expression_names_its_field() {
        let written = json!({"headers": [{"type": "RegularExpression", "name": "a", "value": "("}]});
        let error = Matcher::compile(&serde_json::from_value(written).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "matches.headers.value \"(\" is not a regular expression");
    }
}
