//! All cases, on one server.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::compare::differences;
use crate::fault::Error;
use crate::files::{self, Group};
use crate::play::play;
use crate::script::{Case, Step};
use crate::shell::Kubectl;

/// Cases at the same time: most of the time they wait.
const WORKERS: usize = 4;

/// How a run went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Cases in which `kubectl` said what was recorded.
    pub passed: usize,
    /// The others: the sentence, and what is wrong.
    pub failed: Vec<(String, Vec<String>)>,
}

/// Plays all cases whose sentence or group contains `only`, and compares what is said with what was recorded.
pub fn check(kubectl: &Kubectl, only: &str) -> Result<Report, Error> {
    let mut report = Report::default();
    for (group, played) in play_all(kubectl, only)? {
        let recorded = files::recorded(&group.name)?;
        for (name, said) in played {
            let complaints = match (recorded.get(&name), said) {
                (_, Err(error)) => vec![chain(&error)],
                (None, Ok(_)) => vec!["it was never recorded: `cargo xtask kubectl --record`".to_owned()],
                (Some(recorded), Ok(said)) => differences(recorded, &said),
            };
            if complaints.is_empty() {
                report.passed += 1;
            } else {
                report.failed.push((name, complaints));
            }
        }
    }
    Ok(report)
}

/// Plays all cases whose sentence or group contains `only`, and records what is said as the right thing to say.
///
/// A case that can't be played keeps its old recording and fails.
pub fn record(kubectl: &Kubectl, only: &str) -> Result<Report, Error> {
    let mut report = Report::default();
    for (group, played) in play_all(kubectl, only)? {
        let mut recording = files::recorded(&group.name)?;
        for (name, said) in played {
            match said {
                Ok(said) => {
                    report.passed += 1;
                    recording.insert(name, said);
                }
                Err(error) => report.failed.push((name, vec![chain(&error)])),
            }
        }
        files::record(&group, &recording)?;
    }
    Ok(report)
}

/// A case's sentence and its transcript.
type Played = (String, Result<Vec<String>, Error>);

fn play_all(kubectl: &Kubectl, only: &str) -> Result<Vec<(Group, Vec<Played>)>, Error> {
    let (setups, groups) = files::groups()?;
    let mut waiting = VecDeque::new();
    for (at, group) in groups.iter().enumerate() {
        for case in group.cases.iter().filter(|case| case.name.contains(only) || group.name.contains(only)) {
            waiting.push_back((at, case, steps_of(&setups, case)?));
        }
    }
    // Names of namespaces that no earlier run on the same server used.
    let run = RandomState::new().hash_one(()) % 1_000_000;
    let (waiting, done) = (Mutex::new(waiting), Mutex::new(Vec::new()));
    let work = || {
        while let Some((number, (at, case, steps))) = next(&waiting) {
            let said = play(kubectl, &steps, &format!("team-{run:06}{number:03}"));
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, case.name.clone(), said));
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let mut all: Vec<(Group, Vec<Played>)> = groups.iter().map(|group| (group.clone(), Vec::new())).collect();
    for (at, name, said) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some((_, played)) = all.get_mut(at) {
            played.push((name, said));
        }
    }
    Ok(all)
}

/// The next in the queue, with a number of its own.
fn next<T>(waiting: &Mutex<VecDeque<T>>) -> Option<(usize, T)> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let number = waiting.len();
    waiting.pop_front().map(|one| (number, one))
}

/// The steps of a case, those of the setups that it uses first.
fn steps_of(setups: &[Case], case: &Case) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for name in &case.using {
        let found = setups.iter().find(|setup| setup.name == *name);
        let unknown = || Error::Script { place: case.name.clone(), why: format!("there is no setup {name:?}") };
        steps.extend(found.ok_or_else(unknown)?.steps.iter().cloned());
    }
    steps.extend(case.steps.iter().cloned());
    Ok(steps)
}

/// An error with all that caused it.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
