//! Canary Ingresses: who gets a request instead of the Ingress that it is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;
use http::request::Parts;
use regex::Regex;

use super::super::matching::{BadMatch, cookie, header_name, part};
use crate::services::Backend;

/// The prefix of annotations, unless the controller was told another.
const PREFIX: &str = "nginx.ingress.kubernetes.io";
/// The annotation by which an Ingress is a canary.
const CANARY: &str = "/canary";

/// A backend beside that of the Ingress.
#[derive(Debug)]
pub(in crate::gateway) struct Alternative {
    pub(in crate::gateway) backend: Arc<Backend>,
    /// As metrics call it.
    pub(in crate::gateway) name: String,
    pub(in crate::gateway) policy: Policy,
}

/// Which requests it gets: by header, else by cookie, else by weight.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Policy {
    header: Option<(HeaderName, Wanted)>,
    cookie: Option<String>,
    weight: u32,
    total: u32,
}

/// What a header has to be.
#[derive(Clone, Debug)]
enum Wanted {
    /// `always`; with `never` the canary gets nothing, and anything else is no answer.
    Always,
    Value(String),
    Pattern(Regex),
}

impl Policy {
    /// Reads the annotations of a canary Ingress; `None` when it is none.
    pub(super) fn read(annotations: &BTreeMap<String, String>) -> Result<Option<Self>, BadMatch> {
        let Some(prefix) = prefix(annotations) else { return Ok(None) };
        let get = |name: &str| annotations.get(&format!("{prefix}{CANARY}-{name}")).map(|value| value.trim());
        let given = |name: &str| get(name).filter(|value| !value.is_empty());
        let number = |name: &str| get(name).and_then(|value| value.parse::<u32>().ok());
        let wanted = match (given("by-header-value"), given("by-header-pattern")) {
            (Some(value), _) => Wanted::Value(value.to_owned()),
            (None, Some(pattern)) => Wanted::Pattern(part("canary-by-header-pattern", pattern)?),
            (None, None) => Wanted::Always,
        };
        let header = given("by-header").map(|name| header_name("canary-by-header", name)).transpose()?;
        Ok(Some(Self {
            header: header.map(|name| (name, wanted)),
            cookie: given("by-cookie").map(str::to_owned),
            weight: number("weight").unwrap_or(0),
            total: number("weight-total").unwrap_or(0).max(100),
        }))
    }

    /// Whether a request goes to the canary; `draw` answers a number below the given one.
    pub(in crate::gateway) fn takes(&self, request: &Parts, draw: impl FnOnce(u32) -> u32) -> bool {
        self.by_header(request)
            .or_else(|| verdict(cookie(request, self.cookie.as_deref()?)?))
            .unwrap_or_else(|| draw(self.total) < self.weight)
    }

    fn by_header(&self, request: &Parts) -> Option<bool> {
        let (name, wanted) = self.header.as_ref()?;
        let value = request.headers.get(name)?.to_str().ok()?;
        match wanted {
            Wanted::Always => verdict(value),
            Wanted::Value(wanted) => (wanted == value).then_some(true),
            Wanted::Pattern(pattern) => pattern.is_match(value).then_some(true),
        }
    }
}

fn verdict(value: &str) -> Option<bool> {
    match value {
        "always" => Some(true),
        "never" => Some(false),
        _ => None,
    }
}

/// The prefix of the annotations that make an Ingress a canary: the usual one if it has that, else whichever it has.
fn prefix(annotations: &BTreeMap<String, String>) -> Option<&str> {
    let prefixes =
        annotations.iter().filter(|(_, value)| *value == "true").filter_map(|(key, _)| key.strip_suffix(CANARY));
    let mut prefixes: Vec<&str> = prefixes.collect();
    prefixes.sort_by_key(|prefix| *prefix != PREFIX);
    prefixes.first().copied()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn takes(annotations: &[(&str, &str)], request: http::request::Builder, drawn: u32) -> bool {
        let named = |(name, value): &(&str, &str)| (format!("custom.example.com/{name}"), (*value).to_owned());
        let policy = Policy::read(&annotations.iter().map(named).collect()).unwrap().expect("a canary");
        policy.takes(&request.body(()).unwrap().into_parts().0, |_| drawn)
    }

    #[test]
    fn a_header_decides_before_a_cookie_and_a_cookie_before_the_weight() {
        let all =
            [("canary", "true"), ("canary-by-header", "x-canary"), ("canary-by-cookie", "c"), ("canary-weight", "10")];
        for (header, cookie, drawn, expected) in [
            ("always", "c=never", 99, true),
            ("never", "c=always", 0, false),
            ("perhaps", "c=always", 99, true),
            ("perhaps", "c=never", 0, false),
            ("perhaps", "c=perhaps", 9, true),
            ("perhaps", "", 10, false),
        ] {
            let request = Request::get("/").header("x-canary", header).header("cookie", cookie);
            assert_eq!(takes(&all, request, drawn), expected, "{header} {cookie} {drawn}");
        }
    }

    #[test]
    fn a_header_may_have_to_have_a_value_or_to_contain_a_pattern() {
        let by = |how, what| [("canary", "true"), ("canary-by-header", "x-user"), (how, what)];
        let request = |user: &str| Request::get("/").header("x-user", user);
        assert!(takes(&by("canary-by-header-value", "insider"), request("insider"), 99));
        assert!(!takes(&by("canary-by-header-value", "insider"), request("always"), 99));
        assert!(takes(&by("canary-by-header-pattern", "^in|beta"), request("a beta tester"), 99));
        assert!(!takes(&by("canary-by-header-pattern", "^in|beta"), request("within"), 99));
    }

    #[test]
    fn what_is_not_marked_is_no_canary() {
        let marked = |value: &str| {
            let annotations =
                [(format!("{PREFIX}/canary"), value.to_owned()), (format!("{PREFIX}/canary-weight"), "100".into())];
            Policy::read(&annotations.into()).unwrap().is_some()
        };
        assert!(marked("true"));
        assert!(!marked("false"));
    }
}
