//! Session affinity as rules: requests with a run's cookie go to the side that gave it.
//!
//! While the canary has traffic there are up to three rules: for users of the canary, for users of the primary, and for
//! everybody else, who is shared out by weight and given a cookie. Afterwards users of the canary are told to forget theirs.
//!
//! Quirk: a service's own conditions on headers hold beside the cookie. (In Flagger the cookie replaces them.)

use api::SessionAffinity;
use rollout::traffic::Split;

use super::route::{Filter, Header, HeaderModifier, Rule, ValueMatch};
use crate::Context;
use crate::cookies::{Cookie, Cookies};

/// The rules that keep users on their side, with the rule that shares requests by weight as the last.
pub(super) fn around(cx: &Context<'_>, settings: &SessionAffinity, split: Split, mut weighted: Rule) -> Vec<Rule> {
    let (canary, primary) = match Cookies::of(cx, settings, split) {
        Cookies::Kept { canary, primary } => (canary, primary),
        Cookies::Forgotten(cookie) => {
            let forgetting = cookie.map(|cookie| {
                let mut rule = sticky(&weighted, &cookie);
                set_cookie(&mut rule.filters, cookie.set);
                rule
            });
            return forgetting.into_iter().chain([weighted]).collect();
        }
    };
    let plain = weighted.clone();
    let mut rules = vec![to(&cx.canary(), sticky(&plain, &canary))];
    give(&mut weighted, &cx.canary(), canary.set);
    if let Some(cookie) = primary {
        rules.push(to(&cx.primary(), sticky(&plain, &cookie)));
        give(&mut weighted, &cx.primary(), cookie.set);
    }
    rules.push(weighted);
    rules
}

/// The same rule for requests that carry the cookie.
fn sticky(rule: &Rule, cookie: &Cookie) -> Rule {
    let carries =
        ValueMatch { name: "Cookie".to_owned(), kind: "RegularExpression".to_owned(), value: cookie.pattern.clone() };
    let mut rule = rule.clone();
    for conditions in &mut rule.matches {
        conditions.headers.insert(0, carries.clone());
    }
    rule
}

/// The same rule with all requests for one of its backends.
fn to(backend: &str, mut rule: Rule) -> Rule {
    for side in &mut rule.backend_refs {
        side.weight = if side.name == backend { 100 } else { 0 };
    }
    rule
}

/// Lets answers of a backend set a cookie.
fn give(rule: &mut Rule, backend: &str, cookie: String) {
    if let Some(side) = rule.backend_refs.iter_mut().find(|side| side.name == backend) {
        set_cookie(&mut side.filters, cookie);
    }
}

/// A rule may have one modifier of responses at most, so that an existing one is extended.
fn set_cookie(filters: &mut Vec<Filter>, value: String) {
    let header = Header { name: "Set-Cookie".to_owned(), value };
    match filters.iter_mut().find_map(|filter| filter.response_header_modifier.as_mut()) {
        Some(modifier) => modifier.add.push(header),
        None => filters.push(Filter {
            kind: "ResponseHeaderModifier".to_owned(),
            response_header_modifier: Some(HeaderModifier { add: vec![header], ..HeaderModifier::default() }),
            ..Filter::default()
        }),
    }
}
