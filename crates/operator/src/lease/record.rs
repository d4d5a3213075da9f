//! The Lease object: what is read from it and written into it, as client-go's leader election does, so that its replicas and
//! ours respect each other. Plain values, without a clock or a client.

use std::time::Duration;

use jiff::Timestamp;
use ports::{Key, Object, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long the holder of a lease may be silent before another replica takes it.
pub(super) const DURATION: Duration = Duration::from_secs(4);

/// The duration that client-go writes when it hands a lease back: zero is not allowed.
const RELEASED_SECS: u64 = 1;

/// What a replica knows about the lease.
pub(super) struct Candidate {
    key: Key,
    identity: String,
    /// The state of the lease that was seen last, and when it was first seen to be so.
    ///
    /// Time is counted from there on this machine's clock: the clocks of others are of no use.
    observed: Option<(Record, Instant)>,
}

/// What the state of the lease asks of a candidate.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    /// Create this object: there is none.
    Create(Value),
    /// Replace the object by this one: it is ours, nobody's, or its holder was silent for too long.
    Take(Value),
    /// It is this holder's, unless it stays silent until then.
    Wait {
        /// Its identity.
        holder: String,
        /// When the lease may be taken.
        until: Instant,
    },
}

/// The fields of a lease that tell one state from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Record {
    holder: String,
    renewed: String,
    duration: Duration,
    transitions: u64,
}

impl Candidate {
    pub(super) fn new(key: Key, identity: String) -> Self {
        Self { key, identity, observed: None }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Who holds the lease according to `found`, when it is somebody else.
    pub(super) fn rival(&self, found: &Object) -> Option<String> {
        Some(Record::of(found).holder).filter(|holder| !holder.is_empty() && *holder != self.identity)
    }

    /// What to do about the lease as it was `found` at `seen`; `now` is the time of the world.
    pub(super) fn consider(&mut self, found: Option<&Object>, seen: Instant, now: Timestamp) -> Turn {
        let Some(found) = found else { return Turn::Create(self.fresh(now)) };
        let record = Record::of(found);
        let since = match &self.observed {
            Some((known, since)) if *known == record => *since,
            _ => seen,
        };
        let until = since + record.duration;
        self.observed = Some((record, since));
        match self.rival(found) {
            Some(holder) if seen < until => Turn::Wait { holder, until },
            _ => Turn::Take(self.renewed(found, now)),
        }
    }

    /// The lease with a sign of life from us, as its holder.
    pub(super) fn renewed(&self, found: &Object, now: Timestamp) -> Value {
        let before = Record::of(found);
        let mut lease = Value::clone(found);
        let moved = before.holder != self.identity;
        lease["spec"]["holderIdentity"] = json!(self.identity);
        lease["spec"]["leaseDurationSeconds"] = json!(DURATION.as_secs());
        lease["spec"]["renewTime"] = json!(micro_time(now));
        if moved {
            lease["spec"]["acquireTime"] = json!(micro_time(now));
            lease["spec"]["leaseTransitions"] = json!(before.transitions.saturating_add(1));
        }
        lease
    }

    /// The lease as nobody's, so that another replica need not wait.
    pub(super) fn released(&self, found: &Object, now: Timestamp) -> Value {
        let mut lease = self.renewed(found, now);
        lease["spec"]["holderIdentity"] = json!("");
        lease["spec"]["leaseDurationSeconds"] = json!(RELEASED_SECS);
        lease["spec"]["acquireTime"] = json!(micro_time(now));
        lease
    }

    /// A lease of ours where there is none.
    pub(super) fn fresh(&self, now: Timestamp) -> Value {
        let now = micro_time(now);
        json!({
            "apiVersion": kinds::LEASE.api_version(),
            "kind": kinds::LEASE.kind,
            "metadata": {"namespace": self.key.namespace, "name": self.key.name},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": DURATION.as_secs(),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        })
    }
}

impl Record {
    fn of(lease: &Value) -> Self {
        let spec = &lease["spec"];
        let text = |name: &str| spec[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| spec[name].as_u64().unwrap_or_default();
        Self {
            holder: text("holderIdentity"),
            renewed: text("renewTime"),
            duration: Duration::from_secs(number("leaseDurationSeconds")),
            transitions: number("leaseTransitions"),
        }
    }
}

/// The form of `MicroTime`.
fn micro_time(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn candidate() -> Candidate {
        Candidate::new(Key::new(kinds::LEASE, "flagger-system", "flagger-leader-election"), "us".to_owned())
    }

    /// A lease as client-go writes it.
    fn lease(holder: &str, renewed: &str) -> Object {
        Arc::new(json!({
            "metadata": {"name": "flagger-leader-election", "resourceVersion": "7", "labels": {"team": "a"}},
            "spec": {
                "holderIdentity": holder, "leaseDurationSeconds": 60, "leaseTransitions": 3,
                "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": renewed, "strategy": "OldestEmulationVersion",
            },
        }))
    }

    fn now() -> Timestamp {
        "2026-01-01T12:00:00.1234567Z".parse().unwrap()
    }

    #[test]
    fn a_holder_that_shows_signs_of_life_is_respected_for_as_long_as_its_own_lease_says() {
        let (mut us, start) = (candidate(), Instant::now());
        let at = |secs| start + Duration::from_secs(secs);
        let wait = |until| Turn::Wait { holder: "them".to_owned(), until };
        assert_eq!(us.consider(Some(&lease("them", "a")), at(0), now()), wait(at(60)), "whatever its clock says");
        assert_eq!(us.consider(Some(&lease("them", "a")), at(30), now()), wait(at(60)));
        assert_eq!(us.consider(Some(&lease("them", "b")), at(59), now()), wait(at(119)), "it was renewed");
        assert!(matches!(us.consider(Some(&lease("them", "b")), at(119), now()), Turn::Take(_)));
    }

    #[test]
    fn taking_a_lease_counts_a_transition_and_keeps_what_is_not_ours() {
        let (mut us, start) = (candidate(), Instant::now());
        let Turn::Take(taken) = us.consider(Some(&lease("", "a")), start, now()) else { panic!("it is nobody's") };
        let expected = json!({
            "metadata": {"name": "flagger-leader-election", "resourceVersion": "7", "labels": {"team": "a"}},
            "spec": {
                "holderIdentity": "us", "leaseDurationSeconds": 4, "leaseTransitions": 4,
                "acquireTime": "2026-01-01T12:00:00.123456Z", "renewTime": "2026-01-01T12:00:00.123456Z",
                "strategy": "OldestEmulationVersion",
            },
        });
        assert_eq!(taken, expected);
        let renewed = us.renewed(&Arc::new(taken), "2026-01-01T12:00:01Z".parse().unwrap());
        assert_eq!(renewed["spec"]["acquireTime"], "2026-01-01T12:00:00.123456Z");
        assert_eq!(renewed["spec"]["renewTime"], "2026-01-01T12:00:01.000000Z");
        assert_eq!(renewed["spec"]["leaseTransitions"], 4);
    }

    #[test]
    fn a_lease_that_is_handed_back_may_be_taken_at_once() {
        let (us, start) = (candidate(), Instant::now());
        let released: Object = Arc::new(us.released(&lease("us", "a"), now()));
        let mut them = Candidate::new(us.key().clone(), "them".to_owned());
        assert!(matches!(them.consider(Some(&released), start, now()), Turn::Take(_)));
    }
}
