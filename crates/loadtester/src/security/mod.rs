//! The security validator: whether the images of a release may run, by what scanners found in them.
//!
//! It scans nothing. Reports are handed in, in a folder or a `ConfigMap`, by whoever scans; an image without one is refused.
//!
//! Start reading at `policy.rs`.

mod images;
mod policy;
mod report;
mod reports;

use std::path::PathBuf;
use std::sync::Arc;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use kube::Client;
use process::cause;
use process::flags::Takes::{Int, Text};
use process::flags::{Flag, Flags, Misread, Typed, list, wrong};
use tokio_util::sync::CancellationToken;

use self::images::Side;
use self::policy::Policy;
use self::reports::Reports;
use crate::answers::{self, Answer, text};
use crate::caller::{Authorizer, Payload, Refusal, body, json};
use crate::serving::{
    Common, Failure, HasCommon, LOG_LEVEL, NAMESPACES, VERSION, VERSION_FLAG, ZAP_ENCODING, port_flag,
};
use crate::settings::place;
use crate::store::Place;
use crate::world::World;

/// All flags.
pub(crate) const FLAGS: Flags = Flags { program: "loadtester security-validator", rows: ROWS };

const ROWS: &[Flag] = &[
    Flag::new("ignore", Text, "", "vulnerabilities that do not count, comma separated"),
    Flag::new("kubeconfig", Text, "", "path of a kubeconfig, for images of canaries and for -reports-configmap"),
    LOG_LEVEL,
    Flag::new("max-critical", Int, "0", "critical vulnerabilities that an image may have; -1 for any number"),
    Flag::new("max-high", Int, "0", "the same of high ones"),
    Flag::new("max-low", Int, "-1", "the same of low ones"),
    Flag::new("max-medium", Int, "-1", "the same of medium ones"),
    Flag::new("max-unknown", Int, "-1", "the same of those without a severity"),
    NAMESPACES,
    port_flag("8080"),
    Flag::new("reports-configmap", Text, "", "ConfigMap with reports, as namespace/name"),
    Flag::new("reports-dir", Text, "", "folder with reports"),
    VERSION_FLAG,
    ZAP_ENCODING,
];

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Settings {
    common: Common,
    policy: Policy,
    reports: Handed,
}

/// Where reports are handed in.
#[derive(Debug)]
enum Handed {
    Folder(PathBuf),
    ConfigMap { namespace: String, name: String },
}

impl Settings {
    /// What the typed flags mean.
    pub(crate) fn read(typed: &Typed) -> Result<Self, Misread> {
        let reports = match place(typed, "reports-dir", "reports-configmap")? {
            Place::File(folder) => Handed::Folder(folder),
            Place::ConfigMap { namespace, name } => Handed::ConfigMap { namespace, name },
            Place::Memory => {
                return Err(wrong(typed, "reports-dir", "or -reports-configmap has to say where reports are"));
            }
        };
        Ok(Self {
            common: Common::read(typed)?,
            policy: Policy::new(
                |severity| typed.text(severity.flag()).parse::<i64>().ok().and_then(|most| usize::try_from(most).ok()),
                list(typed, "ignore"),
            ),
            reports,
        })
    }
}

impl HasCommon for Settings {
    fn common(&self) -> &Common {
        &self.common
    }
}

struct Validator {
    authorizer: Authorizer,
    policy: Policy,
    reports: Reports,
    /// For the images of canaries; without one the webhook's metadata has to name them.
    client: Result<Client, String>,
}

/// Serves until `stop` is cancelled.
pub(crate) async fn serve(settings: Settings, mut world: World, stop: CancellationToken) -> Result<(), Failure> {
    let Settings { common, policy, reports } = settings;
    let server = common.open(&mut world).await?;
    tracing::info!(version = VERSION, port = server.address().port(), "starting the security validator");
    let client = world.client(common.kubeconfig.as_deref()).await;
    let (reports, client) = match reports {
        Handed::ConfigMap { namespace, name } => {
            let client = client?;
            (Reports::config_map(client.clone(), &namespace, &name), Ok(client))
        }
        Handed::Folder(folder) => (Reports::Folder(folder), client.map_err(|error| cause::chain(&error))),
    };
    let validator = Arc::new(Validator { authorizer: common.authorizer, policy, reports, client });
    let answer = move |request| {
        let validator = Arc::clone(&validator);
        async move { validator.answer(request).await }
    };
    answers::serve(server, stop, answer).await;
    Ok(())
}

impl Validator {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, incoming) = request.into_parts();
        let side = match head.uri.path() {
            "/healthz" => return Ok(text(StatusCode::OK, "OK")),
            "/validate" => Side::Canary,
            "/verify-deployment" => Side::Primary,
            _ => {
                return Err(Refusal {
                    status: StatusCode::NOT_FOUND,
                    reason: "there are /validate and /verify-deployment".to_owned(),
                });
            }
        };
        let body = body(incoming).await?;
        if body.is_empty() && side == Side::Primary {
            return self.all().await;
        }
        let payload: Payload = json(&body)?;
        self.authorizer.check(&payload.namespace)?;
        let key = payload.key()?;
        let images = self.images(&payload, side).await?;
        let reports = self.reports.read().await.map_err(unavailable)?;
        let problems: Vec<String> = images.iter().flat_map(|image| self.policy.problems(image, &reports)).collect();
        tracing::info!(canary = key, images = images.join(", "), problems = problems.join("; "), "images validated");
        verdict(&problems, &format!("{} may run\n", images.join(", ")))
    }

    /// Without a canary: whether all images that there are reports of may run.
    async fn all(&self) -> Answer {
        let reports = self.reports.read().await.map_err(unavailable)?;
        if reports.is_empty() {
            return Err(Refusal::forbidden("there is no report at all"));
        }
        let images = reports.iter().map(|report| report.image.as_str()).collect::<std::collections::BTreeSet<_>>();
        let problems: Vec<String> = images.iter().flat_map(|image| self.policy.problems(image, &reports)).collect();
        verdict(&problems, &format!("all {} images with a report may run\n", images.len()))
    }

    /// The images that the metadata names, or else those of the canary's workload.
    async fn images(&self, payload: &Payload, side: Side) -> Result<Vec<String>, Refusal> {
        let named = payload.metadata().get("image").map_or("", String::as_str);
        let named: Vec<String> =
            named.split(',').map(|image| image.trim().to_owned()).filter(|image| !image.is_empty()).collect();
        if !named.is_empty() {
            return Ok(named);
        }
        let client = self.client.as_ref().map_err(|reason| unavailable(reason.clone()))?;
        images::of(client, &payload.namespace, &payload.name, side).await.map_err(unavailable)
    }
}

fn verdict(problems: &[String], fine: &str) -> Answer {
    if problems.is_empty() {
        Ok(text(StatusCode::OK, fine.to_owned()))
    } else {
        Err(Refusal::forbidden(problems.join("\n")))
    }
}

/// What can't be found out is not allowed.
fn unavailable(reason: String) -> Refusal {
    tracing::error!(error = reason, "failed to validate images");
    Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, reason }
}
