//! A real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager as plain processes, on free ports of
//! loopback, in a folder of their own, gone with whoever started them.
//!
//! What is real: everything that a client can see of the API, and the controllers. What is played: a machine, see [`Node`],
//! on which every container starts at once and is ready. It needs no privileges and no containers; the programs come from
//! `tests/controlplane/build`, see [`Programs`].
//!
//! It deliberately knows nothing of Flagger, so that any crate of the workspace can be tested on it, and a
//! sandbox can be built around it.
//!
//! Start reading at [`ControlPlane::start`]; tests begin with [`ControlPlane::for_tests`].
//!
//! ```no_run
//! # async fn example() -> Result<(), controlplane::Error> {
//! let options = controlplane::Options::new(controlplane::Programs::find()?);
//! let plane = controlplane::ControlPlane::start(options).await?;
//! let version = plane.client()?.apiserver_version().await;
//! # Ok(())
//! # }
//! ```

mod control_plane;
mod error;
mod folder;
mod keeper;
mod keys;
mod node;
mod programs;
mod shared;

pub use control_plane::{ControlPlane, Options, SERVICE_RANGE};
pub use error::Error;
pub use folder::fresh_folder;
pub use node::Node;
pub use programs::{Program, Programs};
