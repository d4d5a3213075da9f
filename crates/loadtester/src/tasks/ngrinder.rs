//! *Type* `ngrinder`: a test of nGrinder, in the background.
//!
//! *Endpoints.* `POST /perftest/api/<clone>/clone_and_start` starts it, `GET /perftest/api/<id>/status` tells how it is, and
//! `PUT /perftest/api/<id>?action=stop` ends one that takes too long.
//!
//! *Metadata.* `server`, `clone`, `username`, `passwd` (base64); `pollInterval` (1s).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::remote::Server;
use super::{Metadata, Task, Work, required, seconds};
use crate::caller::Refusal;

const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A test to be cloned and started.
#[derive(Debug)]
pub(super) struct Ngrinder {
    server: Server,
    clone: u64,
    /// The header that says who we are.
    credentials: String,
    interval: Duration,
}

pub(super) fn read(metadata: &Metadata) -> Result<Task, Refusal> {
    let server = Server::read(required(metadata, "server")?)?;
    let clone = required(metadata, "clone")?;
    let clone = clone
        .parse()
        .map_err(|_| Refusal::bad_request(format!("clone {clone:?} in metadata is not the number of a test")))?;
    let username = required(metadata, "username")?;
    let password = STANDARD.decode(required(metadata, "passwd")?).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password = password.ok_or_else(|| Refusal::bad_request("passwd in metadata is not base64 of a text"))?;
    let credentials = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
    let interval = seconds(metadata, "pollInterval", POLL_INTERVAL)?;
    let text = format!("clone {clone} on {server:?}");
    let ngrinder = Ngrinder { server, clone, credentials, interval };
    Ok(Task { kind: "ngrinder", text, blocks: false, note: None, work: Work::Ngrinder(ngrinder) })
}

impl Ngrinder {
    /// Starts the test and waits for its end; one that takes longer than `limit` is stopped.
    pub(super) async fn run(&self, limit: Duration) -> Result<String, String> {
        let started = self.ask(Method::POST, &format!("/perftest/api/{}/clone_and_start", self.clone)).await?;
        let id = started["id"].as_u64().ok_or("the answer to the start of the test has no id")?;
        if let Ok(ended) = timeout(limit, self.poll(id)).await {
            return ended.map(|()| format!("test {id} finished"));
        }
        let late = format!("test {id} is not finished after {}", ::api::duration::format(limit));
        match self.ask(Method::PUT, &format!("/perftest/api/{id}?action=stop")).await {
            Ok(_) => Err(format!("{late}, stopped")),
            Err(error) => Err(format!("{late}, and failed to stop it: {error}")),
        }
    }

    /// Asks until the test is over. A status that can't be had is asked for again: the test goes on all the same.
    async fn poll(&self, id: u64) -> Result<(), String> {
        loop {
            sleep(self.interval).await;
            match self.ask(Method::GET, &format!("/perftest/api/{id}/status")).await {
                Ok(answer) => match status(&answer) {
                    Some("FINISHED") => return Ok(()),
                    Some(ended @ ("STOP_BY_ERROR" | "CANCELED" | "UNKNOWN")) => {
                        return Err(format!("test {id} ended as {ended}"));
                    }
                    _ => {}
                },
                Err(error) => tracing::warn!(id, error, "failed to read the status of a test"),
            }
        }
    }

    async fn ask(&self, method: Method, path: &str) -> Result<Value, String> {
        self.server.ask(method, path, &[("authorization", &self.credentials)], Vec::new()).await
    }
}

/// The status of a test: alone, in an object, or in a list of one.
fn status(answer: &Value) -> Option<&str> {
    let places = [&answer["status_id"], &answer["status"]["status_id"], &answer["status"][0]["status_id"]];
    places.into_iter().find_map(Value::as_str)
}
