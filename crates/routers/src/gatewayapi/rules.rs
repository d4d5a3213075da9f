//! What the canary says, as rules of an `HTTPRoute`.

use api::{CorsPolicy, HeaderOperations, HttpMatch, Rewrite, StringMatch, duration};
use rollout::traffic::Split;
use serde_json::Map;

use super::route::{
    Backend, Cors, Filter, Header, HeaderModifier, Match, MirrorRef, PathMatch, PathRewrite, RequestMirror, Rule,
    Timeouts, UrlRewrite, ValueMatch, every_request, exact, service,
};
use super::{GatewayApi, affinity};
use crate::{Context, Error, matching};

/// The rules by which requests are shared: one for all requests, with those of session affinity before it, or with `analysis.match` one for the chosen requests, and one
/// that leaves all others with the primary.
pub(super) fn of(router: &GatewayApi, cx: &Context<'_>, split: Split) -> Result<Vec<Rule>, Error> {
    let spec = &cx.canary.spec;
    let everyone = matches(router, "spec.service.match", &spec.service.match_)?;
    let mut filters = filters(router, cx);
    if split.mirrored {
        filters.push(mirror(MirrorRef {
            group: String::new(),
            kind: service(),
            name: cx.canary(),
            namespace: None,
            port: Some(spec.service.port),
        }));
    }
    let rule = |matches: Vec<Match>, backend_refs: Vec<Backend>| Rule {
        matches,
        filters: filters.clone(),
        backend_refs,
        timeouts: timeouts(router, cx),
        rest: Map::new(),
    };
    let primary = |weight: u8| backend(cx, cx.primary(), weight);
    let shared = vec![primary(split.primary_weight()), backend(cx, cx.canary(), split.canary_weight())];
    if spec.analysis.match_.is_empty() {
        let weighted = rule(everyone, shared);
        return Ok(match &spec.analysis.session_affinity {
            Some(settings) => affinity::around(cx, settings, split, weighted),
            None => vec![weighted],
        });
    }
    let chosen =
        matches(router, "spec.analysis.match", &matching::chosen(&spec.analysis.match_, &spec.service.match_))?;
    Ok(vec![rule(chosen, shared), rule(everyone, vec![primary(100)])])
}

/// The conditions that have a counterpart; every request when there are none.
fn matches(router: &GatewayApi, field: &str, conditions: &[HttpMatch]) -> Result<Vec<Match>, Error> {
    let mut matches = Vec::new();
    for (index, condition) in conditions.iter().enumerate() {
        let field = |name: &str| format!("{field}[{index}].{name}");
        let unsupported = |name: &str| Error::Unsupported { field: field(name), provider: router.name };
        let mut found = Match::default();
        if let Some(uri) = &condition.uri {
            found.path = path(uri).ok_or_else(|| unsupported("uri"))?;
        }
        if let Some(method) = &condition.method {
            found.method = Some(method.exact.clone().ok_or_else(|| unsupported("method"))?);
        }
        for (name, value) in &condition.headers {
            let value = value_match(name, value).ok_or_else(|| unsupported(&format!("headers.{name}")))?;
            found.headers.push(value);
        }
        for (name, value) in &condition.query_params {
            let value = value_match(name, value).ok_or_else(|| unsupported(&format!("queryParams.{name}")))?;
            found.query_params.push(value);
        }
        if found != Match::default() || condition.uri.is_some() {
            matches.push(found);
        }
    }
    Ok(if matches.is_empty() { every_request() } else { matches })
}

fn path(uri: &StringMatch) -> Option<PathMatch> {
    let (kind, value) = match (&uri.regex, &uri.exact, &uri.prefix) {
        (Some(regex), _, _) => ("RegularExpression", regex),
        (None, Some(exact), _) => ("Exact", exact),
        (None, None, Some(prefix)) => ("PathPrefix", prefix),
        (None, None, None) => return None,
    };
    Some(PathMatch { kind: kind.to_owned(), value: value.clone() })
}

fn value_match(name: &str, condition: &StringMatch) -> Option<ValueMatch> {
    let (kind, value) = match (&condition.exact, &condition.regex) {
        (Some(value), _) => (exact(), value),
        (None, Some(regex)) => ("RegularExpression".to_owned(), regex),
        (None, None) => return None,
    };
    Some(ValueMatch { name: name.to_owned(), kind, value: value.clone() })
}

