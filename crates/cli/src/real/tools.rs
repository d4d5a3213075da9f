//! The programs of the machine that make and set up namespaces.

use std::ffi::OsString;
use std::io;
use std::process::{Command, Output, Stdio};

use super::Error;

/// Where they may be without being in the search path of everybody.
const ELSEWHERE: &str = "/usr/sbin:/sbin";

/// The flags by which `unshare` makes the namespaces: as anybody where users may, or else as root.
const NAMESPACES: [&[&str]; 2] = [&["--user", "--map-root-user", "--net", "--mount"], &["--net", "--mount"]];

/// The command that runs another one in namespaces of its own; whether there can be any is tried out.
pub(super) fn unshare() -> Result<Command, Error> {
    let mut words = String::new();
    for flags in NAMESPACES {
        let mut attempt = command("unshare");
        let output = output(attempt.args(flags).args(["--", "true"])).map_err(|source| missing("unshare", source))?;
        if output.status.success() {
            let mut unshare = command("unshare");
            unshare.args(flags).arg("--");
            return Ok(unshare);
        }
        if words.is_empty() {
            words = said(&output);
        }
    }
    Err(Error::Namespace(words))
}

/// Runs one of them to its end.
pub(super) fn run(program: &'static str, arguments: &[&str]) -> Result<(), Error> {
    let output = output(command(program).args(arguments)).map_err(|source| missing(program, source))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Refused { command: format!("{program} {}", arguments.join(" ")), words: said(&output) })
}

fn command(program: &str) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    let separator = if path.is_empty() { "" } else { ":" };
    path.push(OsString::from(format!("{separator}{ELSEWHERE}")));
    let mut command = Command::new(program);
    command.env("PATH", path);
    command
}

fn output(command: &mut Command) -> io::Result<Output> {
    command.stdin(Stdio::null()).output()
}

fn missing(program: &'static str, source: io::Error) -> Error {
    Error::Tool { program, source }
}

/// What it complained about, in one line.
fn said(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr);
    let words: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if words.is_empty() { output.status.to_string() } else { words.join("; ") }
}
