//! Whose a target is when several canaries name it: the older one's, so that a copied manifest takes nothing over.
//!
//! Both are told, once, by an event and by the condition `Contested`, which goes with its cause.

use std::cmp::Ordering;

use api::{CanaryStatus, Condition};
use jiff::Timestamp;

use crate::journal::{Cx, Flow, Halt};
use crate::phase;
use crate::report::Ending;
use crate::tick::Input;
use crate::words::Sentence;

/// The condition of canaries that name the same target.
const CONTESTED: &str = "Contested";

/// A canary as far as its claim goes; less is older. Of two of the same second the name decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Its name, in the namespace that all have in common.
    pub name: String,
    /// When it was created.
    pub created: Option<Timestamp>,
}

impl Ord for Claimant {
    fn cmp(&self, other: &Self) -> Ordering {
        let age = |claimant: &Self| claimant.created.unwrap_or(Timestamp::MAX);
        age(self).cmp(&age(other)).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Claimant {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How a canary stands to its target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// No other canary names it.
    #[default]
    Sole,
    /// It is the oldest that names it.
    Holds {
        /// The oldest of the others.
        against: String,
    },
    /// It leaves the target to an older one.
    Yields {
        /// The oldest.
        to: String,
    },
}

impl Claim {
    /// How `own` stands among `others`.
    pub fn of<'a>(own: &Claimant, others: impl Iterator<Item = &'a Claimant>) -> Self {
        match others.filter(|other| other.name != own.name).min() {
            None => Self::Sole,
            Some(oldest) if oldest < own => Self::Yields { to: oldest.name.clone() },
            Some(oldest) => Self::Holds { against: oldest.name.clone() },
        }
    }
}

/// Tells what is new about the claim, and ends the tick of a canary that yields.
pub(crate) fn settle(input: &Input<'_>, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow {
    let news = match input.claim {
        Claim::Sole => None,
        Claim::Holds { against } => Some((Sentence::TargetHeld { against: against.clone() }, "OldestCanary")),
        Claim::Yields { to } => Some((Sentence::TargetYielded { to: to.clone() }, "OlderCanary")),
    };
    let message = news.as_ref().map(|(sentence, _)| sentence.text(input.plan));
    let known = status.conditions.iter().find(|condition| condition.type_ == CONTESTED);
    if known.map(|known| &known.message) != message.as_ref() {
        status.conditions.retain(|condition| condition.type_ != CONTESTED);
        if let (Some((_, reason)), Some(message)) = (&news, message) {
            status.conditions.push(condition(reason, message, cx.input.now));
        }
        cx.save(status)?;
        if let Some((sentence, _)) = news {
            cx.say(sentence)?;
        }
    }
    match input.claim {
        Claim::Yields { to } => Err(Halt::Over(Ending::Yielded { to: to.clone() })),
        Claim::Sole | Claim::Holds { .. } => Ok(()),
    }
}

fn condition(reason: &str, message: String, now: Timestamp) -> Condition {
    let now = phase::stamp(now);
    Condition {
        type_: CONTESTED.to_owned(),
        status: "True".to_owned(),
        reason: reason.to_owned(),
        message,
        last_update_time: Some(now),
        last_transition_time: Some(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimant(name: &str, second: Option<i64>) -> Claimant {
        let created = second.map(|second| Timestamp::from_second(second).unwrap());
        Claimant { name: name.to_owned(), created }
    }

    #[test]
    fn the_older_canary_wins_and_of_two_of_one_second_the_first_by_name() {
        let (old, young, twin) = (claimant("z", Some(1)), claimant("b", Some(2)), claimant("c", Some(2)));
        let all = [young.clone(), twin.clone(), old.clone()];
        assert_eq!(Claim::of(&old, all.iter()), Claim::Holds { against: "b".to_owned() });
        assert_eq!(Claim::of(&twin, all.iter()), Claim::Yields { to: "z".to_owned() });
        assert_eq!(Claim::of(&twin, all[..2].iter()), Claim::Yields { to: "b".to_owned() });
        assert_eq!(Claim::of(&twin, [twin.clone()].iter()), Claim::Sole);
        assert_eq!(Claim::of(&claimant("a", None), all.iter()), Claim::Yields { to: "z".to_owned() });
    }
}
