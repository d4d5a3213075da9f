//! What containers of some images run instead of the small application.
//!
//! A program is a function of this process: it gets listening sockets and what its container says, and serves until it is told
//! to stop. Whoever starts the sandbox brings it ([`Programs::with`]); the sandbox knows none by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use kube::Client;
use ports::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A container that starts: what its program has to know.
pub struct Process {
    /// The name of its pod.
    pub pod: String,
    /// The namespace of its pod.
    pub namespace: String,
    /// The tag of its image.
    pub tag: String,
    /// `command` and `args` of the container.
    pub words: Vec<String>,
    /// Its environment, resolved.
    pub env: BTreeMap<String, String>,
    /// Sockets that its ports lead to; there is at least one.
    pub listeners: Vec<TcpListener>,
    /// The HTTP proxy that leads to cluster names on the pod's behalf, as `http://POD.NAMESPACE@ADDRESS`; `None` where such
    /// names are resolved as any other.
    pub proxy: Option<String>,
    /// A client of the Kubernetes API that may do everything.
    pub client: Client,
    /// The time in the sandbox.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the container is to end; it has its pod's grace period for that.
    pub stop: CancellationToken,
}

/// Why a program ended by itself, in words for the container's status.
pub type Ended = Result<(), String>;

/// Runs one container until it ends.
type Program = Arc<dyn Fn(Process) -> BoxFuture<'static, Ended> + Send + Sync>;

/// Programs by image.
#[derive(Clone, Default)]
pub struct Programs(BTreeMap<String, Program>);

impl Programs {
    /// These and one more: containers of an image of this repository, such as `ghcr.io/fluxcd/flagger-loadtester`, run it.
    #[must_use]
    pub fn with<F>(mut self, repository: &str, program: impl Fn(Process) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        self.0.insert(repository.to_owned(), Arc::new(move |process| Box::pin(program(process))));
        self
    }

    pub(crate) fn of(&self, repository: &str) -> Option<&Program> {
        self.0.get(repository)
    }
}

impl fmt::Debug for Programs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
