//! What is waiting, and what was decided: an entry for each canary, about its latest run.
//!
//! Plain functions over entries; who keeps those, and what time it is, others know.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::Entries;

/// Earlier decisions that are kept of a canary.
const PAST_MAX: usize = 10;

/// Canaries that are kept; beyond, the one that was asked about longest ago is forgotten.
const CANARIES_MAX: usize = 1000;

/// The latest run of a canary that approval was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) canary: String,
    pub(super) namespace: String,
    /// Tells this run from others.
    pub(super) checksum: String,
    /// The phase in which it was asked for first.
    #[serde(default)]
    pub(super) phase: String,
    /// When.
    pub(super) asked: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) decision: Option<Decision>,
    /// Earlier decisions, also of earlier runs, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) past: Vec<Decision>,
}

/// What somebody decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) approved: bool,
    pub(super) by: String,
    pub(super) at: Timestamp,
    /// The run that it is about.
    pub(super) checksum: String,
}

/// Why a decision can't be noted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("nothing waits for the approval of {0}: it was not asked for yet")]
    NotAsked(String),
    #[error("another run of {0} waits for approval by now: look again")]
    AnotherRun(String),
}

/// What becomes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) entry: Entry,
    /// Whether this run was not known before.
    pub(super) is_new: bool,
}

/// The entry about this run; a run that was not asked about before gets one.
pub(super) fn ask(entries: &mut Entries, key: &str, question: &Entry) -> Heard {
    let known = entries.get(key).and_then(|text| read(text));
    match known {
        Some(entry) if entry.checksum == question.checksum => Heard { entry, is_new: false },
        known => {
            let entry = Entry { decision: None, past: past(known), ..question.clone() };
            write(entries, key, &entry);
            forget(entries, key);
            Heard { entry, is_new: true }
        }
    }
}

/// Notes a decision about the run that waits; `checksum` says which one was meant, if that is known.
pub(super) fn decide(
    entries: &mut Entries,
    key: &str,
    checksum: Option<&str>,
    approved: bool,
    by: &str,
    at: Timestamp,
) -> Result<Entry, Error> {
    let entry = entries.get(key).and_then(|text| read(text)).ok_or_else(|| Error::NotAsked(key.to_owned()))?;
    if checksum.is_some_and(|checksum| checksum != entry.checksum) {
        return Err(Error::AnotherRun(key.to_owned()));
    }
    let decision = Decision { approved, by: by.to_owned(), at, checksum: entry.checksum.clone() };
    let entry = Entry { past: past(Some(entry.clone())), decision: Some(decision), ..entry };
    write(entries, key, &entry);
    Ok(entry)
}

/// All entries: those that wait first, and of each the latest first.
pub(super) fn list(entries: &Entries) -> Vec<Entry> {
    let mut list: Vec<Entry> = entries.values().filter_map(|text| read(text)).collect();
    list.sort_by_key(|entry| (entry.decision.is_some(), std::cmp::Reverse(entry.asked)));
    list
}

/// What an entry leaves behind for the next one.
fn past(entry: Option<Entry>) -> Vec<Decision> {
    let Some(Entry { decision, past, .. }) = entry else { return Vec::new() };
    decision.into_iter().chain(past).take(PAST_MAX).collect()
}

/// What somebody else wrote there is no entry, and is written over.
fn read(text: &str) -> Option<Entry> {
    serde_json::from_str(text).ok()
}

fn write(entries: &mut Entries, key: &str, entry: &Entry) {
    entries.insert(key.to_owned(), serde_json::json!(entry).to_string());
}

/// Makes room, but not by the entry that came last.
fn forget(entries: &mut Entries, last: &str) {
    while CANARIES_MAX < entries.len() {
        let others = entries.iter().filter(|(key, _)| *key != last);
        let oldest = others.min_by_key(|(_, text)| read(text).map(|entry| entry.asked)).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return };
        entries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(checksum: &str, second: i64) -> Entry {
        Entry {
            canary: "cart".to_owned(),
            namespace: "shop".to_owned(),
            checksum: checksum.to_owned(),
            phase: "Waiting".to_owned(),
            asked: at(second),
            decision: None,
            past: Vec::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_decision_holds_for_one_run_and_the_next_is_asked_about_anew() {
        let mut entries = Entries::new();
        let key = "cart.shop";
        assert_eq!(decide(&mut entries, key, None, true, "ada", at(1)), Err(Error::NotAsked(key.to_owned())));
        assert!(ask(&mut entries, key, &question("a", 1)).is_new);
        decide(&mut entries, key, None, true, "ada", at(2)).unwrap();
        let heard = ask(&mut entries, key, &question("a", 3));
        assert_eq!((heard.is_new, heard.entry.asked), (false, at(1)));
        assert!(heard.entry.decision.is_some_and(|decision| decision.approved && decision.by == "ada"));

        let heard = ask(&mut entries, key, &question("b", 4));
        assert_eq!((heard.is_new, heard.entry.decision), (true, None));
        assert_eq!(heard.entry.past.len(), 1, "who decided before is not forgotten");
        let meant = Some("a");
        assert_eq!(decide(&mut entries, key, meant, true, "ada", at(5)), Err(Error::AnotherRun(key.to_owned())));
    }

    #[test]
    fn somebody_may_change_their_mind() {
        let mut entries = Entries::new();
        ask(&mut entries, "cart.shop", &question("a", 1));
        decide(&mut entries, "cart.shop", Some("a"), true, "ada", at(2)).unwrap();
        let entry = decide(&mut entries, "cart.shop", Some("a"), false, "bob", at(3)).unwrap();
        assert!(entry.decision.is_some_and(|decision| !decision.approved && decision.by == "bob"));
        assert!(entry.past.iter().any(|decision| decision.approved && decision.by == "ada"));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut entries = Entries::new();
        for number in 0..=CANARIES_MAX {
            ask(&mut entries, &number.to_string(), &question("a", i64::try_from(number).unwrap()));
        }
        assert_eq!((entries.len(), entries.contains_key("0")), (CANARIES_MAX, false));
        for second in 0..100 {
            decide(&mut entries, "1", None, true, "ada", at(second)).unwrap();
        }
        assert!(entries["1"].len() < 2000);
    }

    #[test]
    fn those_that_wait_come_first() {
        let mut entries = Entries::new();
        for (key, second) in [("a", 1), ("b", 2), ("c", 3)] {
            ask(&mut entries, key, &question(key, second));
        }
        decide(&mut entries, "c", None, false, "ada", at(4)).unwrap();
        entries.insert("d".to_owned(), "not ours".to_owned());
        let order: Vec<_> = list(&entries).into_iter().map(|entry| entry.checksum).collect();
        assert_eq!(order, ["b", "a", "c"]);
    }
}
