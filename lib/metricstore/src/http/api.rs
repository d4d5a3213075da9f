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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::http::{Method, Request, header};
    use tower::ServiceExt;

    use super::Api;
    use crate::store::Store;

    /// A store with one target, at 1435781451.781 by its clock.
    fn api() -> Api {
        let now = jiff::Timestamp::from_millisecond(1_435_781_451_781).unwrap();
        let store = Store::new(Duration::from_secs(3600));
        let target = [("job".to_owned(), "podinfo".to_owned())];
        for ago in [30, 15, 0] {
            let at_ms = now.as_millisecond() - ago * 1000;
            store.ingest("up 1\nodd{kind=\"nan\"} NaN\nodd{kind=\"inf\"} +Inf", &target, at_ms).unwrap();
        }
        Api::new(store, Arc::new(move || now))
    }

    async fn answer(request: Request<Body>) -> (u16, String) {
        let response = api().router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[track_caller]
    fn check(address: &str, status: u16, body: &str) {
        let request = Request::get(address).body(Body::empty()).unwrap();
        assert_eq!(run(answer(request)), (status, body.to_owned()), "{address}");
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn queries_answer_in_the_shape_of_prometheus() {
        check(
            "/api/v1/query?query=up",
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"podinfo"},"value":[1435781451.781,"1"]}]}}"#,
        );
        check(
            "/api/v1/query?query=odd%2B0&time=2015-07-01T20:10:51Z",
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"podinfo","kind":"nan"},"value":[1435781451,"NaN"]},{"metric":{"job":"podinfo","kind":"inf"},"value":[1435781451,"+Inf"]}]}}"#,
        );
        check(
            "/api/v1/query?query=1e21&time=2",
            200,
            r#"{"status":"success","data":{"resultType":"scalar","result":[2,"1000000000000000000000"]}}"#,
        );
        check(
            "/api/v1/query?query=%22text%22&time=2.5",
            200,
            r#"{"status":"success","data":{"resultType":"string","result":[2.5,"text"]}}"#,
        );
        check("/api/v1/query?query=none", 200, r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#);
        check(
            "/api/v1/query_range?query=sum(up)&start=1435781430&end=1435781451&step=20s",
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1435781430,"1"],[1435781450,"1"]]}]}}"#,
        );
    }

    #[test]
    fn a_form_may_carry_the_query() {
        let request = Request::post("/api/v1/query?time=1")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("query=1+%2B+1"))
            .unwrap();
        let body = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#;
        assert_eq!(run(answer(request)), (200, body.to_owned()));
    }

    #[test]
    fn refusals_name_what_is_wrong() {
        for (address, status, kind, error) in [
            (
                "query?query=foo+bar",
                400,
                "bad_data",
                r#"invalid parameter "query": 1:5: parse error: unexpected identifier "bar""#,
            ),
            ("query", 400, "bad_data", r#"invalid parameter "query": 1:1: parse error: no expression found in input"#),
            (
                "query?query=absent_over_time(up[1m])",
                400,
                "bad_data",
                r#"invalid parameter "query": unsupported function "absent_over_time""#,
            ),
            (
                "query?query=count_values(%22v%22,up)",
                400,
                "bad_data",
                r#"invalid parameter "query": unsupported aggregation "count_values""#,
            ),
            (
                "query?query=up%2Bfill(0)up",
                400,
                "bad_data",
                r#"invalid parameter "query": unsupported modifier "fill""#,
            ),
            (
                "query?query=up&time=soon",
                400,
                "bad_data",
                r#"invalid parameter "time": cannot parse "soon" to a valid timestamp"#,
            ),
            (
                "query?query=odd*on(job)odd",
                422,
                "execution",
                r#"found duplicate series for the match group {job="podinfo"} on the right hand-side of the operation: [{__name__="odd", job="podinfo", kind="inf"}, {__name__="odd", job="podinfo", kind="nan"}];many-to-many matching not allowed: matching labels must be unique on one side"#,
            ),
            (
                "query_range?query=up&start=0&end=20000&step=1",
                400,
                "bad_data",
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ),
            (
                "query_range?query=up&start=0&end=1&step=0",
                400,
                "bad_data",
                r#"invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer"#,
            ),
            (
                "query_range?query=up&start=1&end=0&step=1",
                400,
                "bad_data",
                r#"invalid parameter "end": end timestamp must not be before start time"#,
            ),
            (
                "query_range?query=up[1m]&start=0&end=1&step=1",
                400,
                "bad_data",
                r#"invalid expression type "range vector" for range query, must be Scalar or instant Vector"#,
            ),
            (
                "query_range?query=up&start=0&end=1&step=1h9999999999s",
                400,
                "bad_data",
                r#"invalid parameter "step": cannot parse "1h9999999999s" to a valid duration"#,
            ),
            (
                "query?query=max_over_time(up[1y:1s])",
                400,
                "bad_data",
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ),
            ("series", 400, "bad_data", "no match[] parameter provided"),
            ("label/a-b/values", 400, "bad_data", r#"invalid label name: "a-b""#),
        ] {
            let body = serde_json::json!({ "status": "error", "errorType": kind, "error": error });
            check(&format!("/api/v1/{address}"), status, &body.to_string());
        }
    }

    #[test]
    fn a_large_body_is_refused() {
        let request = Request::post("/api/v1/query")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("x".repeat(300 * 1024)))
            .unwrap();
        assert_eq!(run(answer(request)).0, 413);
    }

    #[test]
    fn labels_series_and_targets_are_listed() {
        check("/api/v1/labels", 200, r#"{"status":"success","data":["__name__","job","kind"]}"#);
        check("/api/v1/labels?match[]=up", 200, r#"{"status":"success","data":["__name__","job"]}"#);
        check("/api/v1/label/kind/values", 200, r#"{"status":"success","data":["inf","nan"]}"#);
        check("/api/v1/label/__name__/values?end=1", 200, r#"{"status":"success","data":[]}"#);
        check(
            "/api/v1/series?match[]=up&match[]=%7Bjob=~%22pod.*%22,kind=%22%22%7D",
            200,
            r#"{"status":"success","data":[{"__name__":"up","job":"podinfo"}]}"#,
        );
        check(
            "/api/v1/targets",
            200,
            r#"{"status":"success","data":{"activeTargets":[{"discoveredLabels":{},"globalUrl":"","health":"up","labels":{"job":"podinfo"},"lastError":"","lastScrape":"2015-07-01T20:10:51.781Z","lastScrapeDuration":0,"scrapePool":"podinfo","scrapeUrl":""}],"droppedTargets":[]}}"#,
        );
    }

    #[test]
    fn it_says_that_it_is_well() {
        check("/-/healthy", 200, "Prometheus Server is Healthy.\n");
        check("/-/ready", 200, "Prometheus Server is Ready.\n");
        let request = Request::builder().method(Method::DELETE).uri("/api/v1/query").body(Body::empty()).unwrap();
        assert_eq!(run(answer(request)).0, 405);
    }
}
