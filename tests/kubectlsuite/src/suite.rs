//! All cases, on one server.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};

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

/// A case on its way.
struct Waiting<'a> {
    /// The place of its group.
    group: usize,
    case: &'a Case,
    steps: Vec<Step>,
    /// Its namespace.
    space: String,
}

fn play_all(kubectl: &Kubectl, only: &str) -> Result<Vec<(Group, Vec<Played>)>, Error> {
    let (setups, groups) = files::groups()?;
    // Names of namespaces that no earlier run on the same server used.
    let run = RandomState::new().hash_one(()) % 1_000_000;
    let mut waiting = VecDeque::new();
    for (at, group) in groups.iter().enumerate() {
        for case in group.cases.iter().filter(|case| case.name.contains(only) || group.name.contains(only)) {
            let space = format!("team-{run:06}{:03}", waiting.len());
            waiting.push_back(Waiting { group: at, case, steps: steps_of(&setups, case)?, space });
        }
    }
    make_spaces(kubectl, &waiting)?;
    let (waiting, done) = (Mutex::new(waiting), Mutex::new(Vec::new()));
    let work = || {
        while let Some(Waiting { group, case, steps, space }) = next(&waiting) {
            let said = play(kubectl, &steps, &space);
            lock(&done).push((group, case.name.clone(), said));
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let mut all: Vec<(Group, Vec<Played>)> = groups.iter().map(|group| (group.clone(), Vec::new())).collect();
    for (group, name, said) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some((_, played)) = all.get_mut(group) {
            played.push((name, said));
        }
    }
    Ok(all)
}

/// Makes all namespaces at once.
fn make_spaces(kubectl: &Kubectl, waiting: &VecDeque<Waiting<'_>>) -> Result<(), Error> {
    let space = |one: &Waiting<'_>| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one.space}});
    let all: Vec<Value> = waiting.iter().map(space).collect();
    if all.is_empty() {
        return Ok(());
    }
    let shell = kubectl.shell("default")?;
    let list = json!({"apiVersion": "v1", "kind": "List", "items": all});
    files::write(&shell.folder().join("namespaces.json"), &list.to_string())?;
    shell.must("kubectl create -f namespaces.json").map(drop)
}

/// The first in the queue, which others can use meanwhile.
fn next<T>(waiting: &Mutex<VecDeque<T>>) -> Option<T> {
    lock(waiting).pop_front()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
