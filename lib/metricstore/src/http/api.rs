//! The endpoints: each reads its parameters, asks the store and shows the answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;
use tokio::sync::Semaphore;

use super::Clock;
use super::answer::{self, Refusal};
use super::parameters::Parameters;
use crate::labels::{Labels, is_label_name};
use crate::promql::{QueryError, QueryValue};
use crate::store::Store;

/// At most so many queries are evaluated at once, as in Prometheus; the others wait.
const QUERIES_AT_ONCE: usize = 20;

/// The version that clients take features from, and what really answers.
const VERSION: &str = concat!("3.0.0+metricstore.", env!("CARGO_PKG_VERSION"));

type Answer = Result<Response, Refusal>;

#[derive(Clone)]
pub(super) struct Api {
    store: Store,
    now: Clock,
    queries: Arc<Semaphore>,
}

impl Api {
    pub(super) fn new(store: Store, now: Clock) -> Self {
        Self { store, now, queries: Arc::new(Semaphore::new(QUERIES_AT_ONCE)) }
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/-/healthy", get(async || "Prometheus Server is Healthy.\n"))
            .route("/-/ready", get(async || "Prometheus Server is Ready.\n"))
            .route("/api/v1/query", get(query).post(query))
            .route("/api/v1/query_range", get(query_range).post(query_range))
            .route("/api/v1/series", get(series).post(series))
            .route("/api/v1/labels", get(label_names).post(label_names))
            .route("/api/v1/label/{name}/values", get(label_values))
            .route("/api/v1/targets", get(targets))
            .route("/api/v1/status/buildinfo", get(build_info))
            .with_state(self)
    }

    fn now_ms(&self) -> i64 {
        (self.now)().as_millisecond()
    }

    /// Evaluates a query away from the threads that serve connections.
    async fn evaluate(
        &self,
        evaluate: impl FnOnce(&Store) -> Result<QueryValue, QueryError> + Send + 'static,
    ) -> Result<QueryValue, Refusal> {
        let permit = self.queries.clone().acquire_owned().await.map_err(|_| Refusal::internal())?;
        let store = self.store.clone();
        let evaluated = tokio::task::spawn_blocking(move || {
            // The permit is held until the work is done, even if the client doesn't wait for it.
            let _permit = permit;
            evaluate(&store)
        });
        let value = evaluated.await.map_err(|_| Refusal::internal())?;
        value.map_err(|error| Refusal::query("query", &error))
    }

    /// The labels of the series that the `match[]`, `start` and `end` parameters ask for.
    fn selected(&self, parameters: &Parameters) -> Result<Vec<Labels>, Refusal> {
        let start = parameters.time("start")?.unwrap_or(i64::MIN);
        let end = parameters.time("end")?.unwrap_or(i64::MAX);
        let series = self.store.series(&parameters.all("match[]"), start, end);
        series.map_err(|error| Refusal::query("match[]", &error))
    }
}

async fn query(State(api): State<Api>, parameters: Parameters) -> Answer {
    let at_ms = parameters.time("time")?.unwrap_or_else(|| api.now_ms());
    let text = parameters.text("query").to_owned();
    answer::value(&api.evaluate(move |store| store.query(&text, at_ms)).await?)
}

async fn query_range(State(api): State<Api>, parameters: Parameters) -> Answer {
    let start = parameters.required_time("start")?;
    let end = parameters.required_time("end")?;
    let step = parameters.duration("step")?;
    let text = parameters.text("query").to_owned();
    answer::value(&api.evaluate(move |store| store.query_range(&text, start, end, step)).await?)
}

async fn series(State(api): State<Api>, parameters: Parameters) -> Answer {
    if parameters.all("match[]").is_empty() {
        return Err(Refusal::bad_data("no match[] parameter provided"));
    }
    answer::success(&api.selected(&parameters)?)
}

async fn label_names(State(api): State<Api>, parameters: Parameters) -> Answer {
    let series = api.selected(&parameters)?;
    let names: BTreeSet<&str> = series.iter().flat_map(Labels::iter).map(|(name, _)| name).collect();
    answer::success(&names)
}

async fn label_values(State(api): State<Api>, Path(name): Path<String>, parameters: Parameters) -> Answer {
    if !is_label_name(&name) {
        return Err(Refusal::bad_data(format!("invalid label name: {name:?}")));
    }
    let series = api.selected(&parameters)?;
    let values: BTreeSet<&str> =
        series.iter().map(|labels| labels.get(&name)).filter(|value| !value.is_empty()).collect();
    answer::success(&values)
}

/// Targets without an address, for the store does not know where they are.
async fn targets(State(api): State<Api>) -> Answer {
    let active: Vec<_> = api.store.targets().iter().map(answer::target).collect();
    answer::success(&json!({ "activeTargets": active, "droppedTargets": [] }))
}

async fn build_info() -> Answer {
    answer::success(&json!({
        "version": VERSION, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    }))
}
