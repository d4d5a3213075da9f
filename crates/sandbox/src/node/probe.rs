//! Readiness probes against the played listeners.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::net::TcpStream;

use super::addresses::Addresses;
use crate::wire::{Body, Pool, full};

/// A probe never times out before this much real time: the machine's own slowness is not the pod's.
const LEAST: Duration = Duration::from_secs(2);

/// A probe's rhythm, with Kubernetes' defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    pub(crate) delay: Duration,
    pub(crate) period: Duration,
    pub(crate) successes: u32,
    pub(crate) failures: u32,
    timeout: Duration,
}

impl Rhythm {
    pub(crate) fn of(probe: &Probe) -> Self {
        let number =
            |value: Option<i32>, default: u32| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default);
        let secs = |value: Option<i32>, default: u32| Duration::from_secs(number(value, default).into());
        Self {
            delay: secs(probe.initial_delay_seconds, 0),
            period: secs(probe.period_seconds, 10).max(Duration::from_secs(1)),
            successes: number(probe.success_threshold, 1).max(1),
            failures: number(probe.failure_threshold, 3).max(1),
            timeout: secs(probe.timeout_seconds, 1),
        }
    }

    /// How long one attempt may take, in real time.
    pub(crate) fn patience(&self, real: impl Fn(Duration) -> Duration) -> Duration {
        real(self.timeout).max(LEAST)
    }
}

/// Asks a container once whether it is ready; an error says why not, in a kubelet's words.
///
/// A probe that runs a command always succeeds: there is nothing to run it in.
pub(crate) async fn ask(
    pool: &Pool,
    addresses: &Addresses,
    ip: IpAddr,
    container: &Container,
    probe: &Probe,
    patience: Duration,
) -> Result<(), String> {
    let asking = async {
        if let Some(get) = &probe.http_get {
            http_get(pool, addresses, ip, container, get).await
        } else if let Some(tcp) = &probe.tcp_socket {
            let port = port(container, &tcp.port).ok_or("invalid port")?;
            let at = addresses.resolve(ip, port).ok_or_else(|| refused(ip, port))?;
            TcpStream::connect(at).await.map(drop).map_err(|error| format!("dial tcp {ip}:{port}: {error}"))
        } else {
            Ok(())
        }
    };
    tokio::time::timeout(patience, asking).await.unwrap_or_else(|_| Err("context deadline exceeded".into()))
}

async fn http_get(
    pool: &Pool,
    addresses: &Addresses,
    ip: IpAddr,
    container: &Container,
    get: &HTTPGetAction,
) -> Result<(), String> {
    let port = port(container, &get.port).ok_or("invalid port")?;
    let at = addresses.resolve(ip, port).ok_or_else(|| refused(ip, port))?;
    let path = get.path.as_deref().unwrap_or("/");
    let mut request: Request<Body> =
        Request::get(path).body(full("")).map_err(|error| format!("Get \"http://{ip}:{port}{path}\": {error}"))?;
    let host = get.host.clone().unwrap_or_else(|| format!("{ip}:{port}"));
    let said = get.http_headers.iter().flatten().map(|header| (header.name.as_str(), header.value.as_str()));
    for (name, value) in [("host", host.as_str()), ("user-agent", "kube-probe/sandbox")].into_iter().chain(said) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            request.headers_mut().insert(name, value);
        }
    }
    request.headers_mut().remove(header::CONNECTION);
    let response =
        pool.send(at, request).await.map_err(|error| format!("Get \"http://{ip}:{port}{path}\": {error}"))?;
    let status = response.status();
    // The body is read so that the connection can be used again.
    let _ = response.into_body().collect().await;
    if status.is_success() || status.is_redirection() {
        return Ok(());
    }
    Err(format!("HTTP probe failed with statuscode: {}", status.as_u16()))
}

fn port(container: &Container, port: &IntOrString) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            ports.find(|port| port.name.as_ref() == Some(name))?.container_port
        }
    };
    u16::try_from(number).ok()
}

fn refused(ip: IpAddr, port: u16) -> String {
    format!("dial tcp {ip}:{port}: connect: connection refused")
}
