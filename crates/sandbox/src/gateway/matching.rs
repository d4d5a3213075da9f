//! Which requests a rule takes, whoever wrote it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderName;
use http::request::Parts;
use regex::{Regex, RegexBuilder};

use super::peers::Peer;

/// The largest program that a user's regular expression may compile to.
const REGEX_BYTES: usize = 1 << 20;

/// Why a match can't be used. The field is named as in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadMatch {
    /// A type that the Gateway API does not define.
    #[error("{field}.type \"{type_}\" is not supported")]
    Type { field: &'static str, type_: String },
    /// A regular expression that does not compile.
    #[error("{field} \"{value}\" is not a regular expression")]
    Regex { field: &'static str, value: String },
    /// A header or method that HTTP does not allow.
    #[error("{field} \"{value}\" is not valid in HTTP")]
    Http { field: &'static str, value: String },
}

/// A request, and what is known of who sent it.
pub(super) struct Asked<'a> {
    pub(super) parts: &'a Parts,
    /// The host that is asked for, in lower case and without a port.
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    /// Whether the client takes the gateway for its proxy.
    pub(super) is_proxied: bool,
    /// The pod that asks, `None` for whoever is outside.
    pub(super) source: Option<&'a Peer>,
}

/// A compiled match: all of its conditions must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    pub(super) conditions: Vec<Condition>,
}

/// One thing that has to be so.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Path(Path),
    Method(Test),
    Header(HeaderName, Test),
    /// No header of this name, or none that is like this.
    NoHeader(HeaderName, Test),
    Query(String, Test),
    Authority(Test),
    Scheme(Test),
    Port(u16),
    /// Labels of the pod that asks.
    SourceLabels(BTreeMap<String, String>),
    /// Namespace of the pod that asks.
    SourceNamespace(String),
}

/// What a path has to be like.
#[derive(Clone, Debug)]
pub(super) enum Path {
    Exact(String),
    Regex(Regex),
    /// Whole elements: `/a` takes `/a` and `/a/b`, but not `/ab`. Without a slash at its end.
    Elements(String),
    /// Characters: `/a` takes `/ab` too.
    Start(String),
    /// Another one, which is in lower case, whatever the case of the path.
    AnyCase(Box<Path>),
}

/// What a value has to be like.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Exact(String),
    Prefix(String),
    Regex(Regex),
    /// Anything.
    Present,
}

impl Matcher {
    pub(super) fn accepts(&self, asked: &Asked<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(asked))
    }

    /// Both of two matches.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self { conditions: self.conditions.iter().chain(&other.conditions).cloned().collect() }
    }

    /// The part of the path that a rewriting of prefixes replaces.
    pub(super) fn prefix(&self) -> &str {
        let prefix = self.conditions.iter().rev().find_map(|condition| match condition {
            Condition::Path(path) => path.literal(),
            _ => None,
        });
        prefix.unwrap_or_default()
    }
}

impl Condition {
    fn holds(&self, asked: &Asked<'_>) -> bool {
        let request = asked.parts;
        match self {
            Self::Path(path) => path.accepts(request.uri.path()),
            Self::Method(test) => test.accepts(request.method.as_str()),
            Self::Header(name, test) => header(request, name).is_some_and(|value| test.accepts(&value)),
            Self::NoHeader(name, test) => header(request, name).is_none_or(|value| !test.accepts(&value)),
            Self::Query(name, test) => {
                let query = request.uri.query().unwrap_or_default();
                parameter(query, name).is_some_and(|value| test.accepts(&value))
            }
            Self::Authority(test) => test.accepts(asked.host),
            Self::Scheme(test) => test.accepts("http"),
            Self::Port(port) => asked.port.unwrap_or(80) == *port,
            Self::SourceLabels(labels) => asked.source.is_some_and(|source| source.has(labels)),
            Self::SourceNamespace(namespace) => asked.source.is_some_and(|source| source.namespace == *namespace),
        }
    }
}

impl Path {
    fn accepts(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == path,
            Self::Regex(regex) => regex.is_match(path),
            Self::Elements(prefix) => {
                path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Self::Start(prefix) => path.starts_with(prefix.as_str()),
            Self::AnyCase(inner) => inner.accepts(&path.to_lowercase()),
        }
    }

    fn literal(&self) -> Option<&str> {
        match self {
            Self::Exact(text) | Self::Elements(text) | Self::Start(text) => Some(text),
            Self::Regex(_) => None,
            Self::AnyCase(inner) => inner.literal(),
        }
    }
}

impl Test {
    pub(super) fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == value,
            Self::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Self::Regex(regex) => regex.is_match(value),
            Self::Present => true,
        }
    }
}

/// The value of a header. Several headers of one name are one list; browsers send one, proxies may split it.
fn header(request: &Parts, name: &HeaderName) -> Option<String> {
    let values = request.headers.get_all(name).iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// A header's name.
pub(super) fn header_name(field: &'static str, name: &str) -> Result<HeaderName, BadMatch> {
    HeaderName::try_from(name).map_err(|_| BadMatch::Http { field, value: name.to_owned() })
}

/// An expression for the whole value, as in Envoy.
pub(super) fn whole(field: &'static str, value: &str) -> Result<Regex, BadMatch> {
    expression(field, value, &format!("^(?:{value})$"))
}

/// An expression for a part of the value, as in NGINX.
pub(super) fn part(field: &'static str, value: &str) -> Result<Regex, BadMatch> {
    expression(field, value, value)
}

fn expression(field: &'static str, written: &str, meant: &str) -> Result<Regex, BadMatch> {
    let compiled = RegexBuilder::new(meant).size_limit(REGEX_BYTES).build();
    compiled.map_err(|_| BadMatch::Regex { field, value: written.to_owned() })
}

/// The value of a cookie.
pub(super) fn cookie<'a>(request: &'a Parts, name: &str) -> Option<&'a str> {
    let lines = request.headers.get_all(http::header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The first value of a query parameter.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| decode(key) == name).map(|(_, value)| decode(value))
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

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_in_several_headers() {
        let request = Request::get("/").header("cookie", "a=1; canary=always").header("cookie", "b=2");
        let parts = request.body(()).unwrap().into_parts().0;
        assert_eq!(cookie(&parts, "canary"), Some("always"));
        assert_eq!(cookie(&parts, "b"), Some("2"));
        assert_eq!(cookie(&parts, "always"), None);
    }
}
