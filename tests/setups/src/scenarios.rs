//! Scenarios: a set-up of `examples/` in a sandbox, sessions of people at a shell, and what came of it.
//!
//! The first line of `script.txt` is the command that starts the sandbox; what follows are cases in the words of the
//! `kubectl` suite (`tests/kubectlsuite/src/script.rs`), each of which gets a sandbox of its own. Commands find in their
//! environment
//!
//! * `$EXAMPLES`, the folder of that name;
//! * `$SANDBOX`, a folder with what the sandbox tells while it runs: `events`, in order and without repetitions;
//!   `shares`, a line for each weight that was held and whether the requests meanwhile were shared as it says; and `slack`,
//!   a line for each message to the Slack channel that `$SLACK` is the URL of in the first line;
//! * `kubectl`, which talks to the sandbox; and names of its Services in the requests of `curl`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kubectlsuite::{Kubectl, Recording, Session, differences, read_recording, write_recording};

use crate::files::{Error, listed, read, root, write};
use crate::stage::Stage;

/// What the first line of a scenario begins with.
pub(crate) const START: &str = "#! flagger sandbox ";

/// How long a release may take in real time, on a machine that builds at the same time.
const RELEASE_MAX: Duration = Duration::from_secs(180);

/// How a run went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Cases in which all was said that is committed, and nothing else.
    pub passed: usize,
    /// The others: scenario and sentence, and what is wrong.
    pub failed: Vec<(String, Vec<String>)>,
}

/// Plays the scenarios of these names, or all, with the program at `flagger`, and compares what is said with what is
/// committed.
pub fn check(flagger: &Path, names: &[&str]) -> Result<Report, Error> {
    let mut report = Report::default();
    for scenario in scenarios(names)? {
        let recorded = scenario.recording()?;
        for session in &scenario.sessions {
            let complaints = match (recorded.get(session.name()), scenario.play(flagger, session)) {
                (_, Err(error)) => vec![chain(&error)],
                (None, Ok(_)) => vec!["it was never recorded: `cargo xtask scenarios --record`".to_owned()],
                (Some(recorded), Ok(said)) => differences(recorded, &said),
            };
            report.note(&scenario, session, complaints);
        }
    }
    Ok(report)
}

/// Plays the scenarios of these names, or all, and writes what is said as what has to be said. A case that can't be played
/// keeps its recording and fails.
pub fn record(flagger: &Path, names: &[&str]) -> Result<Report, Error> {
    let mut report = Report::default();
    for scenario in scenarios(names)? {
        let mut recording = scenario.recording()?;
        for session in &scenario.sessions {
            let complaints = match scenario.play(flagger, session) {
                Ok(said) => {
                    recording.insert(session.name().to_owned(), said);
                    Vec::new()
                }
                Err(error) => vec![chain(&error)],
            };
            report.note(&scenario, session, complaints);
        }
        let names = scenario.sessions.iter().map(Session::name);
        write(&scenario.folder.join(SAID), &write_recording(names, &recording))?;
    }
    Ok(report)
}

impl Report {
    fn note(&mut self, scenario: &Scenario, session: &Session, complaints: Vec<String>) {
        if complaints.is_empty() {
            self.passed += 1;
        } else {
            self.failed.push((format!("{}: {}", scenario.name, session.name()), complaints));
        }
    }
}

/// The files of a scenario.
const SCRIPT: &str = "script.txt";
const SAID: &str = "said.txt";

/// A folder of `scenarios/`.
struct Scenario {
    name: String,
    folder: PathBuf,
    /// What the sandbox is started with.
    words: Vec<String>,
    sessions: Vec<Session>,
}

impl Scenario {
    fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(SCRIPT);
        let text = read(&path)?;
        let start = text.lines().next().and_then(|line| line.strip_prefix(START));
        let start = start.ok_or_else(|| Error::Start { path: path.clone() })?;
        Ok(Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            folder: folder.to_owned(),
            words: start.split_whitespace().map(str::to_owned).collect(),
            sessions: Session::read(&path.display().to_string(), &text).map_err(Error::Play)?,
        })
    }

    /// What has to be said; nothing where that was never recorded.
    fn recording(&self) -> Result<Recording, Error> {
        let path = self.folder.join(SAID);
        if path.exists() { Ok(read_recording(&read(&path)?)) } else { Ok(Recording::new()) }
    }

    /// Plays one session on a sandbox of its own.
    fn play(&self, flagger: &Path, session: &Session) -> Result<Vec<String>, Error> {
        let stage = Stage::start(flagger, &self.words)?;
        let kubectl = Kubectl::find(&stage.kubeconfig()?).map_err(Error::Play)?;
        let kubectl = kubectl
            .with("EXAMPLES", root().join("examples"))
            .with("SANDBOX", stage.folder().to_owned())
            .with("http_proxy", stage.gateway().into())
            .patient(RELEASE_MAX);
        let said = session.play(&kubectl).map_err(Error::Play);
        stage.stop()?;
        said
    }
}

/// The scenarios of these names, or all.
fn scenarios(names: &[&str]) -> Result<Vec<Scenario>, Error> {
    let folder = root().join("scenarios");
    let folders = match names {
        [] => listed(&folder)?.into_iter().filter(|path| path.is_dir()).collect(),
        names => names.iter().map(|name| folder.join(name)).collect::<Vec<_>>(),
    };
    folders.iter().map(|folder| Scenario::read(folder)).collect()
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
