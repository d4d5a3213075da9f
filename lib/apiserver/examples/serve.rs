//! Serves an empty cluster until Ctrl-C: `cargo run -p apiserver --example serve -- 127.0.0.1:8001 > kubeconfig`.

use std::io::Write as _;

use apiserver::{Options, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options::default();
    if let Some(addr) = std::env::args().nth(1) {
        options.addr = addr.parse()?;
    }
    let server = Server::start(options).await?;
    std::io::stdout().write_all(server.kubeconfig().as_bytes())?;
    std::io::stdout().flush()?;
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
