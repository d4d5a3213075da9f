//! What the canary says, as hosts, gateways and rules of a `VirtualService`.

use api::{HttpMatch, Rewrite, StringMatch};
use rollout::traffic::Split;
use serde_json::{Value, json};

use super::virtual_service::{Destination, HttpRule, Share, Spec, TcpRule};
use super::{NAME, affinity};
use crate::{Context, Error, matching};

/// The name by which Istio calls all of its sidecars.
const MESH: &str = "mesh";

/// The route as the canary wants it, with requests shared like this.
pub(super) fn spec(cx: &Context<'_>, split: Split) -> Result<Spec, Error> {
    let spec = Spec { hosts: hosts(cx)?, gateways: gateways(cx), ..Spec::default() };
    if is_tcp(cx) {
        return Ok(Spec { tcp: vec![tcp(cx, split)?], ..spec });
    }
    Ok(Spec { http: http(cx, split)?, ..spec })
}

/// The user's hosts and the apex Service; none where others delegate to this route.
fn hosts(cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let service = &cx.canary.spec.service;
    if service.delegation {
        return if service.hosts.is_empty() && service.gateways.is_empty() {
            Ok(Vec::new())
        } else {
            Err(Error::Delegation { route: format!("{}.{}", cx.apex(), cx.namespace()) })
        };
    }
    let mut hosts = service.hosts.clone();
    if !hosts.iter().any(|host| host == cx.apex() || host == "*") {
        hosts.push(cx.apex().to_owned());
    }
    Ok(hosts)
}

fn gateways(cx: &Context<'_>) -> Vec<String> {
    let service = &cx.canary.spec.service;
    if service.gateways.is_empty() && !service.delegation { vec![MESH.to_owned()] } else { service.gateways.clone() }
}

fn is_tcp(cx: &Context<'_>) -> bool {
    cx.canary.spec.service.app_protocol.as_ref().is_some_and(|protocol| protocol.eq_ignore_ascii_case("tcp"))
}

/// Connections have ports and no requests, so that there is nothing else to choose them by, nor to copy.
fn tcp(cx: &Context<'_>, split: Split) -> Result<TcpRule, Error> {
    let analysis = &cx.canary.spec.analysis;
    let asked = [
        (!analysis.match_.is_empty(), "spec.analysis.match"),
        (analysis.mirror, "spec.analysis.mirror"),
        (analysis.session_affinity.is_some(), "spec.analysis.sessionAffinity"),
    ];
    if let Some((_, field)) = asked.into_iter().find(|(asked, _)| *asked) {
        return Err(Error::Unsupported { field: format!("{field} with appProtocol tcp"), provider: NAME });
    }
    let conditions = &cx.canary.spec.service.match_;
    let ports: Option<Vec<Value>> = conditions.iter().map(|one| Some(json!({"port": one.port?}))).collect();
    // One condition without a port is met by every connection.
    Ok(TcpRule { matches: ports.unwrap_or_default(), route: shared(cx, split), ..TcpRule::default() })
}

/// One rule for all requests, with those of session affinity before it, or with `analysis.match` one for the chosen requests,
/// and one that leaves all others with the primary.
fn http(cx: &Context<'_>, split: Split) -> Result<Vec<HttpRule>, Error> {
    let analysis = &cx.canary.spec.analysis;
    let service = &cx.canary.spec.service;
    check("spec.service.match", &service.match_)?;
    check("spec.analysis.match", &analysis.match_)?;
    if analysis.match_.is_empty() {
        let weighted = mirrored(cx, split, rule(cx, &service.match_, shared(cx, split)));
        return Ok(match &analysis.session_affinity {
            Some(settings) => affinity::around(cx, settings, split, weighted),
            None => vec![weighted],
        });
    }
    let chosen = rule(cx, &matching::chosen(&analysis.match_, &service.match_), shared(cx, split));
    let others = rule(cx, &service.match_, vec![share(cx, cx.primary(), 100)]);
    Ok(vec![mirrored(cx, split, chosen), others])
}

fn rule(cx: &Context<'_>, conditions: &[HttpMatch], route: Vec<Share>) -> HttpRule {
    let service = &cx.canary.spec.service;
    HttpRule {
        matches: conditions.iter().map(|condition| json!(condition)).collect(),
        rewrite: service.rewrite.as_ref().map(rewrite),
        timeout: service.timeout.clone().filter(|timeout| !timeout.is_empty()),
        retries: service.retries.as_ref().map(|retries| json!(retries)),
        cors_policy: service.cors_policy.as_ref().map(|policy| json!(policy)),
        headers: service.headers.as_ref().map(|headers| json!(headers)),
        route,
        ..HttpRule::default()
    }
}

/// The same rule, with copies of its requests for the canary if the split says so.
fn mirrored(cx: &Context<'_>, split: Split, rule: HttpRule) -> HttpRule {
    if !split.mirrored {
        return rule;
    }
    let percentage = Some(cx.canary.spec.analysis.mirror_weight).filter(|weight| 0 < *weight);
    HttpRule {
        mirror: Some(json!({"host": cx.canary()})),
        mirror_percentage: percentage.map(|weight| json!({"value": weight})),
        ..rule
    }
}

/// Without the type, which Istio has no word for: it replaces the prefix that was matched.
fn rewrite(rewrite: &Rewrite) -> Value {
    json!(Rewrite { type_: None, ..rewrite.clone() })
}

fn shared(cx: &Context<'_>, split: Split) -> Vec<Share> {
    vec![share(cx, cx.primary(), split.primary_weight()), share(cx, cx.canary(), split.canary_weight())]
}

/// A gateway can't tell the port that was asked for from that of the Service, which matters once there are several.
fn share(cx: &Context<'_>, host: String, weight: u8) -> Share {
    let service = &cx.canary.spec.service;
    let behind_gateway = service.delegation || service.gateways.first().is_some_and(|gateway| gateway != MESH);
    let port = (service.port_discovery && behind_gateway).then(|| json!({"number": service.port}));
    let destination = Destination { host, port, ..Destination::default() };
    Share { destination, weight: Some(weight.into()), ..Share::default() }
}

/// Istio's conditions have no `suffix`; the API server would drop it, and the condition be met by every text.
fn check(field: &str, conditions: &[HttpMatch]) -> Result<(), Error> {
    let named = |condition: &HttpMatch| {
        let single = [
            ("uri", &condition.uri),
            ("scheme", &condition.scheme),
            ("method", &condition.method),
            ("authority", &condition.authority),
        ];
        let single = single.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?)));
        let several = [
            ("headers", &condition.headers),
            ("withoutHeaders", &condition.without_headers),
            ("queryParams", &condition.query_params),
        ];
        let several = several
            .into_iter()
            .flat_map(|(name, texts)| texts.iter().map(move |(key, text)| (format!("{name}.{key}"), text.clone())));
        single.chain(several).find(|(_, text): &(String, StringMatch)| text.suffix.is_some())
    };
    for (index, condition) in conditions.iter().enumerate() {
        if let Some((name, _)) = named(condition) {
            let field = format!("{field}[{index}].{name}.suffix");
            return Err(Error::Unsupported { field, provider: NAME });
        }
    }
    Ok(())
}
