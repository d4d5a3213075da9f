//! Why a case could not be played, which is not the same as a wrong answer.

use std::path::PathBuf;

/// What went wrong around the answers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the suite, or of a run, can't be read or written.
    #[error("failed to use {path}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line of a case means nothing.
    #[error("failed to understand {place}: {why}")]
    Script {
        /// File and line, or the sentence of the case.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A command can't be run at all.
    #[error("failed to run {command}")]
    Run {
        /// The line of shell.
        command: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// What a case takes for granted did not come about.
    #[error("failed to prepare: {command} ended with {code}: {words}")]
    Unprepared {
        /// The line of shell.
        command: String,
        /// Its exit code.
        code: i32,
        /// What it said.
        words: String,
    },
    /// A command does not end, or never says what it should.
    #[error("failed to wait for {command}, which said: {words}")]
    Late {
        /// The line of shell.
        command: String,
        /// What it said so far.
        words: String,
    },
    /// There is no `kubectl` of the release that was recorded.
    #[error("there is no kubectl {0}x; build one with tests/controlplane/build, or put one into PATH")]
    NoKubectl(&'static str),
    /// The kubeconfig of the server can't be read.
    #[error("failed to read the kubeconfig of the server")]
    Kubeconfig(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The sandbox does not start.
    #[error("failed to start a sandbox")]
    Sandbox(#[source] sandbox::Error),
    /// The control plane does not start.
    #[error("failed to start a control plane")]
    ControlPlane(#[source] controlplane::Error),
    /// The control plane has no machine.
    #[error("failed to add a machine to the control plane")]
    Node(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no runtime to start a server in.
    #[error("failed to start a runtime")]
    Runtime(#[source] std::io::Error),
}
