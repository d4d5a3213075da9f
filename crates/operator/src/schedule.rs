//! Which canary is looked at when: a plan on plain values, without a clock or a task.
//!
//! A canary is looked at when its time has come, and as soon as something changes that its last look depended on. There is
//! one look at a canary at a time; what changes meanwhile causes another one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ports::Key;
use rollout::Wake;

/// All canaries and what they wait for.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    canaries: HashMap<Arc<Key>, Entry>,
    /// Canaries by when they are looked at next, for those that have such a time and are not looked at right now.
    due: BTreeSet<(Timestamp, Arc<Key>)>,
    /// Canaries that something changed for.
    woken: BTreeSet<Arc<Key>>,
    /// Which canaries depend on an object, by the hashes of both: there are many objects, and one that shares the hash of
    /// another only causes a look too many.
    interested: BTreeMap<(u64, u64), Arc<Key>>,
    hasher: RandomState,
    /// How many canaries each namespace has; one that had some keeps its place.
    census: HashMap<String, usize>,
    /// The latest time that it was told.
    told: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Entry {
    due: Option<Timestamp>,
    /// When it is looked at in between, see [`Next::poll`].
    poll: Option<Timestamp>,
    /// Whether it was ever looked at since this process began.
    known: bool,
    looking: bool,
    /// The hashes of the objects that its last look depended on.
    depends_on: Box<[u64]>,
}

/// A look to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) canary: Key,
    pub(crate) pace: Pace,
}

/// How a look relates to the pace of the canary's analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The first look since the process began: the stored status tells whether a step is due.
    First,
    /// A step is due.
    Due,
    /// It is time to ask again for what no watch tells of, before a step is due.
    Poll,
    /// Something changed before a step is due.
    Early,
}

/// What a look found out about the next one.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub(crate) canary: Key,
    /// `None` when there is no such canary any more.
    pub(crate) next: Option<Next>,
    /// Every object that the look depended on.
    pub(crate) depends_on: Vec<Key>,
}

/// When to look again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub(crate) wake: Wake,
    /// When the step that was taken, or not yet taken, is due.
    pub(crate) due: Timestamp,
    /// Time between two steps.
    pub(crate) interval: Duration,
    /// After how long to look in between.
    pub(crate) poll: Option<Duration>,
}

impl Entry {
    /// When it is looked at, if nothing changes before.
    fn next_look(&self) -> Option<Timestamp> {
        self.due.into_iter().chain(self.poll).min()
    }
}

impl Schedule {
    /// Notes a change of an object: everything that depends on it is looked at.
    pub(crate) fn changed(&mut self, key: &Key) {
        let object = self.hasher.hash_one(key);
        let interested = self.interested.range((object, u64::MIN)..=(object, u64::MAX));
        self.woken.extend(interested.map(|(_, canary)| Arc::clone(canary)));
    }

    /// Looks at this canary soon, known or new.
    pub(crate) fn wake(&mut self, canary: Key) {
        let canary = self.name(&canary).unwrap_or_else(|| Arc::new(canary));
        if !self.canaries.contains_key(&canary) {
            self.canaries.insert(Arc::clone(&canary), Entry::default());
            *self.census.entry(canary.namespace.clone()).or_default() += 1;
        }
        self.woken.insert(canary);
    }

    /// Looks at all canaries soon.
    pub(crate) fn wake_all(&mut self) {
        self.woken.extend(self.canaries.keys().cloned());
    }

    /// The next look to take by `now`, which must be answered with [`Schedule::looked`].
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Look> {
        self.hear_time(now);
        let overdue = self.due.first().filter(|(due, _)| *due <= now).map(|(_, canary)| Arc::clone(canary));
        let canaries = &self.canaries;
        let idle = |canary: &&Arc<Key>| canaries.get(*canary).is_some_and(|entry| !entry.looking);
        let canary = overdue.or_else(|| self.woken.iter().find(idle).cloned())?;
        self.woken.remove(&canary);
        let entry = self.canaries.get_mut(&canary)?;
        let pace = match entry.due {
            _ if !entry.known => Pace::First,
            Some(due) if due <= now => Pace::Due,
            _ if entry.poll.is_some_and(|poll| poll <= now) => Pace::Poll,
            _ => Pace::Early,
        };
        if let Some(at) = entry.next_look() {
            self.due.remove(&(at, Arc::clone(&canary)));
        }
        entry.known = true;
        entry.looking = true;
        Some(Look { canary: Key::clone(&canary), pace })
    }

