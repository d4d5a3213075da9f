//! Which of the things that happen become Event objects: a pure function of time.
//!
//! An event that was seen before raises the count of its object; an object that speaks too often is not listened to for a
//! while.
//!
//! Quirk: client-go, whose recorder the original uses, also combines ten different messages within ten minutes into one, and
//! listens to 25 from one object and then to one in five minutes. A release has more to say than that, so that its promotion
//! came out as "(combined from similar events)", and the next release not at all; here sentences stay apart, and the bound
//! is set by what releases need.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use ports::Key;
use serde_json::{Value, json};

use super::lru::Lru;
use super::{Happening, Subject};

/// Events that an object may have at once: several releases of thirty sentences …
const BURST: f64 = 100.0;

/// … and the seconds after which it may have one more: at the shortest interval, a sentence every third step for ever.
const REFILL_SECS: f64 = 30.0;

/// How many kinds, events and objects are remembered; the same bound as client-go's.
const REMEMBERED_MAX: usize = 4096;

/// Who reports, in every event.
const COMPONENT: &str = "flagger";

/// Remembers what has happened, and says what to do with what happens next.
#[derive(Debug)]
pub(super) struct Correlator {
    /// By all of the event.
    written: Lru<Option<Written>>,
    /// By subject.
    budgets: Lru<Option<Budget>>,
    /// The last name's number, so that two events of one nanosecond get two names.
    serial: i128,
}

/// What to do about a happening.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Create this Event object.
    Create(Entry),
    /// Update the Event object that tells the same already.
    Repeat(Entry),
    /// Nothing: this object has said too much lately.
    Drop,
}

/// One Event object to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Name of the object.
    pub(super) name: String,
    /// How often it was seen, this time included.
    pub(super) count: u64,
    /// When it was seen first.
    pub(super) first: Timestamp,
    /// When it was seen last.
    pub(super) last: Timestamp,
}

#[derive(Clone, Debug)]
struct Written {
    name: String,
    count: u64,
    first: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    tokens: f64,
    at: Timestamp,
}

impl Correlator {
    pub(super) fn new() -> Self {
        Self { written: Lru::new(REMEMBERED_MAX), budgets: Lru::new(REMEMBERED_MAX), serial: 0 }
    }

    /// What to do about `happening`, which happens now.
    pub(super) fn correlate(&mut self, happening: &Happening, now: Timestamp) -> Verdict {
        let key = hash(&(identity(&happening.about), &happening.kind, &happening.reason, &happening.message));
        let name = self.fresh_name(&happening.about, now);
        let written = self.written.entry(key);
        let repeat = written.is_some();
        let seen = written.get_or_insert(Written { name, count: 0, first: now });
        seen.count += 1;
        let entry = Entry { name: seen.name.clone(), count: seen.count, first: seen.first, last: now };
        match (self.affordable(&happening.about, now), repeat) {
            (false, _) => Verdict::Drop,
            (true, true) => Verdict::Repeat(entry),
            (true, false) => Verdict::Create(entry),
        }
    }

    /// Takes a token out of the subject's bucket, if there is one.
    fn affordable(&mut self, about: &Subject, now: Timestamp) -> bool {
        let budget = self.budgets.entry(hash(&identity(about))).get_or_insert(Budget { tokens: BURST, at: now });
        let gained = now.duration_since(budget.at).as_secs_f64().max(0.0) / REFILL_SECS;
        budget.tokens = (budget.tokens + gained).min(BURST);
        budget.at = now;
        let affordable = 1.0 <= budget.tokens;
        if affordable {
            budget.tokens -= 1.0;
        }
        affordable
    }

    /// The subject's name and sixteen hexadecimal digits of the time, as client-go names events.
    fn fresh_name(&mut self, about: &Subject, now: Timestamp) -> String {
        self.serial = now.as_nanosecond().max(self.serial + 1);
        format!("{}.{:016x}", about.key.name, self.serial)
    }
}

impl Entry {
    /// The whole Event object.
    pub(super) fn object(&self, happening: &Happening) -> Value {
        let Subject { key, uid, resource_version } = &happening.about;
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": self.name, "namespace": key.namespace},
            "involvedObject": {
                "apiVersion": key.kind.api_version(),
                "kind": key.kind.kind,
                "namespace": key.namespace,
                "name": key.name,
                "uid": uid,
                "resourceVersion": resource_version,
            },
            "type": happening.kind.label(),
            "reason": happening.reason,
            "message": happening.message,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": "",
            "firstTimestamp": second(self.first),
            "lastTimestamp": second(self.last),
            "count": self.count,
        })
    }

    /// What is different since it was seen the time before.
    pub(super) fn patch(&self) -> Value {
        json!({"count": self.count, "lastTimestamp": second(self.last)})
    }
}

