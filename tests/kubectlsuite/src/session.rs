//! One case by itself, for suites that bring their own server.

use crate::fault::Error;
use crate::play::play;
use crate::script::{self, Case};
use crate::shell::Kubectl;

/// The namespace of commands that name none: there is none of this name.
const NOWHERE: &str = "nowhere";

/// A sentence and the lines of shell that show it.
#[derive(Clone, Debug)]
pub struct Session(Case);

impl Session {
    /// All cases of a file, in the words of `script.rs`.
    pub fn read(file: &str, text: &str) -> Result<Vec<Self>, Error> {
        Ok(script::parse(file, text)?.into_iter().map(Self).collect())
    }

    /// The sentence.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Plays it; what was said, without what differs from run to run.
    pub fn play(&self, kubectl: &Kubectl) -> Result<Vec<String>, Error> {
        play(kubectl, &self.0.steps, NOWHERE)
    }
}
