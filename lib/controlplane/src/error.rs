//! Why there is no control plane: each in one line, with what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no control plane, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not there.
    #[error(
        "there is no {}; build it with tests/controlplane/build, which needs Go, or let KUBEBUILDER_ASSETS name a folder with etcd, kube-apiserver and kube-controller-manager",
        .0.display()
    )]
    Missing(PathBuf),
    /// There is no place for its data.
    #[error("failed to prepare the folder {}; let TMPDIR name one that can be written", .path.display())]
    Folder {
        /// Which folder or file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It can't sign tokens.
    #[error("failed to make a key for service accounts")]
    Keys,
    /// The machine has no port left, or no loopback.
    #[error("failed to find a free port of 127.0.0.1")]
    NoPort(#[source] io::Error),
    /// Somebody listens there.
    #[error("port {0} of 127.0.0.1 is taken; end what listens there, or choose another port")]
    PortTaken(u16),
    /// A program can't be run.
    #[error("failed to run {}; remove it and build it again with tests/controlplane/build", .path.display())]
    Run {
        /// Which program.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program ended while it was needed.
    #[error("{program} ended by itself ({status}); its last words: {words}")]
    Died {
        /// Which one.
        program: &'static str,
        /// How it ended.
        status: String,
        /// The end of its log.
        words: String,
    },
    /// It did not come up.
    #[error("the control plane was not ready after {waited:?}: {missing}; its last words: {words}")]
    Late {
        /// How long was waited.
        waited: Duration,
        /// What was waited for.
        missing: &'static str,
        /// The end of the log of kube-apiserver or kube-controller-manager.
        words: String,
    },
    /// Its address or its certificate can't be used.
    #[error("failed to set up a client of the control plane")]
    Client(#[source] Box<kube::Error>),
}
