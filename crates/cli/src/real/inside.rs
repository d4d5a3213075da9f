//! The process in the namespaces: what it does before everything else.

use std::io::Read;
use std::net::Ipv4Addr;

use controlplane::SERVICE_RANGE;
use sandbox::POD_RANGE;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Doors, Error, relay, tools};

/// Where names are looked up. Kubernetes gives the first addresses of the range to nobody who does not ask for one of them.
pub(super) const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);

/// Whose short names everybody inside uses: the operator's, as that is who looks names up.
const NAMESPACE: &str = "flagger-system";

/// What every program reads to find DNS.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Makes the addresses of pods and Services local, and the DNS for them everybody's here. The machine's own network and files
/// are what they were.
pub(crate) fn set_up(doors: &Doors) -> Result<(), Error> {
    tools::run("ip", &["link", "set", "lo", "up"])?;
    for range in [POD_RANGE, SERVICE_RANGE] {
        tools::run("ip", &["route", "add", "local", range, "dev", "lo"])?;
    }
    let path = doors.folder.join("resolv.conf");
    let written = std::fs::write(&path, sandbox::resolv_conf(DNS, NAMESPACE));
    written.map_err(|source| Error::File { path: path.clone(), source })?;
    tools::run("mount", &["--bind", &path.to_string_lossy(), RESOLV_CONF])
}

/// Stops when the process outside lets go of us, or is gone.
pub(crate) fn follow(stop: CancellationToken) {
    // Nothing is ever written to it, so that a thread waits for its end; it goes with the process.
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut byte = [0];
        while matches!(stdin.read(&mut byte), Ok(1)) {}
        stop.cancel();
    });
}

/// Lets in who comes from outside, for as long as the result is held.
pub(crate) fn open(doors: &Doors) -> Result<JoinSet<()>, Error> {
    let mut relays = JoinSet::new();
    for (port, socket) in doors.sockets() {
        relays.spawn(relay::onwards(relay::listen(&socket)?, port));
    }
    Ok(relays)
}
