//! Starts a control plane with a machine that is played, prints the path of its kubeconfig, and ends with Ctrl-C.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use controlplane::{ControlPlane, Node, Options, Programs};

#[tokio::main]
async fn main() -> ExitCode {
    match up().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told of a closed stream.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn up() -> Result<(), Box<dyn Error>> {
    let plane = ControlPlane::start(Options::new(Programs::find()?)).await?;
    let _node = Node::join(plane.client()?, "node", None).await?;
    writeln!(io::stdout(), "{}", plane.folder().join("kubeconfig").display())?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}
