//! `VirtualServic`s as entries of the routing table.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use kube::core::DynamicObject;

use super::super::complaints::Complaint;
use super::super::cors::Cors;
use super::super::faults::{Fault, Faults};
use super::super::filters::{BadHeader, Direct, Edit, Filters, Redirect, Rewrite, header_value};
use super::super::matching::{BadMatch, Matcher, Test, whole};
use super::super::retries::Retries;
use super::super::rule::{Origin, Rule, Shadow, Weighted};
use super::super::table::{Audience, Entry, Rank};
use super::Known;
use super::destination::{resolve, service};
use super::matches::{matcher, test};
use super::spec::{self, Destination, Headers, Match, Percent, Route, VirtualService};
use crate::cluster::Id;
use crate::duration;

/// The gateway that stands for the sidecars of all pods.
const MESH: &str = "mesh";
/// The port that gateways listen on.
const GATEWAY_PORT: u16 = 80;

/// Why a `VirtualService` can't be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Bad {
    #[error("spec: {0}")]
    Spec(String),
    #[error("spec.http.{0}")]
    Match(BadMatch),
    #[error("spec.http.headers: {0}")]
    Header(BadHeader),
    #[error("spec.http.{0} \"{1}\" is not a duration")]
    Duration(&'static str, String),
    #[error("spec.http.{0} {1} is not the status of an answer")]
    Status(&'static str, u16),
    #[error("spec.http.directResponse.body.bytes is not in base64")]
    Base64,
    #[error("spec.http.delegate \"{0}\" not found")]
    Delegate(Id),
}

/// The entries of all `VirtualServic`s that can be served.
pub(in crate::gateway) fn entries(
    objects: &[&Arc<DynamicObject>],
    known: &Known<'_>,
    complaints: &mut Vec<Complaint>,
) -> Vec<(Audience, Vec<Entry>)> {
    let mut complain = |object: &DynamicObject, why: &Bad| {
        complaints.push(Complaint::of("networking.istio.io/v1", "VirtualService", &object.metadata, why));
    };
    let mut read = HashMap::new();
    for object in objects {
        match spec(object) {
            Ok(spec) => drop(read.insert(Id::of(&object.metadata), spec)),
            Err(error) => complain(object, &error),
        }
    }
    let mut all = Vec::new();
    for object in objects {
        let id = Id::of(&object.metadata);
        let Some(spec) = read.get(&id) else { continue };
        match (Compiler { id: &id, spec, others: &read, known }).audiences() {
            Ok(audiences) => all.extend(audiences),
            Err(error) => complain(object, &error),
        }
    }
    all
}

fn spec(object: &DynamicObject) -> Result<VirtualService, Bad> {
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    serde_json::from_value(spec).map_err(|error| Bad::Spec(error.to_string()))
}

/// One `VirtualService`, among the others that it may delegate to.
struct Compiler<'a> {
    id: &'a Id,
    spec: &'a VirtualService,
    others: &'a HashMap<Id, VirtualService>,
    known: &'a Known<'a>,
}

