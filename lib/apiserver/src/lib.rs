//! A Kubernetes API server in memory, for tests and laptops.
//!
//! It serves the built-in kinds that operators, `kubectl` and GitOps tools touch, and any kind that a
//! `CustomResourceDefinition` adds: create, get, list, watch, update, four kinds of patch (server-side apply among
//! them), delete with its cascades, `status` and `scale`, tables, discovery and OpenAPI. Everything lives in one process
//! and ends with it.
//!
//! It deliberately has no controllers beyond what a bare API server shows (default objects of a namespace, the garbage
//! collector), no users, no admission plug-ins, no storage, and it does not know what any custom resource means.
//!
//! A built-in kind is a row of data: `kinds/rows.rs` lists them, `fields/types.txt` names their fields and
//! `fields/rules.txt` their defaults and requirements. To read the code start with `api.rs` (a request becomes a call),
//! go on to `write.rs` (what every change goes through) and `store.rs` (where objects and their history are kept).
//!
//! ```no_run
//! # async fn example() -> Result<(), apiserver::Error> {
//! let server = apiserver::Server::start(apiserver::Options::default()).await?;
//! std::fs::write("kubeconfig", server.kubeconfig()).ok();
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod apply;
mod body;
mod builtin;
mod crd;
mod discovery;
mod faults;
mod fields;
mod gc;
mod kinds;
mod meta;
mod openapi;
mod options;
mod packed;
mod patch;
mod query;
mod read;
mod refusal;
mod reply;
mod route;
mod schema;
mod select;
mod server;
mod shape;
mod store;
mod subresources;
mod table;
mod watch;
mod world;
mod write;

pub use api::Api;
pub use faults::{Fault, Faults, History, Rule, Verb};
pub use options::{Commit, Logs, Observer, Options};
pub use server::{Error, Server};
