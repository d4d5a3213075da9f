//! Calls of the gRPC health service, `grpc.health.v1.Health/Check`, over HTTP/2 without TLS.
//!
//! A unary call is a POST with one framed message in each direction, and a status in the trailers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Shot;
use crate::tasks::Metadata;

/// The answer of a health check is a few bytes.
const ANSWER_MAX: usize = 1024;

/// The longest name of a service.
const SERVICE_MAX: usize = 100;

/// `SERVING`, as field 1 of the answer.
const SERVING: &[u8] = &[0x08, 0x01];

/// Whom to ask about what.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Host and port.
    address: String,
    /// The service; empty for the server as a whole.
    service: String,
    timeout: Duration,
}

impl Target {
    /// The server at `address`, which may be written as a URL.
    pub(super) fn new(address: &str, service: &str, timeout: Duration) -> Result<Self, String> {
        let plain = ["grpc://", "http://"].into_iter().find_map(|scheme| address.strip_prefix(scheme));
        let plain = plain.unwrap_or(address).trim_end_matches('/');
        let port = plain.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        if port.is_none_or(|port| port.parse::<u16>().is_err()) {
            return Err(format!("{address:?} in metadata is not host:port"));
        }
        if SERVICE_MAX < service.len() {
            return Err("the name of the service is too long".to_owned());
        }
        Ok(Self { address: plain.to_owned(), service: service.to_owned(), timeout })
    }

    pub(super) fn read(metadata: &Metadata, timeout: Duration) -> Result<Self, String> {
        let address = metadata.get("address").or_else(|| metadata.get("url")).ok_or("address not found in metadata")?;
        let service = metadata.get("service").map_or("", String::as_str);
        Self::new(address, service, timeout).map_err(|reason| format!("address {reason}"))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "health check of {:?} at {}", self.service, self.address)
    }
}

/// Makes one call after another, on one connection while it lasts.
pub(super) struct Gun {
    target: Arc<Target>,
    connection: Option<SendRequest<Bytes>>,
}

impl Gun {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self { target, connection: None }
    }

    /// One call.
    pub(super) async fn shoot(&mut self) -> Shot {
        let limit = self.target.timeout;
        let outcome = timeout(limit, self.call()).await.unwrap_or_else(|_| Err("timed out".to_owned()));
        if outcome.is_err() {
            self.connection = None;
        }
        match outcome {
            Ok(answer) => Shot { succeeded: answer == "SERVING", answer },
            Err(answer) => Shot { answer, succeeded: false },
        }
    }

    /// The status that the server gives itself, or that of the call.
    async fn call(&mut self) -> Result<String, String> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.target.address).await?,
        };
        let mut ready = connection.ready().await.map_err(|error| error.to_string())?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}/grpc.health.v1.Health/Check", self.target.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(());
        let request = request.map_err(|error| error.to_string())?;
        let (response, mut body) = ready.send_request(request, false).map_err(|error| error.to_string())?;
        body.send_data(message(&self.target.service), true).map_err(|error| error.to_string())?;
        let (head, mut body) = response.await.map_err(|error| error.to_string())?.into_parts();
        let mut answer = BytesMut::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk.map_err(|error| error.to_string())?;
            if ANSWER_MAX < answer.len() + chunk.len() {
                return Err("the answer is too large".to_owned());
            }
            // What is not released is never sent.
            body.flow_control().release_capacity(chunk.len()).map_err(|error| error.to_string())?;
            answer.extend_from_slice(&chunk);
        }
        let trailers = body.trailers().await.map_err(|error| error.to_string())?;
        self.connection = Some(ready);
        if !head.status.is_success() {
            return Ok(head.status.to_string());
        }
        // An answer without a message has its status in the head.
        let status = trailers.as_ref().and_then(status).or_else(|| status(&head.headers));
        Ok(match status {
            Some("0") if answer.get(5..) == Some(SERVING) => "SERVING".to_owned(),
            Some("0") => "NOT_SERVING".to_owned(),
            Some(code) => format!("grpc status {code}"),
            None => "no grpc status".to_owned(),
        })
    }
}

async fn connect(address: &str) -> Result<SendRequest<Bytes>, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| process::cause::innermost(&error))?;
    let (send, connection) = h2::client::handshake(stream).await.map_err(|error| error.to_string())?;
    // It ends with the last handle of it; what goes wrong is told to whoever waits for an answer.
    tokio::spawn(connection);
    Ok(send)
}

/// The framed message that asks about a service: its name is field 1.
fn message(service: &str) -> Bytes {
    let length = u8::try_from(service.len()).unwrap_or_default();
    let mut message = BytesMut::new();
    // Not compressed, and so many bytes follow.
    message.put_u8(0);
    message.put_u32(if length == 0 { 0 } else { u32::from(length) + 2 });
    if length != 0 {
        message.put_u8(0x0a);
        message.put_u8(length);
        message.put_slice(service.as_bytes());
    }
    message.freeze()
}

fn status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status")?.to_str().ok()
}
