//! Session affinity as rules: requests with a run's cookie go to the side that gave it.
//!
//! While the canary has traffic there are up to three rules: for users of the canary, for users of the primary, and for
//! everybody else, who is shared out by weight and given a cookie. Afterwards users of the canary are told to forget theirs.
//!
//! Quirk: a service's own conditions on headers hold beside the cookie, unless they are on the header `Cookie` itself: a
//! condition has one text for each header. (In Flagger the cookie replaces them all.)

use api::SessionAffinity;
use rollout::traffic::Split;
use serde_json::{Value, json};

use super::virtual_service::HttpRule;
use crate::Context;
use crate::cookies::{Cookie, Cookies};

/// The rules that keep users on their side, with the rule that shares requests by weight as the last.
pub(super) fn around(
    cx: &Context<'_>,
    settings: &SessionAffinity,
    split: Split,
    mut weighted: HttpRule,
) -> Vec<HttpRule> {
    let (canary, primary) = match Cookies::of(cx, settings, split) {
        Cookies::Kept { canary, primary } => (canary, primary),
        Cookies::Forgotten(cookie) => {
            let forgetting = cookie.map(|cookie| {
                let mut rule = sticky(&weighted, &cookie);
                set_cookie(&mut rule.headers, &cookie.set);
                rule
            });
            return forgetting.into_iter().chain([weighted]).collect();
        }
    };
    let plain = weighted.clone();
    let mut rules = vec![to(&cx.canary(), sticky(&plain, &canary))];
    give(&mut weighted, &cx.canary(), &canary.set);
    if let Some(cookie) = primary {
        rules.push(to(&cx.primary(), sticky(&plain, &cookie)));
        give(&mut weighted, &cx.primary(), &cookie.set);
    }
    rules.push(weighted);
    rules
}

/// The same rule for requests that carry the cookie.
fn sticky(rule: &HttpRule, cookie: &Cookie) -> HttpRule {
    let mut rule = rule.clone();
    if rule.matches.is_empty() {
        rule.matches.push(json!({}));
    }
    for condition in &mut rule.matches {
        condition["headers"]["Cookie"] = json!({"regex": cookie.pattern});
    }
    rule
}

/// The same rule with all requests for one of its hosts.
fn to(host: &str, mut rule: HttpRule) -> HttpRule {
    for side in &mut rule.route {
        side.weight = Some(if side.destination.host == host { 100 } else { 0 });
    }
    rule
}

/// Lets answers of a host set a cookie.
fn give(rule: &mut HttpRule, host: &str, cookie: &str) {
    if let Some(side) = rule.route.iter_mut().find(|side| side.destination.host == host) {
        set_cookie(&mut side.headers, cookie);
    }
}

fn set_cookie(headers: &mut Option<Value>, cookie: &str) {
    headers.get_or_insert_with(|| json!({}))["response"]["add"]["Set-Cookie"] = cookie.into();
}