impl Compiler<'_> {
    /// Its entries for each of its hosts. One without hosts waits for others to delegate to it.
    fn audiences(&self) -> Result<Vec<(Audience, Vec<Entry>)>, Bad> {
        let gateways = &self.spec.gateways;
        let in_mesh = gateways.is_empty() || gateways.iter().any(|gateway| gateway == MESH);
        let outside: Vec<&str> = gateways.iter().map(String::as_str).filter(|gateway| *gateway != MESH).collect();
        let mut audiences = Vec::new();
        for host in &self.spec.hosts {
            let named = service(&self.id.namespace, host).filter(|id| self.known.services.contains_key(id));
            match named {
                Some(id) if in_mesh => {
                    let entries = self.for_service(&id)?;
                    audiences.push((Audience::Service(id), entries));
                }
                // Its name is asked for in the mesh only, and there this is not known.
                Some(_) => {}
                None => {
                    let through = if outside.is_empty() { &[MESH][..] } else { &outside };
                    audiences.push((Audience::Host(host.clone()), self.entries(through, GATEWAY_PORT)?));
                }
            }
        }
        Ok(audiences)
    }

    /// Its entries for a Service: for each port that may be asked for.
    fn for_service(&self, id: &Id) -> Result<Vec<Entry>, Bad> {
        let ports = self.known.services.get(id).map_or(&[][..], Vec::as_slice);
        if let [] | [_] = ports {
            return self.entries(&[MESH], ports.first().map_or(GATEWAY_PORT, |(port, _)| *port));
        }
        let mut all = Vec::new();
        for (port, _) in ports {
            let asked = Matcher { conditions: vec![super::super::matching::Condition::Port(*port)] };
            let entries = self.entries(&[MESH], *port)?;
            all.extend(
                entries.into_iter().map(|entry| Entry { matcher: Arc::new(asked.and(&entry.matcher)), ..entry }),
            );
        }
        Ok(all)
    }

    /// Its entries for requests through any of these gateways at a port.
    fn entries(&self, through: &[&str], port: u16) -> Result<Vec<Entry>, Bad> {
        let mut entries = Vec::new();
        for route in &self.spec.http {
            let matchers = matchers(&route.matches, through)?;
            match &route.delegate {
                None => {
                    let rule = Arc::new(self.rule(route, port)?);
                    entries.extend(matchers.into_iter().map(|matcher| entry(matcher, &rule)));
                }
                Some(delegate) => {
                    let namespace = delegate.namespace.as_deref().unwrap_or(&self.id.namespace);
                    let id = Id::new(namespace, &delegate.name);
                    let spec = self.others.get(&id).ok_or_else(|| Bad::Delegate(id.clone()))?;
                    let delegate = Compiler { id: &id, spec, others: self.others, known: self.known };
                    entries.extend(delegate.on_behalf(&matchers, through, port)?);
                }
            }
        }
        Ok(entries)
    }

    /// Its entries where another one's matches hold. A delegate does not delegate.
    fn on_behalf(&self, outer: &[Matcher], through: &[&str], port: u16) -> Result<Vec<Entry>, Bad> {
        let mut entries = Vec::new();
        for route in self.spec.http.iter().filter(|route| route.delegate.is_none()) {
            let rule = Arc::new(self.rule(route, port)?);
            for inner in matchers(&route.matches, through)? {
                entries.extend(outer.iter().map(|outer| entry(outer.and(&inner), &rule)));
            }
        }
        Ok(entries)
    }

    fn rule(&self, route: &Route, port: u16) -> Result<Rule, Bad> {
        let alone = route.destinations.len() == 1;
        let backend = |written: &spec::Weighted| {
            Ok(Weighted {
                // All traffic goes to a destination without others, whatever its weight.
                weight: if alone { 100 } else { written.weight },
                backend: resolve(&self.id.namespace, &written.destination, port, self.known),
                filters: Filters {
                    request: edits(&written.headers.request)?,
                    response: edits(&written.headers.response)?,
                    ..Filters::default()
                },
                mirrors: Vec::new(),
            })
        };
        Ok(Rule {
            origin: Origin::VirtualService(self.id.clone()),
            filters: filters(route)?,
            cors: route.cors_policy.as_ref().map(cors).transpose()?,
            faults: faults(&route.fault)?,
            backends: route.destinations.iter().map(backend).collect::<Result<_, _>>()?,
            alternative: None,
            mirrors: self.mirrors(route, port),
            timeout: span("timeout", route.timeout.as_deref())?,
            retries: route.retries.as_ref().map(retries).transpose()?,
        })
    }

    fn mirrors(&self, route: &Route, port: u16) -> Vec<Shadow> {
        let shadow = |destination: &Destination, percent: Option<Percent>| {
            let share = percent.map_or(1.0, Percent::share);
            Some(Shadow { backend: resolve(&self.id.namespace, destination, port, self.known).ok()?, share })
        };
        let one = route.mirror.iter().map(|mirror| (mirror, route.mirror_percentage));
        let several = route.mirrors.iter().map(|mirror| (&mirror.destination, mirror.percentage));
        one.chain(several).filter_map(|(destination, percent)| shadow(destination, percent)).collect()
    }
}

fn entry(matcher: Matcher, rule: &Arc<Rule>) -> Entry {
    Entry { rank: Rank::VirtualService, matcher: Arc::new(matcher), rule: Arc::clone(rule) }
}

/// What a route asks of requests through any of these gateways; nothing takes everything.
fn matchers(written: &[Match], through: &[&str]) -> Result<Vec<Matcher>, Bad> {
    if written.is_empty() {
        return Ok(vec![Matcher::default()]);
    }
    let here = |written: &&Match| {
        written.gateways.is_empty() || written.gateways.iter().any(|gateway| through.contains(&gateway.as_str()))
    };
    written.iter().filter(here).map(|written| matcher(written).map_err(Bad::Match)).collect()
}

