//! A shell in which `kubectl` is the one that was recorded, and talks to one server.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{self, Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use controlplane::Programs;
use serde_json::Value;
use tokio::time::Instant;

use crate::fault::Error;
use crate::files;
use crate::transcript::Said;

/// The release of `kubectl` that was recorded; another one words things differently.
const RELEASE: &str = "v1.36.";

/// How long a command may take, on a machine that builds at the same time.
pub(crate) const COMMAND_MAX: Duration = Duration::from_secs(60);

/// The pause between two looks at a command.
const PAUSE: Duration = Duration::from_millis(10);

/// `kubectl`, and the server that it talks to. Its folder goes when this is dropped.
#[derive(Debug)]
pub struct Kubectl {
    folder: PathBuf,
    kubeconfig: Value,
    /// What else commands find in their environment.
    variables: Vec<(String, PathBuf)>,
    /// How long a command may take.
    patience: Duration,
}

impl Kubectl {
    /// The one of the control plane's programs, or else the one in `PATH`, talking to the server of a kubeconfig.
    pub fn find(kubeconfig: &str) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let kubeconfig = serde_saphyr::from_str(kubeconfig).map_err(|error| Error::Kubeconfig(error.into()))?;
        let program = program().ok_or(Error::NoKubectl(RELEASE))?;
        let name = format!("kubectlsuite-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(name);
        let found = Self { folder, kubeconfig, variables: Vec::new(), patience: COMMAND_MAX };
        found.install(&program)?;
        Ok(found)
    }

    /// The same with a path in the environment of commands.
    #[must_use]
    pub fn with(mut self, variable: &str, path: PathBuf) -> Self {
        self.variables.push((variable.to_owned(), path));
        self
    }

    /// The same, waiting this long for a command to end, or to say what it should.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether there is one of the release that was recorded.
    pub fn is_found() -> bool {
        program().is_some()
    }

    /// What a line of shell prints, with a namespace as the default one. It must succeed.
    pub fn say(&self, space: &str, line: &str) -> Result<String, Error> {
        self.shell(space)?.must(line)
    }

    /// Puts a `kubectl` into the folder that the shells look into first.
    fn install(&self, program: &Command) -> Result<(), Error> {
        let folder = self.folder.join("bin");
        make(&folder)?;
        let words = std::iter::once(program.get_program()).chain(program.get_args());
        let words: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
        let path = folder.join("kubectl");
        files::write(&path, &format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" ")))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(|source| Error::File { path, source })
    }

    /// A shell with a folder of its own, in which this namespace is the default one.
    pub(crate) fn shell(&self, space: &str) -> Result<Shell<'_>, Error> {
        let folder = self.folder.join(space);
        make(&folder.join(TEMPORARY))?;
        let mut kubeconfig = self.kubeconfig.clone();
        for context in kubeconfig["contexts"].as_array_mut().into_iter().flatten() {
            context["context"]["namespace"] = space.into();
        }
        // JSON is YAML.
        files::write(&folder.join(KUBECONFIG), &kubeconfig.to_string())?;
        Ok(Shell { kubectl: self, folder, space: space.to_owned(), commands: AtomicU32::new(0) })
    }
}

impl Drop for Kubectl {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The names of the kubeconfig and of the folder for temporary files, in the folder of a shell.
const KUBECONFIG: &str = ".kubeconfig";
const TEMPORARY: &str = ".tmp";

/// Where the commands of one case run.
pub(crate) struct Shell<'a> {
    kubectl: &'a Kubectl,
    folder: PathBuf,
    space: String,
    /// How many there were.
    commands: AtomicU32,
}

