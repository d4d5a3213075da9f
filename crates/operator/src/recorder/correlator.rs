//! Which of the things that happen become Event objects: the rules of client-go's recorder, as a pure function of time.
//!
//! In this order: ten or more different messages of one kind within ten minutes become one "combined" event; an event that was
//! seen before raises the count of its object; an object that speaks too often is not listened to for a while.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use ports::Key;
use serde_json::{Value, json};

use super::lru::Lru;
use super::{Happening, Subject};

/// Different messages of one kind that stay apart; from so many on they are combined.
const SIMILAR_MAX: usize = 10;

/// How long after the last similar message a kind counts as new.
const SIMILAR_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Events that an object may have at once …
const BURST: f64 = 25.0;

/// … and the seconds after which it may have one more.
const REFILL_SECS: f64 = 300.0;

/// How many kinds, events and objects are remembered; the same bound as client-go's.
const REMEMBERED_MAX: usize = 4096;

/// Who reports, in every event.
const COMPONENT: &str = "flagger";

/// Remembers what has happened, and says what to do with what happens next.
#[derive(Debug)]
pub(super) struct Correlator {
    /// By subject, type and reason.
    similar: Lru<Similar>,
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
    /// The text, which differs from that of the happening when several are combined.
    pub(super) message: String,
}

#[derive(Debug, Default)]
struct Similar {
    messages: BTreeSet<u64>,
    last: Option<Timestamp>,
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
        Self {
            similar: Lru::new(REMEMBERED_MAX),
            written: Lru::new(REMEMBERED_MAX),
            budgets: Lru::new(REMEMBERED_MAX),
            serial: 0,
        }
    }

    /// What to do about `happening`, which happens now.
    pub(super) fn correlate(&mut self, happening: &Happening, now: Timestamp) -> Verdict {
        let combined = self.combined(happening, now);
        let message = if combined {
            format!("(combined from similar events): {}", happening.message)
        } else {
            happening.message.clone()
        };
        // Combined events count as one whatever their messages are.
        let told_apart_by = if combined { "" } else { happening.message.as_str() };
        let key = hash(&(identity(&happening.about), &happening.kind, &happening.reason, combined, told_apart_by));
        let name = self.fresh_name(&happening.about, now);
        let written = self.written.entry(key);
        let repeat = written.is_some();
        let seen = written.get_or_insert(Written { name, count: 0, first: now });
        seen.count += 1;
        let entry = Entry { name: seen.name.clone(), count: seen.count, first: seen.first, last: now, message };
        match (self.affordable(&happening.about, now), repeat) {
            (false, _) => Verdict::Drop,
            (true, true) => Verdict::Repeat(entry),
            (true, false) => Verdict::Create(entry),
        }
    }

    /// Whether so many different messages of this kind have come that they are combined.
    fn combined(&mut self, happening: &Happening, now: Timestamp) -> bool {
        let similar = self.similar.entry(hash(&(identity(&happening.about), &happening.kind, &happening.reason)));
        if similar.last.is_some_and(|last| SIMILAR_WINDOW < now.duration_since(last)) {
            similar.messages.clear();
        }
        similar.last = Some(now);
        similar.messages.insert(hash(&happening.message));
        if similar.messages.len() < SIMILAR_MAX {
            return false;
        }
        similar.messages.pop_first();
        true
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
            "message": self.message,
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
        json!({"count": self.count, "lastTimestamp": second(self.last), "message": self.message})
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

    /// A verdict in short: `new`, `x3` for the third time, `-`; with a `*` when combined.
    fn short(verdict: &Verdict) -> String {
        let (text, message) = match verdict {
            Verdict::Create(entry) => ("new".to_owned(), &entry.message),
            Verdict::Repeat(entry) => (format!("x{}", entry.count), &entry.message),
            Verdict::Drop => return "-".to_owned(),
        };
        if message.starts_with("(combined from similar events): ") { text + "*" } else { text }
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
    fn from_the_tenth_different_message_within_ten_minutes_on_they_are_combined() {
        let messages = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let story = (0..).zip(messages);
        assert_eq!(verdicts(story), "new new new new new new new new new new* x2* x3*");
    }

    #[test]
    fn after_ten_quiet_minutes_messages_stand_alone_again() {
        let messages = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let story = (0..).zip(messages).chain([(609, "j"), (610, "k")]);
        assert_eq!(verdicts(story), "new new new new new new new new new new new");
        let story = (0..).zip(messages).chain([(608, "j"), (609, "k")]);
        assert_eq!(verdicts(story), "new new new new new new new new new new* x2*");
    }

    #[test]
    fn an_object_has_25_events_at_once_and_then_one_in_five_minutes() {
        let mut correlator = Correlator::new();
        let mut heard =
            |canary: &str, secs| correlator.correlate(&happening(canary, "again"), at(secs)) != Verdict::Drop;
        assert_eq!((0..30).filter(|_| heard("noisy", 0)).count(), 25);
        assert!(heard("quiet", 0), "each object has its own budget");
        assert!(!heard("noisy", 299));
        assert!(heard("noisy", 300));
        assert!(!heard("noisy", 301));
    }

    #[test]
    fn dropped_events_are_counted_when_the_object_is_heard_again() {
        let story = std::iter::repeat_n((0, "again"), 40).chain([(300, "again")]);
        assert!(verdicts(story).ends_with("- x41"));
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
        let patch = json!({
            "count": 2, "lastTimestamp": "2023-11-14T22:14:20Z", "message": "New revision detected! Scaling up podinfo.test",
        });
        assert_eq!(entry.patch(), patch);
    }
}
