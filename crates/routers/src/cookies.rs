//! Session affinity as cookies: what routes look for and what they have browsers keep, whatever kind of object they are.
//!
//! *Quirks.*
//! * What tells a browser to forget a cookie has the attributes that it was given with: another domain or path would be
//!   another cookie. (Flagger sends none.)
//! * With all traffic on the canary nobody is kept on the primary, which may be what has to be left.

use api::SessionAffinity;
use rollout::affinity;
use rollout::traffic::Split;

use crate::Context;

/// Lifetime in seconds of a cookie that names none.
const MAX_AGE_SECS: i32 = 86_400;

/// What a route does about cookies.
pub(crate) enum Cookies {
    /// While the canary has traffic, users stay on the side that answered first.
    Kept {
        /// For users of the canary.
        canary: Cookie,
        /// For users of the primary, if they are to stay there.
        primary: Option<Cookie>,
    },
    /// Afterwards users of the canary are told to forget theirs, if there was one.
    Forgotten(Option<Cookie>),
}

/// One cookie.
pub(crate) struct Cookie {
    /// The regular expression by which requests that carry it are found.
    pub(crate) pattern: String,
    /// The value of the `Set-Cookie` header that gives it to a browser, or has the browser forget it.
    pub(crate) set: String,
}

impl Cookies {
    /// What the canary asks for while traffic flows like this.
    pub(crate) fn of(cx: &Context<'_>, settings: &SessionAffinity, split: Split) -> Self {
        let status = cx.canary.status.clone().unwrap_or_default();
        let uid = cx.canary.metadata.uid.as_deref().unwrap_or_default();
        if split.canary_weight() == 0 {
            return Self::Forgotten(
                affinity::forgotten_cookie(&status).map(|cookie| Cookie::new(settings, cookie, -1)),
            );
        }
        let max_age = if 0 < settings.max_age { settings.max_age } else { MAX_AGE_SECS };
        let canary = affinity::canary_cookie(settings, uid, &status);
        let primary = affinity::primary_cookie(settings, uid, &status).filter(|_| split.canary_weight() < 100);
        Self::Kept {
            canary: Cookie::new(settings, &canary, max_age.into()),
            primary: primary.map(|cookie| Cookie::new(settings, &cookie, step_secs(cx))),
        }
    }
}

impl Cookie {
    /// The cookie `name=value`.
    fn new(settings: &SessionAffinity, cookie: &str, max_age_secs: i64) -> Self {
        let (name, value) = cookie.split_once('=').unwrap_or((cookie, ""));
        Self { pattern: format!(".*{name}.*{value}.*"), set: with_attributes(settings, cookie, max_age_secs) }
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
