//! When to stop: the first SIGINT or SIGTERM asks for an orderly end, the second for an immediate one.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The status of a process that was told to stop twice.
pub const IMPATIENT: u8 = 1;

/// The signals that end the process; from its creation on they no longer do so by themselves.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes over SIGINT and SIGTERM.
    pub fn install() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Cancels `token` at the first signal and returns at the second, with the status to exit with at once.
    ///
    /// Expected flow: the binary races this against its work, and exits with whatever comes first.
    pub async fn govern(mut self, token: &CancellationToken) -> u8 {
        self.next().await;
        tracing::info!("shutting down");
        token.cancel();
        self.next().await;
        IMPATIENT
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
