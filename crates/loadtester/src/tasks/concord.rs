//! *Type* `concord`: a process of Concord, waited for.
//!
//! *Endpoints.* `POST /api/v1/process` starts it, `GET /api/v1/process/<id>` tells its status.
//!
//! *Metadata.* `server`, `org`, `project`, `repo`, `entrypoint`, `apiKeyPath`, `endpoint`; `pollInterval` (5s), `pollTimeout`
//! (30s), `arguments.*`.

use std::fs;
use std::time::Duration;

use http::Method;
use tokio::time::{Instant, sleep, timeout_at};

use super::remote::Server;
use super::{Metadata, Task, Work, required, seconds};
use crate::caller::Refusal;

const POLL_INTERVAL: Duration = Duration::from_secs(5);
const POLL_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest key that is read.
const KEY_MAX: u64 = 16 * 1024;

/// Separates the fields of the form; longer than anything that a field holds by accident.
const BOUNDARY: &str = "flagger-loadtester-7d1c4f0a9b3e5286";

/// A process to be started.
#[derive(Debug)]
pub(super) struct Concord {
    server: Server,
    key_path: String,
    /// Names and values.
    fields: Vec<(String, String)>,
    interval: Duration,
    timeout: Duration,
}

pub(super) fn read(metadata: &Metadata) -> Result<Task, Refusal> {
    let server = Server::read(required(metadata, "server")?)?;
    let mut fields = Vec::new();
    for (name, key) in [("org", "org"), ("project", "project"), ("repo", "repo"), ("entryPoint", "entrypoint")] {
        fields.push((name.to_owned(), required(metadata, key)?.to_owned()));
    }
    let key_path = required(metadata, "apiKeyPath")?.to_owned();
    fields.push(("arguments.endpoint".to_owned(), required(metadata, "endpoint")?.to_owned()));
    let own = |(name, _): &(&String, &String)| name.starts_with("arguments.") && *name != "arguments.endpoint";
    fields.extend(metadata.iter().filter(own).map(|(name, value)| (name.clone(), value.clone())));
    if let Some((name, _)) = fields.iter().find(|(name, value)| !is_field(name, value)) {
        return Err(Refusal::bad_request(format!("{name:?} in metadata can't be sent as a field of a form")));
    }
    let concord = Concord {
        server,
        key_path,
        fields,
        interval: seconds(metadata, "pollInterval", POLL_INTERVAL)?,
        timeout: seconds(metadata, "pollTimeout", POLL_TIMEOUT)?,
    };
    let text = format!("process of {}/{}", required(metadata, "org")?, required(metadata, "project")?);
    Ok(Task { kind: "concord", text, blocks: true, note: None, work: Work::Concord(concord) })
}

impl Concord {
    /// Starts the process and waits for its end. Its id is the answer.
    pub(super) async fn run(&self) -> Result<String, String> {
        let key = self.key()?;
        let id = self.start(&key).await?;
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, self.poll(&id, &key)).await {
            Ok(ended) => ended.map(|()| id),
            Err(_) => Err(format!("the process {id} is not finished after {}", ::api::duration::format(self.timeout))),
        }
    }

    async fn start(&self, key: &str) -> Result<String, String> {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [("authorization", key), ("content-type", content_type.as_str())];
        let answer = self.server.ask(Method::POST, "/api/v1/process", &headers, form(&self.fields)).await?;
        let id = answer["instanceId"].as_str().filter(|id| is_id(id));
        id.map(str::to_owned).ok_or_else(|| "the answer to the start of the process has no instanceId".to_owned())
    }

    async fn poll(&self, id: &str, key: &str) -> Result<(), String> {
        loop {
            let path = format!("/api/v1/process/{id}");
            let answer = self.server.ask(Method::GET, &path, &[("authorization", key)], Vec::new()).await?;
            match answer["status"].as_str() {
                Some("FINISHED") => return Ok(()),
                Some(status @ ("FAILED" | "CANCELLED" | "TIMED_OUT")) => {
                    return Err(format!("the process {id} ended as {status}"));
                }
                _ => sleep(self.interval).await,
            }
        }
    }

    fn key(&self) -> Result<String, String> {
        let failed = |error: &dyn std::fmt::Display| format!("failed to read apiKeyPath {}: {error}", self.key_path);
        let size = fs::metadata(&self.key_path).map_err(|error| failed(&error))?.len();
        if KEY_MAX < size {
            return Err(failed(&"the file is larger than a key"));
        }
        let key = fs::read_to_string(&self.key_path).map_err(|error| failed(&error))?;
        Ok(key.trim().to_owned())
    }
}

/// An id that goes into a path.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether a field can't be taken for a part of the form around it.
fn is_field(name: &str, value: &str) -> bool {
    !name.contains(['"', '\r', '\n']) && !value.contains(BOUNDARY)
}

fn form(fields: &[(String, String)]) -> Vec<u8> {
    let part = |(name, value): &(String, String)| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts: String = fields.iter().map(part).collect();
    format!("{parts}--{BOUNDARY}--\r\n").into_bytes()
}