fn backend(cx: &Context<'_>, name: String, weight: u8) -> Backend {
    Backend {
        group: String::new(),
        kind: service(),
        name,
        port: Some(cx.canary.spec.service.port),
        weight: weight.into(),
        filters: Vec::new(),
        rest: Map::new(),
    }
}

fn timeouts(router: &GatewayApi, cx: &Context<'_>) -> Timeouts {
    if !router.has_timeouts_and_cors {
        return Timeouts::default();
    }
    let service = &cx.canary.spec.service;
    let written = |timeout: &Option<String>| timeout.clone().filter(|timeout| !timeout.is_empty());
    Timeouts { request: written(&service.timeout), backend_request: written(&service.backend_timeout) }
}

/// What the canary wants done to every request, in the order in which the gateway does it.
fn filters(router: &GatewayApi, cx: &Context<'_>) -> Vec<Filter> {
    let service = &cx.canary.spec.service;
    let headers = service.headers.clone().unwrap_or_default();
    let request = headers.request.as_ref().map(|operations| Filter {
        kind: "RequestHeaderModifier".to_owned(),
        request_header_modifier: Some(header_modifier(operations)),
        ..Filter::default()
    });
    let response = headers.response.as_ref().map(|operations| Filter {
        kind: "ResponseHeaderModifier".to_owned(),
        response_header_modifier: Some(header_modifier(operations)),
        ..Filter::default()
    });
    let rewrite = service.rewrite.as_ref().map(|rewrite| Filter {
        kind: "URLRewrite".to_owned(),
        url_rewrite: Some(url_rewrite(rewrite)),
        ..Filter::default()
    });
    let mirrors = service.mirror.iter().map(|receiver| {
        let backend = receiver.backend_ref.clone();
        mirror(MirrorRef {
            group: backend.group.unwrap_or_default(),
            kind: backend.kind.unwrap_or_else(self::service),
            name: backend.name,
            namespace: backend.namespace,
            port: backend.port,
        })
    });
    let cors = service.cors_policy.as_ref().filter(|_| router.has_timeouts_and_cors).map(|policy| Filter {
        kind: "CORS".to_owned(),
        cors: Some(cors(policy)),
        ..Filter::default()
    });
    request.into_iter().chain(response).chain(rewrite).chain(mirrors).chain(cors).collect()
}

fn header_modifier(operations: &HeaderOperations) -> HeaderModifier {
    let headers = |entries: &std::collections::BTreeMap<String, String>| {
        entries.iter().map(|(name, value)| Header { name: name.clone(), value: value.clone() }).collect()
    };
    HeaderModifier { add: headers(&operations.add), set: headers(&operations.set), remove: operations.remove.clone() }
}

/// Quirk: any type but `ReplacePrefixMatch`, none included, replaces the full path, as in Flagger.
fn url_rewrite(rewrite: &Rewrite) -> UrlRewrite {
    let path = rewrite.uri.clone().filter(|uri| !uri.is_empty()).map(|uri| match rewrite.type_.as_deref() {
        Some("ReplacePrefixMatch") => PathRewrite::ReplacePrefixMatch { replace_prefix_match: uri },
        _ => PathRewrite::ReplaceFullPath { replace_full_path: uri },
    });
    UrlRewrite { hostname: rewrite.authority.clone().filter(|host| !host.is_empty()), path }
}

fn mirror(backend_ref: MirrorRef) -> Filter {
    Filter {
        kind: "RequestMirror".to_owned(),
        request_mirror: Some(RequestMirror { backend_ref, rest: Map::new() }),
        ..Filter::default()
    }
}

/// Prefixes and regular expressions of `allowOrigins` have no counterpart. Quirk: an unreadable `maxAge` counts as zero, as in
/// Flagger.
fn cors(policy: &CorsPolicy) -> Cors {
    let max_age = policy.max_age.as_deref().map(|age| {
        let secs = duration::parse(age).unwrap_or_default().as_secs();
        i64::try_from(secs).unwrap_or(i64::MAX)
    });
    let exact = policy.allow_origins.iter().filter_map(|origin| origin.exact.as_ref());
    Cors {
        allow_origins: policy.allow_origin.iter().chain(exact).cloned().collect(),
        allow_credentials: policy.allow_credentials.unwrap_or_default(),
        allow_methods: policy.allow_methods.clone(),
        allow_headers: policy.allow_headers.clone(),
        expose_headers: policy.expose_headers.clone(),
        max_age: max_age.unwrap_or(Cors::default().max_age),
    }
}
