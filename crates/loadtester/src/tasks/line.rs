//! *Types* `cmd`, `bash`, `helm`, `helmv3` and `kubectl`: a program of the machine.
//!
//! *Metadata.* `cmd`; `logCmdOutput` of `cmd`, `returnCmdOutput` of the others.
//!
//! *Quirks.* Arguments of `helm` and `kubectl` are split at white space and quotes mean nothing, as in the original.

use std::env;
use std::path::Path;

use super::child::{self, Program};
use super::{Commands, Metadata, Policy, Surroundings, Task, Work, boolean, required, words};
use crate::caller::Refusal;
use crate::load::imitation;

/// A program with its arguments.
#[derive(Debug)]
pub(super) struct Line {
    /// As the user wrote it, for messages.
    text: String,
    program: Program,
    /// Whether what it prints is the answer, or goes to the log when nobody waits for an answer.
    tells: bool,
}

/// `cmd`: in the background, without a shell.
pub(super) fn cmd(metadata: &Metadata, policy: &Policy) -> Result<Task, Refusal> {
    let text = required(metadata, "cmd")?;
    let mut words = words::split(text).map_err(|error| Refusal::bad_request(error.to_string()))?.into_iter();
    let name = words.next().unwrap_or_default();
    allow(policy, &name)?;
    let args: Vec<String> = words.collect();
    if let Some(why) = absence(policy, &name)
        && let Some(plan) = imitation::read(&name, &args)
    {
        let plan = plan.map_err(|reason| {
            Refusal::bad_request(format!("{name} {why}, and the built-in load can't stand in: {reason}"))
        })?;
        let note = format!("{name} {why}, its load is made by the load tester itself");
        return Ok(Task::load(plan, text.to_owned(), Some(note)));
    }
    let tells = boolean(metadata, "logCmdOutput")?;
    Ok(task("cmd", text, Program { name, args }, tells, false))
}

/// `bash`: waited for.
pub(super) fn bash(metadata: &Metadata, policy: &Policy) -> Result<Task, Refusal> {
    let text = required(metadata, "cmd")?;
    allow(policy, "bash")?;
    let program = Program { name: "bash".to_owned(), args: vec!["-c".to_owned(), text.to_owned()] };
    Ok(task("bash", text, program, boolean(metadata, "returnCmdOutput")?, true))
}

/// `helm` or `kubectl`, of which `cmd` holds the arguments: waited for.
pub(super) fn tool(kind: &'static str, name: &str, metadata: &Metadata, policy: &Policy) -> Result<Task, Refusal> {
    let text = required(metadata, "cmd")?;
    allow(policy, name)?;
    let args = text.split_whitespace().map(str::to_owned).collect();
    Ok(task(kind, text, Program { name: name.to_owned(), args }, boolean(metadata, "returnCmdOutput")?, true))
}

fn task(kind: &'static str, text: &str, program: Program, tells: bool, blocks: bool) -> Task {
    let line = Line { text: text.to_owned(), program, tells };
    Task { kind, text: text.to_owned(), blocks, note: None, work: Work::Line(line) }
}

fn allow(policy: &Policy, program: &str) -> Result<(), Refusal> {
    if policy.allowed.is_empty() || policy.allowed.iter().any(|allowed| allowed == program) {
        return Ok(());
    }
    Err(Refusal::forbidden(format!("{program} is not among -allowed-commands")))
}

/// Why a program that makes load is not there, if it is not.
fn absence(policy: &Policy, program: &str) -> Option<&'static str> {
    match policy.commands {
        Commands::All => (!is_installed(program)).then_some("is not installed"),
        Commands::AllButLoad | Commands::None => Some("is not run in a played container"),
    }
}

/// Whether the program is in one of the folders where programs are looked for.
fn is_installed(program: &str) -> bool {
    if program.contains('/') {
        return true;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}

impl Line {
    /// Runs it; what it printed, if that is asked for.
    pub(super) async fn run(&self, surroundings: &Surroundings<'_>) -> Result<String, String> {
        let Self { text, program, tells } = self;
        let Surroundings { policy, timeout, world, .. } = surroundings;
        let ended = child::run(program, &policy.env, world.proxy(), *timeout).await;
        let ended = ended.map_err(|error| format!("command {text} failed: : {error}"))?;
        match ended.failure {
            None if *tells => Ok(ended.output),
            None => Ok(String::new()),
            Some(failure) => Err(format!("command {text} failed: {}: {failure}", ended.output)),
        }
    }
}