    /// When [`Schedule::next`] has something to say, if nothing changes before.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// When the step of this canary is due.
    pub(crate) fn due_of(&self, canary: &Key) -> Option<Timestamp> {
        self.canaries.get(canary)?.due
    }

    /// A look is over.
    pub(crate) fn looked(&mut self, looked: Looked, now: Timestamp) {
        let Looked { canary, next, depends_on } = looked;
        self.depend(&canary, &depends_on);
        let Some(next) = next else { return self.forget(&canary) };
        let Some(name) = self.name(&canary) else { return };
        let Some(entry) = self.canaries.get_mut(&canary) else { return };
        entry.looking = false;
        entry.due = match next.wake {
            Wake::OnChange => None,
            // A step that came late does not make the next one early, nor are missed ones made up for.
            Wake::After(stretch) => Some(later(next.due, stretch).max(now)),
            Wake::Keep => Some(next.due.min(later(now, next.interval))),
        };
        // Changes in between don't put off what is looked at by the clock.
        entry.poll = next.poll.map(|poll| match entry.poll {
            Some(planned) if now < planned => planned.min(later(now, poll)),
            _ => later(now, poll),
        });
        if let Some(at) = entry.next_look() {
            self.due.insert((at, name));
        }
    }

    /// The canary as it is kept.
    fn name(&self, canary: &Key) -> Option<Arc<Key>> {
        self.canaries.get_key_value(canary).map(|(name, _)| Arc::clone(name))
    }

    /// How many canaries this namespace has.
    pub(crate) fn census(&self, namespace: &str) -> usize {
        self.census.get(namespace).copied().unwrap_or_default()
    }

    /// When the clock was set back, what is due is so by the new time: nobody waits for the old one to come again.
    fn hear_time(&mut self, now: Timestamp) {
        let back = self.told.replace(now).and_then(|told| Duration::try_from(told.duration_since(now)).ok());
        let Some(back) = back.filter(|back| !back.is_zero()) else { return };
        let earlier = |due: Timestamp| due.checked_sub(back).unwrap_or(Timestamp::MIN);
        for entry in self.canaries.values_mut() {
            entry.due = entry.due.map(earlier);
            entry.poll = entry.poll.map(earlier);
        }
        self.due = std::mem::take(&mut self.due).into_iter().map(|(due, canary)| (earlier(due), canary)).collect();
    }

    fn depend(&mut self, canary: &Key, depends_on: &[Key]) {
        let Some(name) = self.name(canary) else { return };
        let Some(entry) = self.canaries.get_mut(canary) else { return };
        let itself = self.hasher.hash_one(canary);
        let depends_on: Box<[u64]> = depends_on.iter().map(|key| self.hasher.hash_one(key)).collect();
        let before = std::mem::replace(&mut entry.depends_on, depends_on);
        for object in before.iter().filter(|object| !entry.depends_on.contains(object)) {
            self.interested.remove(&(*object, itself));
        }
        for object in entry.depends_on.iter().filter(|object| !before.contains(object)) {
            self.interested.insert((*object, itself), Arc::clone(&name));
        }
    }

    fn forget(&mut self, canary: &Key) {
        self.depend(canary, &[]);
        // One that came back under the same name while we looked is a new canary.
        if self.woken.contains(canary) {
            if let Some(entry) = self.canaries.get_mut(canary) {
                *entry = Entry::default();
            }
        } else if self.canaries.remove(canary).is_some()
            && let Some(count) = self.census.get_mut(&canary.namespace)
        {
            *count -= 1;
        }
    }
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use ports::kinds;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn canary() -> Key {
        Key::new(kinds::CANARY, "test", "podinfo")
    }

    fn service() -> Key {
        Key::new(kinds::SERVICE, "test", "podinfo")
    }

    fn looked(wake: Wake, due: i64) -> Looked {
        let next = Some(Next { wake, due: at(due), interval: INTERVAL, poll: None });
        Looked { canary: canary(), next, depends_on: vec![service()] }
    }

    fn paces(schedule: &mut Schedule, now: i64) -> Vec<Pace> {
        std::iter::from_fn(|| schedule.next(at(now))).map(|look| look.pace).collect()
    }

