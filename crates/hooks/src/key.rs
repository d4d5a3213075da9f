//! What makes two calls the same call: the idempotency key.

use std::fmt::Write;

use api::{CanaryStatus, HookType, Phase};
use http::HeaderValue;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::checksum;

/// The digest bytes that a key shows.
const SHOWN_BYTES: usize = 16;

/// The name of one call, for the header `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

/// Which call of a hook it is.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The canary's `metadata.uid`.
    pub uid: &'a str,
    /// The revision that the call is about.
    pub revision: &'a str,
    /// The status that the decision began with: it stays as it is until the decision is carried out.
    pub status: &'a CanaryStatus,
    /// The phase that the hook is told.
    pub phase: Phase,
    /// When the hook is called.
    pub kind: HookType,
    /// Place of the hook in the canary.
    pub place: usize,
    /// The hook's name.
    pub name: &'a str,
    /// Counts the times that the hook is asked while the status stays as it is, as a gate is that stays closed.
    pub turn: i64,
}

impl Key {
    /// The key that these parts make, whose borders count.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().iter().take(SHOWN_BYTES).fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    /// The key of a hook's call: the same for every attempt at it, and again after a restart in its middle.
    pub fn of_call(call: &Call<'_>) -> Self {
        let Call { status, .. } = call;
        let time = |time: Timestamp| time.as_second().to_string();
        Self::of([
            call.uid,
            call.revision,
            checksum(status).as_str(),
            status.last_transition_time.map(time).unwrap_or_default().as_str(),
            status.canary_weight.to_string().as_str(),
            status.iterations.to_string().as_str(),
            status.failed_checks.to_string().as_str(),
            call.phase.as_str(),
            call.kind.as_str(),
            call.place.to_string().as_str(),
            call.name,
            call.turn.to_string().as_str(),
        ])
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("hexadecimal digits are valid in a header")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(status: &CanaryStatus) -> Call<'_> {
        Call {
            uid: "5d1b",
            revision: "v1.a",
            status,
            phase: Phase::Progressing,
            kind: HookType::Rollout,
            place: 0,
            name: "load-test",
            turn: 1,
        }
    }

    #[test]
    fn a_repeated_call_has_the_same_key_and_every_other_call_another() {
        let status = CanaryStatus { canary_weight: 20, ..CanaryStatus::default() };
        let key = Key::of_call(&call(&status));
        assert_eq!(Key::of_call(&call(&status)), key);
        let next_step = CanaryStatus { canary_weight: 40, ..status.clone() };
        let others = [
            call(&next_step),
            Call { uid: "77aa", ..call(&status) },
            Call { revision: "v1.b", ..call(&status) },
            Call { kind: HookType::PreRollout, ..call(&status) },
            Call { place: 1, ..call(&status) },
            Call { name: "acceptance", ..call(&status) },
            Call { turn: 2, ..call(&status) },
        ];
        for other in others {
            assert_ne!(Key::of_call(&other), key, "{other:?}");
        }
        assert_ne!(Key::of(["ab", "c"]), Key::of(["a", "bc"]));
    }
}
