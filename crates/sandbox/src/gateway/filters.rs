//! What a rule changes about requests and responses.

use http::header::{HOST, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri};

use super::spec::{Filter, HeaderModifier, PathModifier, Redirect};
use crate::wire::{Body, text};

/// The filters of a rule or of one of its backends, in the order that they are written in.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    request: Vec<Edit>,
    response: Vec<Edit>,
    hostname: Option<HeaderValue>,
    path: Option<PathModifier>,
    redirect: Option<Redirect>,
}

/// One change of the headers.
#[derive(Clone, Debug)]
enum Edit {
    Set(HeaderName, HeaderValue),
    Add(HeaderName, HeaderValue),
    Remove(HeaderName),
}

/// Why a filter can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFilter {
    /// A type that the gateway does not have.
    #[error("filters.type \"{0}\" is not supported")]
    Type(String),
    /// A name or value that HTTP does not allow.
    #[error("filters: \"{0}\" is not valid in HTTP")]
    Header(String),
}

impl Filters {
    /// Compiles what is written; mirrors are the table's to resolve.
    pub(super) fn compile(written: &[Filter]) -> Result<Self, BadFilter> {
        let mut filters = Self::default();
        for filter in written {
            match filter.type_.as_str() {
                "RequestHeaderModifier" => filters.request.extend(edits(&filter.request_header_modifier)?),
                "ResponseHeaderModifier" => filters.response.extend(edits(&filter.response_header_modifier)?),
                "URLRewrite" => {
                    let hostname = filter.url_rewrite.hostname.as_deref().map(value).transpose()?;
                    filters.hostname = hostname.or(filters.hostname);
                    filters.path = filter.url_rewrite.path.clone().or(filters.path);
                }
                "RequestRedirect" => filters.redirect = Some(filter.request_redirect.clone()),
                "RequestMirror" => {}
                other => return Err(BadFilter::Type(other.to_owned())),
            }
        }
        Ok(filters)
    }

    /// The redirect that answers the request, if the rule is one.
    pub(super) fn redirect(&self, host: &str, prefix: &str, uri: &Uri) -> Option<Response<Body>> {
        let redirect = self.redirect.as_ref()?;
        let scheme = redirect.scheme.as_deref().unwrap_or("http");
        let host = redirect.hostname.as_deref().unwrap_or(host);
        let port = redirect.port.map(|port| format!(":{port}")).unwrap_or_default();
        let path =
            redirect.path.as_ref().map_or_else(|| uri.path().to_owned(), |path| replaced(path, prefix, uri.path()));
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let status = redirect.status_code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::FOUND);
        let location = HeaderValue::try_from(format!("{scheme}://{host}{port}{path}{query}")).ok()?;
        let mut response = text(status, "redirected");
        response.headers_mut().insert(LOCATION, location);
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
            let rewritten = format!("{}{query}", replaced(path, prefix, uri.path()));
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

fn edits(written: &HeaderModifier) -> Result<Vec<Edit>, BadFilter> {
    let set = written.set.iter().map(|header| Ok(Edit::Set(name(&header.name)?, value(&header.value)?)));
    let add = written.add.iter().map(|header| Ok(Edit::Add(name(&header.name)?, value(&header.value)?)));
    let remove = written.remove.iter().map(|header| name(header).map(Edit::Remove));
    set.chain(add).chain(remove).collect()
}

fn name(text: &str) -> Result<HeaderName, BadFilter> {
    HeaderName::try_from(text).map_err(|_| BadFilter::Header(text.to_owned()))
}

fn value(text: &str) -> Result<HeaderValue, BadFilter> {
    HeaderValue::try_from(text).map_err(|_| BadFilter::Header(text.to_owned()))
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

fn replaced(modifier: &PathModifier, prefix: &str, path: &str) -> String {
    if let Some(full) = &modifier.replace_full_path {
        return full.clone();
    }
    let Some(replacement) = &modifier.replace_prefix_match else { return path.to_owned() };
    let rest = path.strip_prefix(prefix).unwrap_or(path).trim_start_matches('/');
    match (replacement.trim_end_matches('/'), rest) {
        ("", rest) => format!("/{rest}"),
        (replacement, "") => replacement.to_owned(),
        (replacement, rest) => format!("{replacement}/{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_prefix_is_replaced_and_the_rest_of_the_path_kept() {
        for (replacement, prefix, path, expected) in [
            ("/", "/api", "/api/v1", "/v1"),
            ("/", "/api", "/api", "/"),
            ("/new/", "/api", "/api/v1", "/new/v1"),
            ("/x", "", "/y", "/x/y"),
        ] {
            let modifier = PathModifier { replace_prefix_match: Some(replacement.into()), ..PathModifier::default() };
            assert_eq!(replaced(&modifier, prefix, path), expected, "{replacement} {prefix} {path}");
        }
    }

    #[test]
    fn headers_are_set_added_and_removed_and_the_host_rewritten() {
        let written: Vec<Filter> = serde_json::from_value(json!([
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {
                "set": [{"name": "a", "value": "1"}], "add": [{"name": "b", "value": "2"}], "remove": ["c"]}},
            {"type": "URLRewrite", "urlRewrite": {"hostname": "other.test"}},
        ]))
        .unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [("a", "0"), ("b", "0"), ("c", "0")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let mut uri = Uri::from_static("/");
        Filters::compile(&written).unwrap().on_request(&mut headers, &mut uri, "");
        let all = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(
            (all("a"), all("b"), all("c"), all("host")),
            (vec!["1"], vec!["0", "2"], vec![], vec!["other.test"])
        );
    }
}
