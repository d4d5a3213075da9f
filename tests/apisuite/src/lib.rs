//! Behaviours of a Kubernetes API server, as cases that run against any server.
//!
//! A case is a sentence and a few requests (`cases/*.txt`). Its transcript is what the server answered, with everything
//! taken out that differs from run to run: times, uids, and the numbers of revisions, of which only the order stays.
//! The transcripts of a real kube-apiserver are committed (`real/*.json`), so that a server in memory can be held against
//! it on a machine that has none. Differences that are kept are data with a reason (`kept.yaml`).
//!
//! It deliberately does not know which server it talks to: there is a URL, a bearer token, and plain HTTP and JSON. What a
//! right answer would be it does not know either; the recordings are the only judge.
//!
//! Start reading at `cases/writes.txt`, then [`suite`], `script.rs` (what the words of a case mean) and `normal.rs` (what
//! is left of an answer).

mod compare;
mod fault;
mod kept;
mod normal;
mod ownership;
mod pick;
mod quiet;
mod record;
mod run;
mod script;
mod server;
mod suite;

pub use fault::Error;
pub use kept::markdown;
pub use quiet::quiet;
pub use server::Server;
pub use suite::{Report, check, record};
