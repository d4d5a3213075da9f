//! Session affinity as rules: requests with a run's cookie go to the side that gave it.
//!
//! While the canary has traffic there are up to three rules: for users of the canary, for users of the primary, and for
//! everybody else, who is shared out by weight and given a cookie. Afterwards users of the canary are told to forget theirs.
//!
//! *Quirks.*
//! * What tells a browser to forget a cookie has the attributes that it was given with: another domain or path would be
//!   another cookie. (Flagger sends none.)
//! * With all traffic on the canary nobody is kept on the primary, which may be what has to be left.
//! * A service's own conditions on headers hold beside the cookie. (In Flagger the cookie replaces them.)

use api::SessionAffinity;
use rollout::affinity;
use rollout::traffic::Split;

use super::route::{Filter, Header, HeaderModifier, Rule, ValueMatch};
use crate::Context;

/// Lifetime in seconds of a cookie that names none.
const MAX_AGE_SECS: i32 = 86_400;

/// The rules that keep users on their side, with the rule that shares requests by weight as the last.
pub(super) fn around(cx: &Context<'_>, settings: &SessionAffinity, split: Split, mut weighted: Rule) -> Vec<Rule> {
    let status = cx.canary.status.clone().unwrap_or_default();
    let uid = cx.canary.metadata.uid.as_deref().unwrap_or_default();
    if split.canary_weight() == 0 {
        let forgetting = affinity::forgotten_cookie(&status).map(|cookie| {
            let mut rule = sticky(&weighted, cookie);
            set_cookie(&mut rule.filters, with_attributes(settings, cookie, -1));
            rule
        });
        return forgetting.into_iter().chain([weighted]).collect();
    }
    let plain = weighted.clone();
    let cookie = affinity::canary_cookie(settings, uid, &status);
    let mut rules = vec![to(&cx.canary(), sticky(&plain, &cookie))];
    let max_age = if 0 < settings.max_age { settings.max_age } else { MAX_AGE_SECS };
    give(&mut weighted, &cx.canary(), with_attributes(settings, &cookie, max_age.into()));
    let for_primary = affinity::primary_cookie(settings, uid, &status).filter(|_| split.canary_weight() < 100);
    if let Some(cookie) = for_primary {
        rules.push(to(&cx.primary(), sticky(&plain, &cookie)));
        give(&mut weighted, &cx.primary(), with_attributes(settings, &cookie, step_secs(cx)));
    }
    rules.push(weighted);
    rules
}

/// The same rule for requests that carry the cookie.
fn sticky(rule: &Rule, cookie: &str) -> Rule {
    let (name, value) = cookie.split_once('=').unwrap_or((cookie, ""));
    let carries = ValueMatch {
        name: "Cookie".to_owned(),
        kind: "RegularExpression".to_owned(),
        value: format!(".*{name}.*{value}.*"),
    };
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

/// The value of `Set-Cookie`.
fn with_attributes(settings: &SessionAffinity, cookie: &str, max_age_secs: i64) -> String {
    let valued = |name: &str, value: Option<&str>| {
        value.filter(|value| !value.is_empty()).map(|value| format!("{name}={value}"))
    };
    let flag = |name: &str, on: bool| on.then(|| name.to_owned());
    let attributes = [
        Some(format!("{cookie}; Max-Age={max_age_secs}")),
        valued("Domain", settings.domain.as_deref()),
        flag("HttpOnly", settings.http_only),
        flag("Partitioned", settings.partitioned),
        valued("Path", settings.path.as_deref()),
        valued("SameSite", settings.same_site.map(api::SameSite::as_str)),
        flag("Secure", settings.secure),
    ];
    attributes.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The length of a step.
fn step_secs(cx: &Context<'_>) -> i64 {
    i64::try_from(rollout::interval(&cx.canary.spec.analysis.interval).as_secs()).unwrap_or(i64::MAX)
}
