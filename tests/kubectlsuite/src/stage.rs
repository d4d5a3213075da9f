//! The two servers: a sandbox, and a real control plane with the same kinds and a machine of the same name.

use std::sync::Arc;

use controlplane::{ControlPlane, Node, Options, Programs};
use sandbox::Sandbox;
use tokio::runtime::Runtime;

use crate::fault::Error;
use crate::files;
use crate::shell::Kubectl;

/// The kinds that a sandbox has from the start.
const KINDS: [&str; 2] =
    ["../../charts/flagger/crds/crd.yaml", "../../crates/sandbox/crds/gateway.networking.k8s.io.yaml"];

/// The machine that a sandbox has.
const MACHINE: &str = "sandbox";

/// A sandbox, and `kubectl` on it.
pub struct Ours {
    kubectl: Kubectl,
    sandbox: Sandbox,
    runtime: Runtime,
}

impl Ours {
    /// Starts one.
    pub fn start() -> Result<Self, Error> {
        let runtime = Runtime::new().map_err(Error::Runtime)?;
        let sandbox = runtime.block_on(Sandbox::start(sandbox::Options::default())).map_err(Error::Sandbox)?;
        let kubectl = Kubectl::find(&sandbox.kubeconfig())?;
        Ok(Self { kubectl, sandbox, runtime })
    }

    /// `kubectl` on it.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Ends it.
    pub fn stop(self) {
        self.runtime.block_on(self.sandbox.stop());
    }
}

/// A real control plane, and `kubectl` on it. It ends when this is dropped.
pub struct Real {
    kubectl: Kubectl,
    _node: Node,
    _plane: Arc<ControlPlane>,
    _runtime: Runtime,
}

impl Real {
    /// Starts one.
    pub fn start() -> Result<Self, Error> {
        let runtime = Runtime::new().map_err(Error::Runtime)?;
        let programs = Programs::find().map_err(Error::ControlPlane)?;
        let plane = runtime.block_on(ControlPlane::start(Options::new(programs))).map_err(Error::ControlPlane)?;
        Self::on(runtime, Arc::new(plane))
    }

    /// The one that tests of this process share, `None` where there is none: see [`ControlPlane::for_tests`].
    pub fn for_tests() -> Result<Option<Self>, Error> {
        let runtime = Runtime::new().map_err(Error::Runtime)?;
        runtime.block_on(ControlPlane::for_tests()).map(|plane| Self::on(runtime, plane)).transpose()
    }

    fn on(runtime: Runtime, plane: Arc<ControlPlane>) -> Result<Self, Error> {
        let kubectl = Kubectl::find(&plane.kubeconfig().map_err(Error::ControlPlane)?)?;
        install_kinds(&kubectl)?;
        let node = runtime.block_on(async {
            let client = plane.client().map_err(Error::ControlPlane)?;
            Node::join(client, MACHINE, None).await.map_err(|error| Error::Node(error.into()))
        })?;
        Ok(Self { kubectl, _node: node, _plane: plane, _runtime: runtime })
    }

    /// `kubectl` on it.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }
}

fn install_kinds(kubectl: &Kubectl) -> Result<(), Error> {
    let shell = kubectl.shell("default")?;
    for path in KINDS {
        let path = files::root().join(path);
        shell.must(&format!("kubectl apply --server-side -f '{}'", path.display()))?;
    }
    shell.must("kubectl wait --for=condition=Established customresourcedefinitions --all --timeout=30s").map(drop)
}
