//! The program `flagger sandbox --keep` as a process, and what it tells.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use serde_json::Value;

use crate::chat::Chat;
use crate::files::{Error, read, root};
use crate::http;
use crate::ledger::Ledger;

/// How long it may take until the first file is played, on a machine that builds at the same time.
const START_MAX: Duration = Duration::from_secs(180);

/// How often is looked whether it has ended: for a minute and longer, on a machine that builds at the same time.
const LOOKS: u32 = 3000;

/// The pause between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// How far back queries look, by the sandbox's clock: a release, and what was before it.
const SPAN: Duration = Duration::from_secs(60 * 60);

/// Lines of what it says on stderr that are kept for when it fails.
const LAST_WORDS: usize = 20;

/// What stands for the URL of the Slack channel among the words that start a sandbox.
const SLACK: &str = "$SLACK";

/// A running sandbox; it ends when this is dropped.
pub struct Stage {
    child: Child,
    folder: PathBuf,
    doors: Value,
    /// Listens for as long as the sandbox runs.
    _chat: Chat,
    errors: Option<JoinHandle<String>>,
}

impl Stage {
    /// Starts the program at `flagger` with these words behind `sandbox`, in the root of the repository, and waits until what
    /// its files ask for has been done. `$SLACK` in a word is the URL of a Slack channel.
    pub fn start(flagger: &Path, words: &[String]) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("flagger-stage-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        let chat = Chat::open(&folder)?;
        let words = words.iter().map(|word| word.replace(SLACK, &chat.url()));
        let mut command = Command::new(flagger);
        command.arg("sandbox").args(["--keep", "-o", "json"]).args(words).current_dir(root());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("KUBECONFIG");
        let mut child = command.spawn().map_err(|source| Error::Run { program: flagger.to_owned(), source })?;
        let errors = child.stderr.take().map(|stderr| std::thread::spawn(move || last_words(stderr)));
        let (news, heard) = channel();
        let ledger = Ledger::open(&folder)?;
        if let Some(stdout) = child.stdout.take() {
            // It ends with the program.
            std::thread::spawn(move || follow(stdout, ledger, &news));
        }
        let mut stage = Self { child, folder, doors: Value::Null, _chat: chat, errors };
        stage.doors = stage.hear(&heard, "doors")?;
        stage.hear(&heard, "summary")?;
        Ok(stage)
    }

    /// Where it keeps what it tells: the files `events`, `shares` and `slack`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A kubeconfig for it.
    pub fn kubeconfig(&self) -> Result<String, Error> {
        read(Path::new(self.doors["kubeconfig"].as_str().unwrap_or_default()))
    }

    /// The URL of the gateway, which is a proxy for names of the cluster.
    pub fn gateway(&self) -> &str {
        self.doors["gateway"].as_str().unwrap_or_default()
    }

    /// The series that a query has had so far, as Prometheus' API answers.
    pub fn series(&self, query: &str) -> Result<Vec<Value>, Error> {
        let url = self.doors["prometheus"].as_str().unwrap_or_default();
        let now = http::ask(url, "/api/v1/query", &[("query", "time()")])?[0].as_f64().unwrap_or_default();
        let (start, end) = ((now - SPAN.as_secs_f64()).to_string(), now.to_string());
        let form = [("query", query), ("start", &start), ("end", &end), ("step", "15s")];
        Ok(http::ask(url, "/api/v1/query_range", &form)?.as_array().cloned().unwrap_or_default())
    }

    /// Ends it as Ctrl-C does, and waits until it has ended.
    pub fn stop(mut self) -> Result<(), Error> {
        let failed = |source| Error::Run { program: "kill".into(), source };
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().map_err(failed)?;
        for _ in 0..LOOKS {
            if self.child.try_wait().map_err(failed)?.is_some() {
                return Ok(());
            }
            sleep(PAUSE);
        }
        Err(self.failure("does not end"))
    }

    /// Waits for a line of this kind.
    fn hear(&mut self, heard: &Receiver<Value>, kind: &str) -> Result<Value, Error> {
        loop {
            match heard.recv_timeout(START_MAX) {
                Ok(line) if line["kind"] == kind => return Ok(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Err(self.failure("does not get there")),
                Err(RecvTimeoutError::Disconnected) => return Err(self.failure("ended")),
            }
        }
    }

    fn failure(&mut self, what: &'static str) -> Error {
        // One that has ended can't be killed, which is as good.
        let _ = self.child.kill();
        let said = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        Error::Sandbox { what, said }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // As above; nobody is left to be told.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Takes down each line, and hands it on for as long as somebody listens.
fn follow(stdout: ChildStdout, mut ledger: Ledger, news: &Sender<Value>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        ledger.note(&line);
        // Nobody has to listen.
        let _ = news.send(line);
    }
}

fn last_words(stderr: impl Read) -> String {
    let mut last = VecDeque::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if last.len() == LAST_WORDS {
            last.pop_front();
        }
        last.push_back(line);
    }
    Vec::from(last).join("\n")
}
