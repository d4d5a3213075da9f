//! Session affinity: the cookies by which a user stays on the side that answered first.
//!
//! A cookie's value follows from the canary and the revision that is released. So a step that is repeated after a crash gives
//! users the same one, and the router that writes it needs nothing but the status.

use api::{CanaryStatus, SessionAffinity};

use crate::plan::Plan;

/// Letters in a value, and the alphabet that they are from: as many and the same as in Flagger.
const LETTERS: usize = 10;
const ALPHABET: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The cookie that pins users to the canary in the run that the status tells of, as `name=value`.
pub fn canary_cookie(affinity: &SessionAffinity, uid: &str, status: &CanaryStatus) -> String {
    kept(&status.session_affinity_cookie, || format!("{}={}", affinity.cookie_name, value("canary", uid, status)))
}

/// The cookie that pins users to the primary for the length of a step, as `name=value`, if the canary asks for one.
pub fn primary_cookie(affinity: &SessionAffinity, uid: &str, status: &CanaryStatus) -> Option<String> {
    let name = affinity.primary_cookie_name.as_deref().filter(|name| !name.is_empty())?;
    Some(kept(&status.primary_session_affinity_cookie, || format!("{name}={}", value("primary", uid, status))))
}

/// The cookie of a run that is over, which browsers are told to forget.
pub fn forgotten_cookie(status: &CanaryStatus) -> Option<&str> {
    let candidates = [&status.session_affinity_cookie, &status.previous_session_affinity_cookie];
    candidates.into_iter().map(String::as_str).find(|cookie| !cookie.is_empty())
}

/// Notes the cookies of a run whose canary has got traffic.
pub(crate) fn begin(plan: &Plan, status: &mut CanaryStatus) {
    let Some(affinity) = &plan.affinity else { return };
    status.session_affinity_cookie = canary_cookie(affinity, &plan.uid, status);
    status.primary_session_affinity_cookie = primary_cookie(affinity, &plan.uid, status).unwrap_or_default();
}

/// The canary has no traffic any more: its cookie becomes the one to forget.
pub(crate) fn end(status: &mut CanaryStatus) {
    let cookie = std::mem::take(&mut status.session_affinity_cookie);
    if !cookie.is_empty() {
        status.previous_session_affinity_cookie = cookie;
    }
    status.primary_session_affinity_cookie.clear();
}

fn kept(stored: &str, new: impl FnOnce() -> String) -> String {
    if stored.is_empty() { new() } else { stored.to_owned() }
}

fn value(side: &str, uid: &str, status: &CanaryStatus) -> String {
    let configs = status.tracked_configs.iter().flatten().flat_map(|(name, sum)| [name.as_str(), sum.as_str()]);
    let parts = [side, uid, status.last_applied_spec.as_str()].into_iter().chain(configs);
    let mut rest = fnv(parts.flat_map(|part| part.bytes().chain([0])));
    let letters = (0..LETTERS).map(|_| {
        let letter = usize::try_from(rest % ALPHABET.len() as u64).unwrap_or_default();
        rest /= ALPHABET.len() as u64;
        char::from(ALPHABET.get(letter).copied().unwrap_or(b'a'))
    });
    letters.collect()
}

/// FNV-1a: it spreads well, and nothing depends on its being hard to guess.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_its_own_cookies_and_keeps_them() {
        let affinity = SessionAffinity {
            cookie_name: "canary".into(),
            primary_cookie_name: Some("primary".into()),
            ..SessionAffinity::default()
        };
        let status = |revision: &str| CanaryStatus { last_applied_spec: revision.into(), ..CanaryStatus::default() };
        let cookie = canary_cookie(&affinity, "5d1b", &status("v1.a"));
        assert_eq!((&cookie[..7], cookie.len()), ("canary=", 17));
        assert_eq!(cookie, canary_cookie(&affinity, "5d1b", &status("v1.a")));
        assert_ne!(cookie, canary_cookie(&affinity, "5d1b", &status("v1.b")));
        assert_ne!(cookie, canary_cookie(&affinity, "77aa", &status("v1.a")));
        assert_ne!(primary_cookie(&affinity, "5d1b", &status("v1.a")).unwrap()[8..], cookie[7..]);
        let taken_over = CanaryStatus { session_affinity_cookie: "canary=fromFlagger".into(), ..status("v1.a") };
        assert_eq!(canary_cookie(&affinity, "5d1b", &taken_over), "canary=fromFlagger");
    }
}
