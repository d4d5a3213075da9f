//! Asking the journal: the machinery that lets a tick read as straight-line code.

use std::collections::BTreeMap;

use api::CanaryStatus;
use jiff::Timestamp;

use crate::effect::{Effect, Entry, Measured, Outcome, Readiness, Scale, Side, Target};
use crate::report::Ending;
use crate::tick::Input;
use crate::traffic::Split;
use crate::words::{Alert, Sentence};
use crate::{records, stuck};

/// Why a tick stopped reading.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The journal does not know this yet.
    Next(Effect),
    /// An effect failed; what the user reads about it.
    Fault(String),
    /// There is nothing left to do in this tick.
    Over(Ending),
}

pub(crate) type Flow<T = ()> = Result<T, Halt>;

/// What became of the metric providers of a canary.
pub(crate) enum Meters<'a> {
    /// All answer.
    Available,
    /// Something that the spec names is not there.
    Missing(&'a str),
    /// One does not answer.
    Silent(&'a str),
}

/// A tick's place in its journal.
pub(crate) struct Cx<'a> {
    journal: &'a [Entry],
    at: usize,
    /// What the tick knew before it asked.
    pub(crate) input: &'a Input<'a>,
    /// Whether all traffic is on the canary and the primary can't take it back.
    pub(crate) stranded: bool,
    /// What the target was found to be, once it was.
    pub(crate) seen: Option<&'a Target>,
    /// The status as it is stored at this place.
    pub(crate) stored: CanaryStatus,
    /// Whether storing it is what failed last.
    pub(crate) unsaved: bool,
    /// Whether all that metrics are read from was found to be there.
    pub(crate) metered: bool,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(journal: &'a [Entry], input: &'a Input<'a>) -> Self {
        let stored = input.status.clone();
        Self { journal, at: 0, input, stranded: false, seen: None, stored, unsaved: false, metered: false }
    }

    /// The answer to `effect`, a failed one included, or a halt with the question.
    fn attempt(&mut self, effect: Effect) -> Flow<&'a Outcome> {
        let Some(entry) = self.journal.get(self.at) else { return Err(Halt::Next(effect)) };
        if entry.effect != effect {
            return Err(Halt::Fault(format!("the journal holds {:?} where the tick asks {effect:?}", entry.effect)));
        }
        self.at += 1;
        Ok(&entry.outcome)
    }

    /// The answer to `effect`; a failure ends the tick.
    fn ask(&mut self, effect: Effect) -> Flow<&'a Outcome> {
        match self.attempt(effect)? {
            Outcome::Failed(reason) => Err(Halt::Fault(reason.clone())),
            outcome => Ok(outcome),
        }
    }

    /// An act that answers nothing but that it is done.
    pub(crate) fn act(&mut self, effect: Effect) -> Flow {
        match self.ask(effect)? {
            Outcome::Done => Ok(()),
            other => unfit(other),
        }
    }

    /// An act whose failure does not end the tick.
    pub(crate) fn trial(&mut self, effect: Effect) -> Flow<Result<(), String>> {
        match self.attempt(effect)? {
            Outcome::Done => Ok(Ok(())),
            Outcome::Failed(reason) | Outcome::Refused(reason) => Ok(Err(reason.clone())),
            other => unfit(other),
        }
    }

    pub(crate) fn target(&mut self) -> Flow<&'a Target> {
        match self.ask(Effect::ReadTarget)? {
            Outcome::Target(target) => {
                self.seen = Some(target);
                Ok(target)
            }
            other => unfit(other),
        }
    }

    pub(crate) fn ready(&mut self, side: Side) -> Flow<&'a Readiness> {
        match self.ask(Effect::CheckReady(side))? {
            Outcome::Ready(readiness) => Ok(readiness),
            other => unfit(other),
        }
    }

    pub(crate) fn split(&mut self) -> Flow<Split> {
        match self.ask(Effect::ReadSplit)? {
            Outcome::Split(split) => Ok(*split),
            other => unfit(other),
        }
    }

    pub(crate) fn set_split(&mut self, split: Split) -> Flow {
        self.act(Effect::SetSplit(split))
    }

    pub(crate) fn scale(&mut self, scale: Scale) -> Flow {
        self.act(Effect::ScaleTarget(scale))
    }

    /// Scales the target to take the primary's place; `false` when there is no target any more.
    pub(crate) fn restore(&mut self) -> Flow<bool> {
        match self.ask(Effect::ScaleTarget(Scale::Restored))? {
            Outcome::Done => Ok(true),
            Outcome::Gone => Ok(false),
            other => unfit(other),
        }
    }

    /// Has a primary; whether it was made just now, of the target that this tick has seen.
    pub(crate) fn ensure_primary(&mut self) -> Flow<bool> {
        match self.ask(Effect::EnsurePrimary)? {
            Outcome::Done => Ok(false),
            Outcome::Made => Ok(true),
            other => unfit(other),
        }
    }

    /// Whether the primary carries `revision` now; `false` when the target has moved on.
    pub(crate) fn promote(&mut self, revision: &str) -> Flow<bool> {
        match self.ask(Effect::Promote { revision: revision.to_owned() })? {
            Outcome::Done => Ok(true),
            Outcome::Moved => Ok(false),
            other => unfit(other),
        }
    }

    pub(crate) fn measure(&mut self, check: usize) -> Flow<&'a Measured> {
        match self.ask(Effect::Measure(check))? {
            Outcome::Measured(measured) => Ok(measured),
            other => unfit(other),
        }
    }

    /// Whether what the checks are read from is there, and answers.
    pub(crate) fn meters(&mut self) -> Flow<Meters<'a>> {
        match self.attempt(Effect::CheckMeters)? {
            Outcome::Done => Ok(Meters::Available),
            Outcome::Missing(what) => Ok(Meters::Missing(what)),
            Outcome::Failed(reason) => Ok(Meters::Silent(reason)),
            other => unfit(other),
        }
    }

    /// Tells the user. What can't be told must not stop a release.
    pub(crate) fn say(&mut self, sentence: Sentence) -> Flow {
        self.attempt(Effect::Say(sentence)).map(drop)
    }

    /// Tells the people on call. What can't be told must not stop a release.
    pub(crate) fn alert(&mut self, alert: Alert) -> Flow {
        self.attempt(Effect::Alert(alert)).map(drop)
    }

    /// Stores the status after a step, stamped with the time of this moment: hooks before it may have taken their time.
    pub(crate) fn save(&mut self, status: &mut CanaryStatus) -> Flow {
        records::end_step(status);
        stuck::clear(status);
        status.last_transition_time = Some(crate::phase::stamp(self.heard()));
        self.note(status)
    }

    /// When the last answer came.
    fn heard(&self) -> Timestamp {
        let last = self.at.checked_sub(1).and_then(|last| self.journal.get(last));
        last.map_or(self.input.now, |entry| entry.at)
    }

    /// Stores the status in the middle of a step, which does not count for the pace.
    pub(crate) fn note(&mut self, status: &CanaryStatus) -> Flow {
        self.unsaved = true;
        self.act(Effect::Save(Box::new(status.clone())))?;
        self.unsaved = false;
        self.stored.clone_from(status);
        Ok(())
    }

    /// Stores what is good to know later. What can't be noted must not stop a release.
    pub(crate) fn jot(&mut self, status: &CanaryStatus) -> Flow {
        match self.note(status) {
            Err(Halt::Fault(_)) => Ok(()),
            flow => flow,
        }
    }
}

fn unfit<T>(outcome: &Outcome) -> Flow<T> {
    Err(Halt::Fault(format!("the journal holds an answer of another kind: {outcome:?}")))
}

/// Whether tracked configs differ: counts or any checksum, where tracking that begins counts as a change only when there is
/// something to track.
pub(crate) fn configs_differ(
    stored: Option<&BTreeMap<String, String>>,
    seen: Option<&BTreeMap<String, String>>,
) -> bool {
    match (stored, seen) {
        (_, None) => false,
        (None, Some(seen)) => !seen.is_empty(),
        (Some(stored), Some(seen)) => stored != seen,
    }
}