    #[test]
    fn a_canary_is_looked_at_once_and_then_at_its_pace() {
        let mut schedule = Schedule::default();
        schedule.wake(canary());
        assert_eq!(paces(&mut schedule, 0), [Pace::First]);
        schedule.looked(looked(Wake::After(INTERVAL), 0), at(1));
        assert_eq!(schedule.due(), Some(at(30)));
        assert_eq!(paces(&mut schedule, 29), []);
        assert_eq!(paces(&mut schedule, 30), [Pace::Due]);
    }

    #[test]
    fn a_change_wakes_whatever_depends_on_it_and_keeps_the_pace() {
        let mut schedule = Schedule::default();
        schedule.wake(canary());
        schedule.next(at(0));
        schedule.looked(looked(Wake::After(INTERVAL), 0), at(0));
        schedule.changed(&Key::new(kinds::SERVICE, "test", "another"));
        assert_eq!(paces(&mut schedule, 10), []);
        schedule.changed(&service());
        assert_eq!(paces(&mut schedule, 10), [Pace::Early]);
        schedule.looked(looked(Wake::Keep, 30), at(11));
        assert_eq!(schedule.due(), Some(at(30)));
    }

    #[test]
    fn a_change_during_a_look_causes_another_one() {
        let mut schedule = Schedule::default();
        schedule.wake(canary());
        schedule.next(at(0));
        schedule.looked(looked(Wake::OnChange, 0), at(0));
        schedule.changed(&service());
        assert_eq!(paces(&mut schedule, 1), [Pace::Early]);
        schedule.changed(&service());
        assert_eq!(paces(&mut schedule, 1), [], "one look at a time");
        schedule.looked(looked(Wake::OnChange, 1), at(2));
        assert_eq!(paces(&mut schedule, 2), [Pace::Early]);
    }

    #[test]
    fn what_no_watch_tells_of_is_looked_at_in_between_however_much_changes() {
        let polled = |due: i64| {
            let looked = looked(Wake::Keep, due);
            Looked { next: looked.next.map(|next| Next { poll: Some(Duration::from_secs(5)), ..next }), ..looked }
        };
        let mut schedule = Schedule::default();
        schedule.wake(canary());
        schedule.next(at(0));
        schedule.looked(polled(30), at(0));
        for second in 1..5 {
            schedule.changed(&service());
            assert_eq!(paces(&mut schedule, second), [Pace::Early]);
            schedule.looked(polled(30), at(second));
        }
        assert_eq!(paces(&mut schedule, 5), [Pace::Poll]);
        schedule.looked(polled(30), at(28));
        assert_eq!(schedule.due(), Some(at(30)), "a step that is due comes first");
        assert_eq!(paces(&mut schedule, 33), [Pace::Due]);
    }

    #[test]
    fn a_canary_that_is_gone_leaves_nothing_behind() {
        let mut schedule = Schedule::default();
        schedule.wake(canary());
        schedule.next(at(0));
        schedule.looked(looked(Wake::After(INTERVAL), 0), at(0));
        schedule.wake(canary());
        schedule.next(at(1));
        schedule.looked(Looked { canary: canary(), next: None, depends_on: Vec::new() }, at(1));
        schedule.changed(&service());
        assert_eq!((schedule.due(), schedule.census("test"), schedule.interested.len()), (None, 0, 0));
        assert_eq!(paces(&mut schedule, 100), []);
    }

    #[test]
    fn a_clock_that_is_set_back_delays_nothing() {
        let mut schedule = Schedule::default();
        schedule.wake(canary());
        schedule.next(at(10_000));
        schedule.looked(looked(Wake::After(INTERVAL), 10_000), at(10_000));
        assert_eq!(paces(&mut schedule, 10_010), []);
        assert_eq!(paces(&mut schedule, 2_810), [], "two hours back");
        assert_eq!(schedule.due(), Some(at(2_830)));
        assert_eq!(paces(&mut schedule, 2_830), [Pace::Due]);
    }

    #[test]
    fn steps_that_were_missed_are_not_made_up_for() {
        let mut schedule = Schedule::default();
        schedule.wake(canary());
        schedule.next(at(0));
        schedule.looked(looked(Wake::After(INTERVAL), 0), at(0));
        schedule.next(at(200));
        schedule.looked(looked(Wake::After(INTERVAL), 30), at(200));
        assert_eq!(schedule.due(), Some(at(200)));
    }
}