/// What tells subjects apart: not their version, which moves with every status.
fn identity(about: &Subject) -> (&Key, &str) {
    (&about.key, &about.uid)
}

/// Event times are whole seconds.
fn second(time: Timestamp) -> String {
    format!("{time:.0}")
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use ports::kinds;

    use super::super::EventKind;
    use super::*;

    fn happening(canary: &str, message: &str) -> Happening {
        let about = Subject {
            key: Key::new(kinds::CANARY, "test", canary),
            uid: "u1".to_owned(),
            resource_version: "7".to_owned(),
        };
        Happening { about, kind: EventKind::Normal, reason: "Synced".to_owned(), message: message.to_owned() }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + secs).unwrap()
    }

    /// A verdict in short: `new`, `x3` for the third time, `-`.
    fn short(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Create(_) => "new".to_owned(),
            Verdict::Repeat(entry) => format!("x{}", entry.count),
            Verdict::Drop => "-".to_owned(),
        }
    }

    /// What becomes of messages of one canary at these seconds.
    fn verdicts<'a>(story: impl IntoIterator<Item = (i64, &'a str)>) -> String {
        let mut correlator = Correlator::new();
        let told = story.into_iter().enumerate().map(|(turn, (secs, message))| {
            let mut happening = happening("podinfo", message);
            happening.about.resource_version = turn.to_string();
            short(&correlator.correlate(&happening, at(secs)))
        });
        told.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_event_that_was_seen_before_raises_the_count_of_its_object() {
        assert_eq!(verdicts([(0, "a"), (1, "b"), (2, "a"), (3000, "a"), (3001, "b")]), "new new x2 x3 x2");
    }

    #[test]
    fn a_whole_release_is_told_sentence_by_sentence() {
        let steps: Vec<String> = (1..=40).map(|step| format!("Advance podinfo.test canary weight {step}")).collect();
        let story = steps.iter().enumerate().map(|(step, text)| (i64::try_from(step).unwrap() * 10, text.as_str()));
        assert!(verdicts(story).split(' ').all(|verdict| verdict == "new"));
    }

    #[test]
    fn an_object_has_100_events_at_once_and_then_one_in_half_a_minute() {
        let mut correlator = Correlator::new();
        let mut heard =
            |canary: &str, secs| correlator.correlate(&happening(canary, "again"), at(secs)) != Verdict::Drop;
        assert_eq!((0..120).filter(|_| heard("noisy", 0)).count(), 100);
        assert!(heard("quiet", 0), "each object has its own budget");
        assert!(!heard("noisy", 29));
        assert!(heard("noisy", 30));
        assert!(!heard("noisy", 31));
    }

    #[test]
    fn dropped_events_are_counted_when_the_object_is_heard_again() {
        let story = std::iter::repeat_n((0, "again"), 110).chain([(30, "again")]);
        assert!(verdicts(story).ends_with("- x111"));
    }

    #[test]
    fn names_end_in_sixteen_digits_and_never_repeat() {
        let mut correlator = Correlator::new();
        let mut name = |message| match correlator.correlate(&happening("podinfo", message), at(0)) {
            Verdict::Create(entry) => entry.name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name("a"), "podinfo.17979cfe362a0000");
        assert_eq!(name("b"), "podinfo.17979cfe362a0001");
    }

    #[test]
    fn the_object_is_what_client_go_writes() {
        let mut correlator = Correlator::new();
        let happening = happening("podinfo", "New revision detected! Scaling up podinfo.test");
        let Verdict::Create(entry) = correlator.correlate(&happening, at(0)) else { panic!() };
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "podinfo.17979cfe362a0000", "namespace": "test"},
            "involvedObject": {
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "namespace": "test", "name": "podinfo",
                "uid": "u1", "resourceVersion": "7",
            },
            "type": "Normal",
            "reason": "Synced",
            "message": "New revision detected! Scaling up podinfo.test",
            "source": {"component": "flagger"},
            "reportingComponent": "flagger",
            "reportingInstance": "",
            "firstTimestamp": "2023-11-14T22:13:20Z",
            "lastTimestamp": "2023-11-14T22:13:20Z",
            "count": 1,
        });
        assert_eq!(entry.object(&happening), expected);
        let Verdict::Repeat(entry) = correlator.correlate(&happening, at(60)) else { panic!() };
        assert_eq!(entry.patch(), json!({"count": 2, "lastTimestamp": "2023-11-14T22:14:20Z"}));
    }
}
