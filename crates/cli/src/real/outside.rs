//! The process that the user has started: it holds the ports and the leash of the one inside.

use std::io;
use std::path::Path;
use std::process::{Child, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use controlplane::Programs;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Doors, Error, relay, tools};

/// The pause between two looks at whether the process inside has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// How often it is looked for when nobody waits for it any more: two seconds, then it is killed.
const LAST_LOOKS: u32 = 100;

/// What names the machine's proxies, which are not to be reached from inside.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The ports that the user asked for, 0 for free ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) api: u16,
    pub(crate) gateway: u16,
    pub(crate) metrics: u16,
}

/// Runs this program again inside, with the same arguments and `flag` with what it has to know behind the subcommand, until it
/// ends or is told to stop. Its exit status is ours.
pub(crate) async fn run(ports: Ports, folder: &Path, flag: &str, stop: &CancellationToken) -> Result<ExitCode, Error> {
    // Told here, before anything is begun.
    Programs::find().map_err(Error::Plane)?;
    let (api_listener, api) = open("Kubernetes API", ports.api).await?;
    let (gateway_listener, gateway) = open("gateway", ports.gateway).await?;
    let (metrics_listener, metrics) = open("Prometheus API", ports.metrics).await?;
    let doors = Doors { api, gateway, metrics, folder: folder.to_owned() };

    let mut command = tools::unshare()?;
    let program = std::env::current_exe().map_err(Error::Again)?;
    // What the program inside leaves behind when it is killed goes with our folder.
    let mut words = std::env::args_os().skip(1);
    command.arg(program).args(words.next()).arg(flag).arg(doors.to_argument()).args(words).env("TMPDIR", folder);
    for variable in PROXIES {
        command.env_remove(variable);
    }
    let child = command.stdin(Stdio::piped()).spawn().map_err(Error::Again)?;
    let mut inside = Inside(child);

    let mut relays = JoinSet::new();
    for (listener, (_, socket)) in [api_listener, gateway_listener, metrics_listener].into_iter().zip(doors.sockets()) {
        relays.spawn(relay::inwards(listener, socket));
    }
    tokio::select! {
        status = inside.ended() => verdict(status.map_err(Error::Again)?),
        () = stop.cancelled() => {
            inside.let_go();
            verdict(inside.ended().await.map_err(Error::Again)?)
        }
    }
}

async fn open(whose: &'static str, port: u16) -> Result<(TcpListener, u16), Error> {
    let opened = async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let port = listener.local_addr()?.port();
        Ok((listener, port))
    };
    opened.await.map_err(|source: io::Error| Error::Port { whose, port, source })
}

fn verdict(status: ExitStatus) -> Result<ExitCode, Error> {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map(ExitCode::from).ok_or(Error::Killed(status))
}

/// The process inside, which ends with this.
struct Inside(Child);

impl Inside {
    /// Waits for its end.
    async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks it to end, in order.
    fn let_go(&mut self) {
        drop(self.0.stdin.take());
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.let_go();
        for _ in 0..LAST_LOOKS {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        // One that has ended already can't be killed, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn the_process_inside_is_let_go_and_its_status_is_kept() {
        let child = Command::new("sh").args(["-c", "cat; exit 130"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut inside = Inside(child);
        inside.let_go();
        let status = inside.ended().await.unwrap();
        assert_eq!(status.code(), Some(130));
        assert!(verdict(status).is_ok());
    }
}
