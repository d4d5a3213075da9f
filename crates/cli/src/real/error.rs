//! Why there is no sandbox on a real control plane.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::demo::apply;

/// Why there is no sandbox on a real control plane, or no longer one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to start a real control plane")]
    Plane(#[source] controlplane::Error),
    #[error("the control plane has ended")]
    Ended(#[source] controlplane::Error),
    #[error("failed to open 127.0.0.1:{port} for the {whose}")]
    Port {
        whose: &'static str,
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("failed to run {program}")]
    Tool {
        program: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("failed to make a network namespace: {0}")]
    Namespace(String),
    #[error("failed to set up the network namespace: `{command}` says: {words}")]
    Refused { command: String, words: String },
    #[error("failed to write {}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to open {}", .path.display())]
    Socket {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to run this program in the network namespace")]
    Again(#[source] io::Error),
    #[error("the process in the network namespace was killed ({0})")]
    Killed(ExitStatus),
    #[error("failed to read the rules that the operator runs under: {0}")]
    Rules(String),
    #[error("failed to grant the operator its rules")]
    Grant(#[source] apply::Error),
    #[error("failed to get a token for the operator")]
    Token(#[source] Box<kube::Error>),
    #[error("the API server issued no token for the operator")]
    NoToken,
}

impl Error {
    /// What to try next, where the message does not say it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Port { .. } => Some("choose other ports with --api-port, --gateway-port and --metrics-port"),
            Self::Tool { .. } => {
                Some("install iproute2 (ip) and util-linux (unshare, mount), or leave out --control-plane real")
            }
            Self::Namespace(_) => Some(
                "run it as root, or let users make namespaces: sysctl user.max_user_namespaces=10000, and where there are such settings kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0",
            ),
            Self::Socket { .. } => Some("let TMPDIR name a folder with a short path that can be written"),
            _ => None,
        }
    }
}
