//! Answers in the JSON of Prometheus' API.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::labels::Labels;
use crate::numbers::{seconds, shown};
use crate::promql::{QueryError, QueryValue, Sample, Series};
use crate::targets::TargetStatus;

/// `{"status":"success","data":…}`.
pub(super) fn success(data: &impl Serialize) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    struct Success<'a, T> {
        status: &'static str,
        data: &'a T,
    }
    let body = serde_json::to_string(&Success { status: "success", data }).map_err(|_| Refusal::internal())?;
    Ok(with_body(StatusCode::OK, body))
}

/// The answer to a query.
pub(super) fn value(value: &QueryValue) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<T> {
        result_type: &'static str,
        result: T,
    }
    match value {
        QueryValue::Scalar { at_ms, value } => {
            success(&Data { result_type: "scalar", result: (Seconds(*at_ms), without_exponent(*value)) })
        }
        QueryValue::Vector { at_ms, samples } => {
            let result: Vec<Instant<'_>> = samples.iter().map(|sample| Instant::new(sample, *at_ms)).collect();
            success(&Data { result_type: "vector", result })
        }
        QueryValue::Matrix(series) => {
            let result: Vec<Run<'_>> = series.iter().map(Run::new).collect();
            success(&Data { result_type: "matrix", result })
        }
        QueryValue::Text { at_ms, text } => success(&Data { result_type: "string", result: (Seconds(*at_ms), text) }),
    }
}

/// One entry of `activeTargets`.
pub(super) fn target(target: &TargetStatus) -> Value {
    let scraped = jiff::Timestamp::from_millisecond(target.scraped_at_ms).unwrap_or_default();
    json!({
        "discoveredLabels": {},
        "labels": target.labels,
        "scrapePool": target.labels.get("job"),
        "scrapeUrl": "",
        "globalUrl": "",
        "lastError": "",
        "lastScrape": scraped.to_string(),
        "lastScrapeDuration": 0,
        "health": "up",
    })
}

#[derive(Serialize)]
struct Instant<'a> {
    metric: &'a Labels,
    value: (Seconds, String),
}

impl<'a> Instant<'a> {
    fn new(sample: &'a Sample, at_ms: i64) -> Self {
        Self { metric: &sample.labels, value: (Seconds(at_ms), shown(sample.value)) }
    }
}

#[derive(Serialize)]
struct Run<'a> {
    metric: &'a Labels,
    values: Vec<(Seconds, String)>,
}

impl<'a> Run<'a> {
    fn new(series: &'a Series) -> Self {
        let values = series.points.iter().map(|(at, value)| (Seconds(*at), shown(*value))).collect();
        Self { metric: &series.labels, values }
    }
}

/// Milliseconds, written as seconds with a fraction only where there is one.
struct Seconds(i64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            serializer.serialize_i64(self.0 / 1000)
        } else {
            serializer.serialize_f64(seconds(self.0))
        }
    }
}

/// Quirk: Prometheus writes the value of a scalar, unlike that of a vector, without an exponent.
fn without_exponent(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { shown(value) }
}

/// An answer that says no.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_data", message: message.into() }
    }

    pub(super) fn parameter(name: &str, problem: &str) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {problem}"))
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the request body is larger than {limit} bytes");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, kind: "bad_data", message }
    }

    pub(super) fn internal() -> Self {
        let message = "the query failed unexpectedly".into();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "internal", message }
    }

    /// What is wrong with the query that came as `parameter`, or why evaluating it failed.
    pub(super) fn query(parameter: &str, error: &QueryError) -> Self {
        let message = error.to_string();
        if !error.is_bad_data() {
            return Self { status: StatusCode::UNPROCESSABLE_ENTITY, kind: "execution", message };
        }
        match error {
            QueryError::EndsBeforeStart => Self::parameter("end", &message),
            QueryError::NoStep => Self::parameter("step", &message),
            // Prometheus names no parameter here, for each of several could be changed.
            QueryError::NotInstant(_) | QueryError::TooManySteps => Self::bad_data(message),
            _ => Self::parameter(parameter, &message),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "status": "error", "errorType": self.kind, "error": self.message });
        with_body(self.status, body.to_string())
    }
}

fn with_body(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
