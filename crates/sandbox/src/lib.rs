//! A cluster on a laptop: an API server in memory, and everything that makes it behave like a cluster with working pods; or
//! only the latter, for an API server and controllers of Kubernetes' own ([`Given`]).
//!
//! What is real: the HTTP requests, the load balancing and the splitting by live routing objects, the rolling updates, the
//! readiness, the metrics and the queries on them. What is played: containers (each is the same small application, see
//! `podinfo`, unless whoever starts the sandbox brings a program for its image, [`Programs`]), image registries (the tag says whether an image exists, see `images`), the pod network (played addresses
//! lead to listeners on loopback, see `node`; with Kubernetes' own controllers the addresses are those of a network namespace
//! and Services have addresses and names, see `network`), and time, which can run faster than the machine's ([`ScaledClock`]).
//! It needs no privileges, and everything ends with [`Sandbox::stop`].
//!
//! It deliberately does not know what a canary is: an operator talks to it as to any cluster.
//!
//! Start reading at [`Sandbox::start`]; then `controllers` and `node` for how pods come about, and `gateway` for how
//! requests find them.
//!
//! ```no_run
//! # async fn example() -> Result<(), sandbox::Error> {
//! let sandbox = sandbox::Sandbox::start(sandbox::Options { speed: 10.0, ..Default::default() }).await?;
//! std::fs::write("kubeconfig", sandbox.kubeconfig()).ok();
//! sandbox.stop().await;
//! # Ok(())
//! # }
//! ```

mod clock;
mod cluster;
mod controllers;
mod crds;
mod duration;
mod exposition;
mod gateway;
mod images;
mod load;
mod metrics;
mod network;
mod node;
mod options;
mod podinfo;
mod programs;
mod prometheus;
mod sandbox;
mod services;
mod wire;

pub use apiserver::Faults;
pub use clock::ScaledClock;
pub use crds::Error as CrdError;
pub use gateway::{GatewayStats, Passage};
pub use load::{Counts, Load, LoadError, LoadOptions, LoadStats, Served};
pub use metrics::ScrapeTarget;
pub use network::resolv_conf;
pub use node::{BadPair, POD_RANGE};
pub use options::{Error, Given, Kubernetes, Options};
pub use programs::{Ended, Process, Programs};
pub use sandbox::Sandbox;
