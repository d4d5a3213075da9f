//! All cases, on one server.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use crate::compare::differences;
use crate::fault::Error;
use crate::kept::{self, Kept};
use crate::normal::Exchange;
use crate::record::{self, Recording};
use crate::run;
use crate::script::{Case, Step};
use crate::server::Server;

/// Differences of one case that are told; the rest follows from them more often than not.
const TOLD_MAX: usize = 12;

/// How a run went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Cases whose answers are those of the recording, kept differences aside.
    pub passed: usize,
    /// The others: the sentence, and what is wrong.
    pub failed: Vec<(String, Vec<String>)>,
}

/// Plays all cases whose sentence or group contains `only`, and compares the answers with the recorded ones.
///
/// `strict` takes kept differences for differences, too, as is right for a server of the kind that was recorded.
pub async fn check(server: &Server, only: &str, strict: bool) -> Result<Report, Error> {
    let kept = if strict { Vec::new() } else { kept::all()? };
    let mut report = Report::default();
    for played in play_all(server, only).await? {
        let complaints = match &played.said {
            Ok(said) => complaints(&kept, &played, said),
            Err(error) => vec![chain(error)],
        };
        if complaints.is_empty() {
            report.passed += 1;
        } else {
            report.failed.push((played.case, complaints));
        }
    }
    Ok(report)
}

/// Plays all cases whose sentence or group contains `only`, and records the answers as the right ones.
///
/// A case that can't be played keeps its old recording and fails.
pub async fn record(server: &Server, only: &str) -> Result<Report, Error> {
    let mut report = Report::default();
    let all = play_all(server, only).await?;
    for group in record::groups()?.1 {
        let mut recording = record::recorded(&group.name)?;
        recording.retain(|name, _| group.cases.iter().any(|case| case.name == *name));
        for played in all.iter().filter(|played| played.group == group.name) {
            match &played.said {
                Ok(said) => {
                    report.passed += 1;
                    recording.insert(played.case.clone(), said.clone());
                }
                Err(error) => report.failed.push((played.case.clone(), vec![chain(error)])),
            }
        }
        record::write(&group.name, &recording)?;
    }
    Ok(report)
}

/// A case that was played.
struct Played {
    group: String,
    case: String,
    said: Result<Vec<Exchange>, Error>,
    recorded: Option<Vec<Exchange>>,
}

async fn play_all(server: &Server, only: &str) -> Result<Vec<Played>, Error> {
    let (setups, groups) = record::groups()?;
    // Names of namespaces that no earlier run on the same server used.
    let run = RandomState::new().hash_one(()) % 100_000_000;
    let mut all = Vec::new();
    for group in groups {
        let recording: Recording = record::recorded(&group.name)?;
        for case in group.cases.iter().filter(|case| case.name.contains(only) || group.name.contains(only)) {
            let steps = steps_of(&setups, case)?;
            let space = format!("suite-{run:08}-{:03}", all.len());
            all.push(Played {
                group: group.name.clone(),
                case: case.name.clone(),
                said: run::play(server, case, &steps, &space).await,
                recorded: recording.get(&case.name).cloned(),
            });
        }
    }
    Ok(all)
}

/// The steps of the setups that a case uses.
fn steps_of(setups: &[Case], case: &Case) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for name in &case.using {
        let found = setups.iter().find(|setup| setup.name == *name);
        let unknown = || Error::Script { place: case.name.clone(), why: format!("there is no setup {name:?}") };
        steps.extend(found.ok_or_else(unknown)?.steps.iter().cloned());
    }
    Ok(steps)
}

fn complaints(kept: &[Kept], played: &Played, said: &[Exchange]) -> Vec<String> {
    let Some(recorded) = &played.recorded else {
        return vec!["it was never recorded: `cargo xtask api-suite --record`".to_owned()];
    };
    let (unwanted, idle) = kept::unwanted(kept, &played.case, differences(recorded, said));
    let told = unwanted.iter().take(TOLD_MAX).map(ToString::to_string);
    let idle = idle.iter().map(|path| format!("{path}: kept in vain, take it out of kept.yaml"));
    let mut complaints: Vec<String> = told.chain(idle).collect();
    if TOLD_MAX < unwanted.len() {
        complaints.push(format!("and {} more", unwanted.len() - TOLD_MAX));
    }
    complaints
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
