//! What a rule changes about requests and responses.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{HOST, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri};
use regex::Regex;

use crate::wire::{Body, respond, text};

/// What a rule or one of its backends changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    pub(super) request: Vec<Edit>,
    pub(super) response: Vec<Edit>,
    pub(super) hostname: Option<HeaderValue>,
    pub(super) path: Option<Rewrite>,
    pub(super) redirect: Option<Redirect>,
    pub(super) direct: Option<Direct>,
}

/// One change of the headers.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Set(HeaderName, HeaderValue),
    Add(HeaderName, HeaderValue),
    Remove(HeaderName),
}

/// How a path is rewritten.
#[derive(Clone, Debug)]
pub(super) enum Rewrite {
    /// As a whole.
    Full(String),
    /// What the rule matched is replaced, element by element.
    Elements(String),
    /// What the rule matched is replaced, character by character.
    Start(String),
    /// Each part that is like this is replaced.
    Regex(Regex, String),
}

/// Where a redirect sends clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Redirect {
    pub(super) scheme: Option<String>,
    pub(super) hostname: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) path: Option<Rewrite>,
    /// 302 unless said.
    pub(super) status: Option<u16>,
}

/// An answer that no backend is asked for.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// A name or value that HTTP does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not valid in HTTP")]
pub(super) struct BadHeader(String);

impl Edit {
    pub(super) fn set(name: &str, value: &str) -> Result<Self, BadHeader> {
        Ok(Self::Set(header_name(name)?, header_value(value)?))
    }

    pub(super) fn add(name: &str, value: &str) -> Result<Self, BadHeader> {
        Ok(Self::Add(header_name(name)?, header_value(value)?))
    }

    pub(super) fn remove(name: &str) -> Result<Self, BadHeader> {
        header_name(name).map(Self::Remove)
    }
}

impl Filters {
    /// The redirect that answers the request, if the rule is one.
    pub(super) fn redirect(&self, host: &str, prefix: &str, uri: &Uri) -> Option<Response<Body>> {
        let redirect = self.redirect.as_ref()?;
        let scheme = redirect.scheme.as_deref().unwrap_or("http");
        let host = redirect.hostname.as_deref().unwrap_or(host);
        let port = redirect.port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = redirect.path.as_ref().map_or(Cow::Borrowed(uri.path()), |path| path.of(prefix, uri.path()));
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let status = redirect.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::FOUND);
        let location = HeaderValue::try_from(format!("{scheme}://{host}{port}{path}{query}")).ok()?;
        let mut response = text(status, "redirected");
        response.headers_mut().insert(LOCATION, location);
        Some(response)
    }

    /// The answer that the rule gives by itself, with its changes of headers.
    pub(super) fn direct(&self) -> Option<Response<Body>> {
        let Direct { status, body } = self.direct.clone()?;
        let mut response = respond(status, "text/plain", body);
        self.on_response(response.headers_mut());
        Some(response)
    }

    /// Changes a request's headers and path; `prefix` is what the rule matched.
    pub(super) fn on_request(&self, headers: &mut HeaderMap, uri: &mut Uri, prefix: &str) {
        apply(&self.request, headers);
        if let Some(hostname) = &self.hostname {
            headers.insert(HOST, hostname.clone());
        }
        if let Some(path) = &self.path {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let rewritten = format!("{}{query}", path.of(prefix, uri.path()));
            if let Ok(rewritten) = PathAndQuery::try_from(rewritten) {
                *uri = Uri::from(rewritten);
            }
        }
    }

    /// Changes a response's headers.
    pub(super) fn on_response(&self, headers: &mut HeaderMap) {
        apply(&self.response, headers);
    }
}

pub(super) fn header_value(text: &str) -> Result<HeaderValue, BadHeader> {
    HeaderValue::try_from(text).map_err(|_| BadHeader(text.to_owned()))
}

fn header_name(text: &str) -> Result<HeaderName, BadHeader> {
    HeaderName::try_from(text).map_err(|_| BadHeader(text.to_owned()))
}

fn apply(edits: &[Edit], headers: &mut HeaderMap) {
    for edit in edits {
        match edit {
            Edit::Set(name, value) => drop(headers.insert(name, value.clone())),
            Edit::Add(name, value) => drop(headers.append(name, value.clone())),
            Edit::Remove(name) => drop(headers.remove(name)),
        }
    }
}

impl Rewrite {
    fn of<'a>(&'a self, prefix: &str, path: &'a str) -> Cow<'a, str> {
        // A match may have ignored the case, and then so does this.
        let rest = match path.split_at_checked(prefix.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(prefix) => rest,
            _ => path,
        };
        match self {
            Self::Full(full) => Cow::Borrowed(full),
            Self::Elements(new) => match (new.trim_end_matches('/'), rest.trim_start_matches('/')) {
                ("", rest) => format!("/{rest}").into(),
                (new, "") => Cow::Borrowed(new),
                (new, rest) => format!("{new}/{rest}").into(),
            },
            // No slash twice, as it would be where `/api` becomes `/`.
            Self::Start(new) if new.ends_with('/') => format!("{new}{}", rest.trim_start_matches('/')).into(),
            Self::Start(new) => format!("{new}{rest}").into(),
            Self::Regex(regex, new) => regex.replace_all(path, new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_replaced_and_the_rest_of_the_path_kept() {
        type Make = fn(String) -> Rewrite;
        let (elements, start): (Make, Make) = (Rewrite::Elements, Rewrite::Start);
        for (rewrite, replacement, prefix, path, expected) in [
            (elements, "/", "/api", "/api/v1", "/v1"),
            (elements, "/", "/api", "/api", "/"),
            (elements, "/new/", "/api", "/api/v1", "/new/v1"),
            (elements, "/x", "", "/y", "/x/y"),
            (start, "/", "/api", "/api/v1", "/v1"),
            (start, "/x", "/api", "/apis", "/xs"),
            (start, "/x", "/api", "/API/v1", "/x/v1"),
            (start, "/x/", "/", "/api", "/x/api"),
        ] {
            assert_eq!(rewrite(replacement.into()).of(prefix, path), expected, "{replacement} {prefix} {path}");
        }
    }

    #[test]
    fn headers_are_set_added_and_removed_and_the_host_rewritten() {
        let edits = [Edit::set("a", "1"), Edit::add("b", "2"), Edit::remove("c")];
        let filters = Filters {
            request: edits.into_iter().collect::<Result<_, _>>().unwrap(),
            hostname: Some(HeaderValue::from_static("other.test")),
            ..Filters::default()
        };
        let mut headers = HeaderMap::new();
        for (name, value) in [("a", "0"), ("b", "0"), ("c", "0")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let mut uri = Uri::from_static("/");
        filters.on_request(&mut headers, &mut uri, "");
        let all = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(
            (all("a"), all("b"), all("c"), all("host")),
            (vec!["1"], vec!["0", "2"], vec![], vec!["other.test"])
        );
    }
}
