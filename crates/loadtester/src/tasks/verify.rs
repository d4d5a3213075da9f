//! *Type* `verify`: whether what was released is healthy and fast, waited for.
//!
//! *Metadata.* `healthUrl`, which has to answer with a success; and unless it is left out, `url` with all that load of type
//! `http` knows. Without thresholds of its own all of 50 requests have to succeed.

use std::time::Duration;

use http::{Request, Uri};
use process::web::Web;

use super::{Failure, Metadata, Surroundings, Task, Work, required};
use crate::caller::Refusal;
use crate::load::{self, Plan};
use crate::world::World;

/// How long the answer about its health may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked for when the metadata does not say.
const COUNT: &str = "50";
const SUCCESS_RATE_MIN: &str = "100";

/// What is to be verified.
#[derive(Debug)]
pub(super) struct Verify {
    health: Uri,
    load: Option<Plan>,
}

pub(super) fn read(metadata: &Metadata) -> Result<Task, Refusal> {
    let health = required(metadata, "healthUrl")?;
    let is_absolute = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    let uri = health.parse().ok().filter(is_absolute);
    let uri = uri.ok_or_else(|| Refusal::bad_request(format!("healthUrl {health:?} in metadata is not valid")))?;
    let load = match metadata.get("url") {
        Some(_) => Some(load::read("http", &completed(metadata)).map_err(Refusal::bad_request)?),
        None => None,
    };
    let text = format!("health of {}", uri.host().unwrap_or_default());
    Ok(Task { kind: "verify", text, blocks: true, note: None, work: Work::Verify(Verify { health: uri, load }) })
}

/// The same, with a verdict to be had and an end.
fn completed(metadata: &Metadata) -> Metadata {
    let mut metadata = metadata.clone();
    if !metadata.contains_key("count") && !metadata.contains_key("duration") {
        metadata.insert("count".to_owned(), COUNT.to_owned());
    }
    if !metadata.keys().any(|key| key.starts_with("max") || key == "minSuccessRate") {
        metadata.insert("minSuccessRate".to_owned(), SUCCESS_RATE_MIN.to_owned());
    }
    metadata
}

impl Verify {
    /// Asks for its health first, and makes load of what is healthy.
    pub(super) async fn run(&self, surroundings: &Surroundings<'_>) -> Result<String, Failure> {
        self.health(surroundings.world).await.map_err(Failure::Verdict)?;
        let Some(plan) = &self.load else { return Ok("healthy\n".to_owned()) };
        let report = super::make(plan, surroundings).await?;
        Ok(format!("healthy\n{report}"))
    }

    async fn health(&self, world: &World) -> Result<(), String> {
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = self.health.clone();
        let answer = Web::new().send(request, &world.within(HEALTH_TIMEOUT)).await;
        match answer.map_err(|error| format!("not healthy: {error}"))?.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("not healthy: {} answered {status}", self.health.host().unwrap_or_default())),
        }
    }
}
