//! How a server is set up.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::faults::Faults;

/// Tells the time.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Finds the log of a pod by namespace and name.
pub type Logs = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

/// Is told of every change, in the order of their revisions and before the answer to whoever made it.
///
/// It runs while nothing else can change, so it must not wait, nor ask the server.
pub type Observer = Arc<dyn Fn(&Commit<'_>) + Send + Sync>;

/// A change that was made.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// The object before; nothing for a new one.
    pub before: Option<&'a Arc<Value>>,
    /// The object as it is now; nothing for one that is gone.
    pub after: Option<&'a Arc<Value>>,
}

/// How a server is set up; the default suits tests.
#[derive(Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one. By default `127.0.0.1:0`.
    pub addr: SocketAddr,
    /// The clock that stamps objects. Timeouts of watches use real time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Where uids and generated names start from; the same seed and the same calls give the same objects.
    pub seed: u64,
    /// How many changes of one resource are kept for watches; a watch from before that is answered `410 Expired`.
    pub history: usize,
    /// What `pods/log` answers; without it a log is empty.
    pub logs: Option<Logs>,
    /// Who is told of every change; by default nobody.
    pub observer: Option<Observer>,
    /// What goes wrong; by default nothing does.
    pub faults: Option<Faults>,
    /// Refuses requests that don't carry this bearer token.
    pub token: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            now: Arc::new(Timestamp::now),
            seed: 0,
            history: 4096,
            logs: None,
            observer: None,
            faults: None,
            token: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Options")
            .field("addr", &self.addr)
            .field("seed", &self.seed)
            .field("history", &self.history)
            .finish_non_exhaustive()
    }
}
