//! What is answered on which path.
//!
//! `/healthz` and `/metrics`; `/gate/…` and `/rollback/…` for gates; everything else is a task. Methods do not matter, as in
//! the original.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use process::cause;
use process::server::{Server, plain};
use tokio_util::sync::CancellationToken;

use crate::answers::{Answer, text};
use crate::caller::{Authorizer, Payload, Refusal, body, json};
use crate::gates::{Gate, Gates};
use crate::metrics::{Ending, Metrics};
use crate::serving::{Failure, LIMITS};
use crate::settings::Settings;
use crate::store::{self, Store};
use crate::tasks::{self, Queued, Runner, Task};
use crate::world::World;

/// The load tester's answers; cheap to clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

struct Inner {
    authorizer: Authorizer,
    gates: Gates,
    runner: Runner,
    metrics: Arc<Metrics>,
}

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Health,
    Metrics,
    Approve,
    Halt,
    Check(Gate),
    Set(Gate, bool),
    Task,
}

impl Route {
    /// The route, and its path as a label.
    fn of(path: &str) -> (Self, &'static str) {
        match path {
            "/healthz" => (Self::Health, "/healthz"),
            "/metrics" => (Self::Metrics, "/metrics"),
            "/gate/approve" => (Self::Approve, "/gate/approve"),
            "/gate/halt" => (Self::Halt, "/gate/halt"),
            "/gate/check" => (Self::Check(Gate::Advance), "/gate/check"),
            "/gate/open" => (Self::Set(Gate::Advance, true), "/gate/open"),
            "/gate/close" => (Self::Set(Gate::Advance, false), "/gate/close"),
            "/rollback/check" => (Self::Check(Gate::Rollback), "/rollback/check"),
            "/rollback/open" => (Self::Set(Gate::Rollback, true), "/rollback/open"),
            "/rollback/close" => (Self::Set(Gate::Rollback, false), "/rollback/close"),
            _ => (Self::Task, "/"),
        }
    }
}

impl Api {
    /// Answers by these settings.
    pub(crate) async fn new(settings: Settings, world: World) -> Result<Self, Failure> {
        let gates = Gates::new(Store::open(&settings.gates, settings.common.kubeconfig.as_deref(), &world).await?);
        let metrics = Arc::new(Metrics::new());
        let runner = Runner::new(settings.policy, settings.timeout, Arc::clone(&metrics), world);
        Ok(Self(Arc::new(Inner { authorizer: settings.common.authorizer, gates, runner, metrics })))
    }

    /// Serves until `stop` is cancelled. Then background tasks are cut off at once, since nobody waits for them, and tasks that
    /// somebody waits for when the server's grace is over.
    pub(crate) async fn serve(self, server: Server, stop: CancellationToken) {
        let inner = Arc::clone(&self.0);
        let hush = async {
            stop.cancelled().await;
            inner.runner.hush();
        };
        let serve = server.serve(LIMITS, stop.clone(), move |request| {
            let inner = Arc::clone(&self.0);
            async move { inner.answer(request).await }
        });
        tokio::join!(hush, serve);
        inner.runner.end().await;
    }
}

impl Inner {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (route, label) = Route::of(request.uri().path());
        let answer = match route {
            Route::Metrics => {
                Ok(plain(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.metrics.text()))
            }
            Route::Health | Route::Approve => Ok(text(StatusCode::OK, "OK")),
            Route::Halt => Err(Refusal::forbidden("Forbidden")),
            Route::Check(gate) => self.check(gate, request).await,
            Route::Set(gate, open) => self.set(gate, open, request).await,
            Route::Task => self.task(request).await,
        };
        let answer = answer.unwrap_or_else(Response::from);
        self.metrics.answered(label, answer.status().as_u16());
        answer
    }

    async fn check(&self, gate: Gate, request: Request<Incoming>) -> Answer {
        let payload = self.payload(request).await?;
        let open = self.gates.is_open(&gate.key(&payload)?).await.map_err(|error| unavailable(&error))?;
        tracing::info!(canary = payload.canary(), gate = ?gate, open, "gate checked");
        if open { Ok(text(StatusCode::OK, "Approved")) } else { Err(Refusal::forbidden("Forbidden")) }
    }

    async fn set(&self, gate: Gate, open: bool, request: Request<Incoming>) -> Answer {
        let payload = self.payload(request).await?;
        self.gates.set(&gate.key(&payload)?, open).await.map_err(|error| unavailable(&error))?;
        tracing::info!(canary = payload.canary(), gate = ?gate, open, "gate set");
        Ok(text(StatusCode::ACCEPTED, ""))
    }

    async fn task(&self, request: Request<Incoming>) -> Answer {
        let payload = self.payload(request).await?;
        let canary = payload.canary();
        let task = Task::read(payload.metadata(), self.runner.policy()).inspect_err(|refusal| {
            tracing::warn!(canary, reason = refusal.reason, "task refused");
            self.metrics.told("refused", Ending::Refused);
        })?;
        let note = task.note.clone().unwrap_or_default();
        if !task.blocks {
            return match self.runner.begin(canary, task) {
                Queued::Begun | Queued::RunsAlready => Ok(text(StatusCode::ACCEPTED, note)),
                Queued::TooMany => Err(too_many()),
            };
        }
        match self.runner.perform(canary, task).await.ok_or_else(too_many)? {
            Ok(said) if note.is_empty() => Ok(text(StatusCode::OK, said)),
            Ok(said) => Ok(text(StatusCode::OK, format!("{note}\n{said}"))),
            Err(tasks::Failure::Verdict(reason)) => Err(Refusal::forbidden(reason)),
            Err(tasks::Failure::Fault(reason)) => Err(Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, reason }),
        }
    }

    /// What is called about, by a canary that is served.
    async fn payload(&self, request: Request<Incoming>) -> Result<Payload, Refusal> {
        let payload: Payload = json(&body(request.into_body()).await?)?;
        self.authorizer.check(&payload.namespace)?;
        Ok(payload)
    }
}

/// A gate whose state is not known is closed, and says why.
fn unavailable(error: &store::Error) -> Refusal {
    let reason = cause::chain(error);
    tracing::error!(error = reason, "failed to read or set a gate");
    Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, reason }
}

fn too_many() -> Refusal {
    Refusal { status: StatusCode::SERVICE_UNAVAILABLE, reason: "too many tasks are running".to_owned() }
}
