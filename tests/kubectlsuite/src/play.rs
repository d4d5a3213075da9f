//! Playing a case.

use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

use crate::fault::Error;
use crate::files;
use crate::normal::Names;
use crate::script::Step;
use crate::shell::{COMMAND_MAX, Kubectl, Running, Shell};
use crate::transcript::Said;

/// The pause between two tries of what is repeated.
const PAUSE: Duration = Duration::from_millis(50);

/// Plays steps in a namespace of their own, which is there; what is recorded of them.
pub(crate) fn play(kubectl: &Kubectl, steps: &[Step], space: &str) -> Result<Vec<String>, Error> {
    let shell = kubectl.shell(space)?;
    let mut played = Played { shell, said: Vec::new(), watched: None };
    for step in steps {
        played.step(step)?;
    }
    played.see_the_rest()?;
    let mut names = Names::new(space);
    Ok(played.said.iter().flat_map(|(command, said)| names.plain(said).lines(command)).collect())
}

struct Played<'a> {
    shell: Shell<'a>,
    /// Commands and what they said.
    said: Vec<(String, Said)>,
    watched: Option<Watched>,
}

/// A command that runs beside the others.
struct Watched {
    /// Its place among those recorded.
    at: usize,
    running: Running,
    lines: usize,
}

impl Played<'_> {
    fn step(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::File { name, text } => files::write(&self.shell.folder().join(name), text),
            Step::Given(command) => self.shell.must(command).map(drop),
            Step::Until { command, says } => until(&self.shell, command, says),
            Step::Shown(command) => {
                let said = self.shell.run(command)?;
                self.said.push((command.clone(), said));
                Ok(())
            }
            Step::Watched { lines, command } => self.watch(*lines, command),
        }
    }

    /// Starts watching; with its first line it has seen how things are, and misses nothing from then on.
    fn watch(&mut self, lines: usize, command: &str) -> Result<(), Error> {
        self.see_the_rest()?;
        let mut watched = Watched { at: self.said.len(), running: self.shell.start(command)?, lines };
        watched.until(1)?;
        self.said.push((command.to_owned(), Said::default()));
        self.watched = Some(watched);
        Ok(())
    }

    /// Watches until all lines have come that should.
    fn see_the_rest(&mut self) -> Result<(), Error> {
        let Some(mut watched) = self.watched.take() else { return Ok(()) };
        let whole = watched.until(watched.lines)?;
        self.said.get_mut(watched.at).into_iter().for_each(|(_, said)| *said = whole.clone());
        Ok(())
    }
}

impl Watched {
    /// What was said, once it has so many lines or is all.
    fn until(&mut self, lines: usize) -> Result<Said, Error> {
        let deadline = Instant::now() + COMMAND_MAX;
        loop {
            let ended = self.running.has_ended()?;
            let said = self.running.said()?;
            if ended || lines <= said.output.matches('\n').count() {
                let first = said.output.split_inclusive('\n').take(lines).collect();
                return Ok(Said { output: first, ..said });
            }
            if deadline < Instant::now() {
                return Err(self.running.late());
            }
            sleep(PAUSE);
        }
    }
}

fn until(shell: &Shell<'_>, command: &str, says: &str) -> Result<(), Error> {
    let deadline = Instant::now() + shell.patience();
    loop {
        let said = shell.run(command)?;
        if said.output.trim() == says {
            return Ok(());
        }
        if deadline < Instant::now() {
            let words = (said.output + &said.errors).trim().to_owned();
            return Err(Error::Late { command: command.to_owned(), words });
        }
        sleep(PAUSE);
    }
}
