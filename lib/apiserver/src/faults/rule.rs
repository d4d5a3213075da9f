//! Which requests a rule is about.

use http::Method;
use http::header::USER_AGENT;
use http::request::Parts;

use super::Fault;
use crate::query::Query;
use crate::route::{Place, Route};

/// Which requests meet a fault, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The verbs; none means all but [`Verb::Discover`].
    pub verbs: Vec<Verb>,
    /// The resources as `deployments` or `canaries/status`; none means all.
    pub resources: Vec<String>,
    /// What the client's user agent begins with; empty for any client.
    pub agent: String,
    /// What the field manager begins with; empty for any.
    pub manager: String,
    /// The share of these requests that meets the fault, from 0 to 1.
    pub share: f64,
    /// How many do at most; nothing for any number.
    pub times: Option<u32>,
    /// What they meet. Requests that can't meet it are passed over.
    pub fault: Fault,
}

/// What is asked of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Creating an object, or anything else that is posted.
    Create,
    /// Deleting an object.
    Delete,
    /// Deleting all objects that are selected.
    DeleteCollection,
    /// Asking what there is: versions, groups, `OpenAPI`. Probes of health never meet a fault.
    Discover,
    /// Reading an object.
    Get,
    /// Reading many.
    List,
    /// Changing some fields of an object.
    Patch,
    /// Replacing an object.
    Update,
    /// Following many.
    Watch,
}

/// What a request asks for.
pub(super) struct Asked<'a> {
    pub(super) verb: Verb,
    pub(super) place: Option<Place<'a>>,
    /// A watch from a revision, or a page after the first.
    pub(super) continues: bool,
    agent: &'a str,
    manager: String,
}

impl Rule {
    /// Every request meets the fault; narrow it down from here.
    pub fn of(fault: Fault) -> Rule {
        Rule {
            verbs: Vec::new(),
            resources: Vec::new(),
            agent: String::new(),
            manager: String::new(),
            share: 1.0,
            times: None,
            fault,
        }
    }

    pub(super) fn is_about(&self, asked: &Asked<'_>) -> bool {
        let verb = if self.verbs.is_empty() { asked.verb != Verb::Discover } else { self.verbs.contains(&asked.verb) };
        let resource = || self.resources.is_empty() || self.resources.iter().any(|resource| asked.is_on(resource));
        let client = || asked.agent.starts_with(&self.agent) && asked.manager.starts_with(&self.manager);
        verb && client() && resource() && self.fault.suits(asked)
    }
}

impl<'a> Asked<'a> {
    /// Nothing for probes, which tell of the process and not of the API.
    pub(super) fn of(parts: &'a Parts) -> Option<Asked<'a>> {
        let path = parts.uri.path();
        if matches!(path, "/healthz" | "/livez" | "/readyz") {
            return None;
        }
        let place = match Route::parse(path) {
            Some(Route::Resource(place)) => Some(place),
            _ => None,
        };
        let query = Query::parse(&parts.uri);
        let verb = place.map_or(Verb::Discover, |place| verb(&parts.method, &place, &query));
        let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let manager = query.get("fieldManager").unwrap_or(agent.split('/').next().unwrap_or_default()).to_owned();
        let from = query.get("resourceVersion").is_some_and(|revision| revision != "0");
        let continues = match verb {
            Verb::Watch => from,
            Verb::List => query.get("continue").is_some(),
            _ => false,
        };
        Some(Asked { verb, place, continues, agent, manager })
    }

    /// Verb, kind and namespace as a number (FNV-1a): the same for the same requests in every build.
    pub(super) fn hash(&self) -> u64 {
        let place = self.place.as_ref();
        let text = |part: Option<&'a str>| part.unwrap_or_default();
        let words = [
            text(place.map(|place| place.plural)),
            text(place.and_then(|place| place.subresource)),
            text(place.and_then(|place| place.namespace)),
        ];
        let bytes = words.iter().flat_map(|word| word.bytes().chain([0])).chain([self.verb as u8]);
        bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
    }

    fn is_on(&self, resource: &str) -> bool {
        let (plural, subresource) = match resource.split_once('/') {
            Some((plural, subresource)) => (plural, Some(subresource)),
            None => (resource, None),
        };
        self.place.is_some_and(|place| place.plural == plural && place.subresource == subresource)
    }
}

fn verb(method: &Method, place: &Place<'_>, query: &Query) -> Verb {
    let watches = place.watch || query.flag("watch").unwrap_or(false);
    match (method.as_str(), place.name) {
        ("PUT", _) => Verb::Update,
        ("PATCH", _) => Verb::Patch,
        ("DELETE", Some(_)) => Verb::Delete,
        ("DELETE", None) => Verb::DeleteCollection,
        ("GET", None) if watches => Verb::Watch,
        ("GET", None) => Verb::List,
        ("GET", Some(_)) => Verb::Get,
        _ => Verb::Create,
    }
}
