//! A run of the program on a real control plane, and what it leaves behind.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{env, fs};

use controlplane::Programs;
use serde_json::Value;

/// How often is looked whether anything is left: for longer than an end takes on a machine that builds at the same time.
const LOOKS: u32 = 6000;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// A running program.
pub(crate) struct Run {
    pub(crate) child: Child,
    /// Its folder.
    pub(crate) folder: PathBuf,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
}

/// The programs of a control plane, `None` where there are none, or no namespace to run them in: then the test has to be left
/// out, which is said; with `CONTROLPLANE=required` in the environment it fails instead.
pub(crate) fn programs() -> Option<Programs> {
    let programs = Programs::for_tests()?;
    let is_required = env::var_os("CONTROLPLANE").is_some_and(|value| value == "required");
    let can = |flags: &[&str]| {
        let mut attempt = Command::new("unshare");
        attempt.args(flags).arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if is_required || can(&["--user", "--map-root-user", "--net", "--mount"]) || can(&["--net", "--mount"]) {
        return Some(programs);
    }
    // A closed stderr has nobody who could be told.
    let _ =
        writeln!(io::stderr(), "left out: the sandbox on a real control plane; there can be no network namespace here");
    None
}

/// The program on a real control plane.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagger"));
    command.args(["sandbox", "--control-plane", "real"]).args(words);
    command.stdin(Stdio::null()).env_remove("KUBECONFIG");
    command
}

/// Exit status, stdout and stderr of a program that ends by itself.
pub(crate) fn end(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A file with this content.
pub(crate) fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a writable folder");
    path.display().to_string()
}

impl Run {
    /// Starts the program with these arguments.
    pub(crate) fn of(words: &[&str]) -> Self {
        let mut command = command(words);
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut stderr = child.stderr.take().expect("a pipe");
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text).unwrap_or_default()
        });
        let folder = std::env::temp_dir().join(format!("flagger-sandbox-{}", child.id()));
        Self { child, folder, stdout, stderr }
    }

    /// The first line from now on that is as asked.
    pub(crate) fn line(&mut self, what: impl Fn(&Value) -> bool) -> Value {
        let mut text = String::new();
        while 0 < self.stdout.read_line(&mut text).expect("text") {
            let line: Value = serde_json::from_str(&text).expect(&text);
            if what(&line) {
                return line;
            }
            text.clear();
        }
        panic!("the program ended");
    }

    /// What Ctrl-C at a terminal does: all processes of the group hear of it.
    pub(crate) fn interrupt(&self) {
        signal("-INT", &format!("-{}", self.child.id()));
    }

    /// Kills the process of the sandbox that has this among its arguments.
    pub(crate) fn kill(&self, argument: &str) {
        let found = processes(&self.folder).into_iter().find(|(_, line)| line.contains(argument));
        signal("-KILL", &found.expect("a process").0);
    }

    /// Exit status and what else was said, once it has ended and nothing is left of it.
    pub(crate) fn finish(mut self) -> (Option<i32>, String, String) {
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("text");
        let status = self.child.wait().expect("an end");
        let stderr = self.stderr.join().expect("text");
        let is_gone = || !self.folder.exists() && processes(&self.folder).is_empty();
        for _ in 0..LOOKS {
            if is_gone() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        assert!(is_gone(), "{} or something in it is left: {:?}", self.folder.display(), processes(&self.folder));
        (status.code(), stdout, stderr)
    }
}

fn signal(which: &str, process: &str) {
    assert!(Command::new("kill").args([which, "--", process]).status().expect("kill").success());
}

/// The processes that have this folder among their arguments: number and command line.
fn processes(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let number = entry.file_name().to_string_lossy().into_owned();
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if number.bytes().all(|byte| byte.is_ascii_digit()) && line.contains(&*folder.to_string_lossy()) {
            found.push((number, line));
        }
    }
    found
}
