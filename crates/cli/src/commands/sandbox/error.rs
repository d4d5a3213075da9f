//! Why the sandbox ends early, and what to try next.

use std::io;

use operator::admin::BindError;
use operator::cluster::ConnectError;
use operator::{run, telemetry};

use crate::demo::{self, script};
use crate::real;

/// Why the sandbox ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("failed to read the manifests")]
    Script(#[source] script::Error),
    #[error("failed to make a folder for the kubeconfig")]
    Folder(#[source] io::Error),
    #[error(transparent)]
    Real(real::Error),
    #[error("failed to start the sandbox")]
    Start(#[source] sandbox::Error),
    #[error("failed to understand the operator's flags: {0}")]
    Flags(String),
    #[error("failed to connect the operator to the sandbox")]
    Connect(#[source] ConnectError),
    #[error("failed to open the operator's port")]
    Port(#[source] BindError),
    #[error("the operator ended by itself")]
    Left,
    #[error("the operator ended")]
    Operator(#[source] Box<run::Error>),
    #[error("failed to play the release")]
    Play(#[source] demo::Error),
    #[error("failed to listen for signals")]
    Signals(#[source] io::Error),
    #[error("failed to start")]
    Runtime(#[source] io::Error),
    #[error("failed to open the log")]
    Log(#[source] telemetry::InstallError),
}

impl Error {
    /// What to try next.
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Script(_) => Some("see docs/sandbox.md for what a manifest looks like"),
            Self::Real(error) => error.hint(),
            Self::Start(_) => Some("choose other ports with --api-port, --gateway-port and --metrics-port"),
            Self::Play(demo::Error::Apply { source, .. }) => Some(source.hint()),
            Self::Play(demo::Error::NoCanary(_)) => Some("add a Canary, or leave out -f to play the example"),
            Self::Play(demo::Error::Stuck { .. }) => Some("--keep leaves the cluster running; --verbose shows the log"),
            Self::Connect(error) => Some(error.hint()),
            Self::Port(error) => Some(error.hint()),
            Self::Operator(error) => error.hint(),
            _ => None,
        }
    }
}