impl Shell<'_> {
    /// Its own folder, in which the commands find the files of their case.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// How long a command may take.
    pub(crate) fn patience(&self) -> Duration {
        self.kubectl.patience
    }

    /// Runs a line to its end.
    pub(crate) fn run(&self, line: &str) -> Result<Said, Error> {
        let mut running = self.start(line)?;
        let deadline = Instant::now() + self.patience();
        while !running.has_ended()? {
            if deadline < Instant::now() {
                return Err(running.late());
            }
            sleep(PAUSE);
        }
        running.said()
    }

    /// Runs a line that must succeed; what it printed.
    pub(crate) fn must(&self, line: &str) -> Result<String, Error> {
        let said = self.run(line)?;
        match said.code {
            Some(0) => Ok(said.output),
            code => {
                let (code, words) = (code.unwrap_or_default(), said.errors.trim().to_owned());
                Err(Error::Unprepared { command: line.to_owned(), code, words })
            }
        }
    }

    /// Starts a line. What it says goes to files, so that it never has to wait for a reader.
    pub(crate) fn start(&self, line: &str) -> Result<Running, Error> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let [output, errors] = ["out", "err"].map(|end| self.folder.join(format!(".{number}.{end}")));
        let create = |path: &PathBuf| File::create(path).map_err(|source| Error::File { path: path.clone(), source });
        let (stdout, stderr) = (create(&output)?, create(&errors)?);
        let child = self.command(line).stdout(stdout).stderr(stderr).spawn();
        let child = child.map_err(|source| Error::Run { command: line.to_owned(), source })?;
        Ok(Running { line: line.to_owned(), child, code: None, output, errors })
    }

    fn command(&self, line: &str) -> Command {
        let path = env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", format!("{}:{path}", self.kubectl.folder.join("bin").display()))
            // What it remembers of the server is shared by all shells.
            .env("HOME", &self.kubectl.folder)
            .env("KUBECONFIG", self.folder.join(KUBECONFIG))
            .env("TMPDIR", self.folder.join(TEMPORARY))
            .env("NAMESPACE", &self.space)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .envs(self.kubectl.variables.iter().map(|(name, path)| (name, path)))
            .stdin(Stdio::null())
            // So that all that it starts can be ended with it.
            .process_group(0);
        command
    }
}

/// A line that was started; it is ended when this is dropped.
pub(crate) struct Running {
    line: String,
    child: Child,
    code: Option<i32>,
    output: PathBuf,
    errors: PathBuf,
}

impl Running {
    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Result<bool, Error> {
        let status = self.child.try_wait().map_err(|source| Error::Run { command: self.line.clone(), source })?;
        // A signal is no exit code; a shell has numbers from 128 for those.
        self.code = status.map(|status| status.code().unwrap_or(128));
        Ok(status.is_some())
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> Result<Said, Error> {
        Ok(Said { output: files::read(&self.output)?, errors: files::read(&self.errors)?, code: self.code })
    }

    /// The error that it takes too long.
    pub(crate) fn late(&self) -> Error {
        let said = self.said().unwrap_or_default();
        Error::Late { command: self.line.clone(), words: (said.output + &said.errors).trim().to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.code.is_none() {
            // The shell's `kill` knows process groups, the standard library does not.
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = self.child.wait();
        }
    }
}

/// A `kubectl` of the recorded release.
fn program() -> Option<Command> {
    let built = Programs::find().ok().and_then(|programs| programs.kubectl()).map(|program| program.command());
    built.into_iter().chain(in_path("kubectl").map(Command::new)).find(is_recorded)
}

/// The programs of this name by their whole paths: where commands run, the first `kubectl` in `PATH` is the one of
/// [`Kubectl::install`], which must not call itself.
fn in_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let files: Vec<_> = env::split_paths(&path).filter_map(|folder| path::absolute(folder.join(name)).ok()).collect();
    files.into_iter().filter(|file| file.is_file())
}

fn is_recorded(program: &Command) -> bool {
    let mut command = Command::new(program.get_program());
    command.args(program.get_args()).args(["version", "--client"]).stdin(Stdio::null());
    let said = command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    said.is_ok_and(|said| said.lines().any(|line| line.starts_with(&format!("Client Version: {RELEASE}"))))
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_in_path_are_known_by_their_whole_paths() {
        let found: Vec<_> = in_path("sh").collect();
        assert!(!found.is_empty() && found.iter().all(|file| file.is_absolute()), "{found:?}");
    }
}