fn filters(route: &Route) -> Result<Filters, Bad> {
    let Headers { request, response } = &route.headers;
    let rewrite = &route.rewrite;
    let path = match (&rewrite.regex, &rewrite.uri) {
        (Some(regex), _) => {
            let pattern = super::super::matching::part("rewrite.uriRegexRewrite.match", &regex.pattern);
            Some(Rewrite::Regex(pattern.map_err(Bad::Match)?, groups(&regex.rewrite)))
        }
        (None, Some(uri)) => Some(Rewrite::Start(uri.clone())),
        (None, None) => None,
    };
    let hostname = rewrite.authority.as_deref().map(header_value).transpose().map_err(Bad::Header)?;
    let redirect = route.redirect.as_ref().map(|written| Redirect {
        scheme: written.scheme.clone(),
        hostname: written.authority.clone(),
        port: written.port,
        path: written.uri.clone().map(Rewrite::Full),
        // Unlike in the Gateway API, it is for ever unless said.
        status: Some(written.status.unwrap_or(301)),
    });
    let direct = route.direct_response.as_ref().map(direct).transpose()?;
    Ok(Filters { request: edits(request)?, response: edits(response)?, hostname, path, redirect, direct })
}

fn direct(written: &spec::DirectResponse) -> Result<Direct, Bad> {
    let body = match &written.body {
        spec::DirectBody { string: Some(text), .. } => text.clone().into(),
        spec::DirectBody { bytes: Some(bytes), .. } => STANDARD.decode(bytes).map_err(|_| Bad::Base64)?.into(),
        spec::DirectBody { .. } => Bytes::new(),
    };
    Ok(Direct { status: status("directResponse.status", written.status)?, body })
}

/// Without a percentage they hit nothing, as in Istio.
fn faults(written: &spec::Fault) -> Result<Faults, Bad> {
    let delay = written.delay.as_ref().map(|delay| {
        let what = span("fault.delay.fixedDelay", Some(&delay.fixed))?.unwrap_or_default();
        let older = Percent { value: f64::from(delay.percent) };
        Ok(Fault { share: delay.percentage.unwrap_or(older).share(), what })
    });
    let abort = written.abort.as_ref().and_then(|abort| Some((abort, abort.http_status?))).map(|(abort, code)| {
        Ok(Fault { share: abort.percentage.unwrap_or_default().share(), what: status("fault.abort.httpStatus", code)? })
    });
    Ok(Faults { delay: delay.transpose()?, abort: abort.transpose()? })
}

fn status(field: &'static str, code: u16) -> Result<StatusCode, Bad> {
    // What is below is no answer, and ends no exchange.
    StatusCode::from_u16(code).ok().filter(|_| 200 <= code).ok_or(Bad::Status(field, code))
}

/// Groups are `\1` in Envoy, and `${1}` here.
fn groups(rewrite: &str) -> String {
    let mut out = String::new();
    let mut letters = rewrite.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                out.extend(["${", digit.encode_utf8(&mut [0; 4]), "}"]);
                letters.next();
            }
            ('$', _) => out.push_str("$$"),
            (letter, _) => out.push(letter),
        }
    }
    out
}

fn edits(written: &spec::HeaderOperations) -> Result<Vec<Edit>, Bad> {
    let set = written.set.iter().map(|(name, value)| Edit::set(name, value));
    let add = written.add.iter().map(|(name, value)| Edit::add(name, value));
    let remove = written.remove.iter().map(|name| Edit::remove(name));
    set.chain(add).chain(remove).collect::<Result<_, _>>().map_err(Bad::Header)
}

fn cors(written: &spec::Cors) -> Result<Cors, Bad> {
    const FIELD: &str = "corsPolicy.allowOrigins";
    // The older form knows `*`, and nothing else that is not exact.
    let older = |origin: &String| match origin.as_str() {
        "*" => whole(FIELD, ".*").map(Test::Regex),
        _ => Ok(Test::Exact(origin.clone())),
    };
    let newer = written.allow_origins.iter().map(|origin| test(FIELD, origin));
    let origins = written.allow_origin.iter().map(older).chain(newer);
    Ok(Cors {
        origins: origins.collect::<Result<_, _>>().map_err(Bad::Match)?,
        methods: written.allow_methods.clone(),
        headers: written.allow_headers.clone(),
        exposed: written.expose_headers.clone(),
        max_age: span("corsPolicy.maxAge", written.max_age.as_deref())?,
        credentials: written.allow_credentials.unwrap_or(false),
    })
}

fn retries(written: &spec::Retries) -> Result<Retries, Bad> {
    let timeout = span("retries.perTryTimeout", written.per_try_timeout.as_deref())?;
    Ok(Retries::read(written.attempts, timeout, &written.retry_on))
}

/// A duration; none and zero are no bound.
fn span(field: &'static str, written: Option<&str>) -> Result<Option<Duration>, Bad> {
    let Some(text) = written else { return Ok(None) };
    let span = duration::parse(text).ok_or_else(|| Bad::Duration(field, text.to_owned()))?;
    Ok((!span.is_zero()).then_some(span))
}

#[cfg(test)]
mod tests;
