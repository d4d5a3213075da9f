//! A sandbox on a real control plane, in namespaces of its own.
//!
//! Endpoints refuse addresses of loopback, so that pods need others, which only a network namespace gives to somebody without
//! privileges. A process can't move into one once it has threads; therefore the program runs itself again in it:
//!
//! * *Outside* ([`outside`]) it listens on the ports that the user asked for, and carries connections to Unix sockets in the
//!   sandbox's folder, as paths are all that both sides share.
//! * *Inside* ([`inside`]) is everything else: the control plane, the sandbox, the operator, the play. The same ports lead to
//!   the same servers there, so that one kubeconfig holds on both sides.
//!
//! Inside ends when outside does, however that happens: it reads from a pipe whose other end is held outside.

mod error;
pub(crate) mod inside;
pub(crate) mod outside;
mod plane;
mod relay;
mod tools;

use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(crate) use error::Error;
pub(crate) use plane::Plane;

/// What both sides know: the folder that they share, and the ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doors {
    pub(crate) api: u16,
    pub(crate) gateway: u16,
    pub(crate) metrics: u16,
    pub(crate) folder: PathBuf,
}

impl Doors {
    /// Each port and the socket that it is reached by.
    fn sockets(&self) -> [(u16, PathBuf); 3] {
        let socket = |port: u16, name: &str| (port, self.folder.join(name));
        [socket(self.api, "api.sock"), socket(self.gateway, "gateway.sock"), socket(self.metrics, "metrics.sock")]
    }

    /// As [`Doors::from_str`] reads it.
    fn to_argument(&self) -> String {
        let Self { api, gateway, metrics, folder } = self;
        format!("{api},{gateway},{metrics},{}", folder.display())
    }
}

impl FromStr for Doors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(4, ',');
        let mut next = || parts.next().ok_or_else(|| "three ports and a folder are needed".to_owned());
        let port = |text: &str| text.parse::<u16>().map_err(|error| error.to_string());
        Ok(Self {
            api: port(next()?)?,
            gateway: port(next()?)?,
            metrics: port(next()?)?,
            folder: Path::new(next()?).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_understands_what_outside_says() {
        let doors = Doors { api: 6443, gateway: 8080, metrics: 9090, folder: "/tmp/a,b".into() };
        assert_eq!(doors.to_argument().parse(), Ok(doors));
        assert!("6443,8080".parse::<Doors>().is_err());
    }
}
