//! Series in the notation of `promtool test rules`, and the answers to queries over them.

use std::time::Duration;

use metricstore::{QueryValue, Sample, Series, Store};

/// The distance of the samples in milliseconds.
const STEP_MS: i64 = 15_000;
/// When queries are evaluated: between two samples.
const AT_MS: i64 = 607_000;

/// Asserts what a query answers: a line for each series, or one with the value of a scalar, or with the error.
#[track_caller]
pub(crate) fn check(series: &[&str], query: &str, expected: &[&str]) {
    let store = Store::new(Duration::from_secs(7200));
    load(&store, series);
    let mut answer = match store.query(query, AT_MS) {
        Ok(value) => shown(&value),
        Err(error) => vec![format!("error: {error}")],
    };
    if !["sort", "topk(", "bottomk("].iter().any(|ordered| query.starts_with(ordered)) {
        answer.sort();
    }
    assert_eq!(answer, expected, "{query}");
}

/// Adds series such as `up{job="a"} 1 _ 0+15x3`: values, gaps and runs of rising values.
fn load(store: &Store, series: &[&str]) {
    let mut text = String::new();
    for line in series {
        let labels_end =
            line.rfind('}').map(|brace| brace + 1).or_else(|| line.find(' ')).expect("a series has values");
        let (labels, values) = line.split_at(labels_end);
        let moments = (0_i64..).map(|step| step * STEP_MS);
        for (at, value) in moments.zip(values.split_whitespace().flat_map(values_of)) {
            text.extend(value.map(|value| format!("{labels} {value} {at}\n")));
        }
    }
    store.ingest(&text, &[], 0).expect("the notation becomes a scrape");
}

fn values_of(word: &str) -> Vec<Option<f64>> {
    let Some((run, times)) = word.split_once('x') else { return vec![word.parse().ok()] };
    let number = |text: &str| text.parse::<f64>().expect("a run consists of numbers");
    let (start, step) = run.split_once('+').expect("a run has a step");
    let (start, step) = (number(start), number(step));
    let times: u32 = times.parse().expect("a run has a length");
    (0..=times).map(|count| Some(start + step * f64::from(count))).collect()
}

fn shown(value: &QueryValue) -> Vec<String> {
    match value {
        QueryValue::Scalar { value, .. } => vec![number(*value)],
        QueryValue::Text { text, .. } => vec![text.clone()],
        QueryValue::Vector { samples, .. } => {
            samples.iter().map(|Sample { labels, value }| format!("{labels} {}", number(*value))).collect()
        }
        QueryValue::Matrix(series) => series.iter().map(run).collect(),
    }
}

fn run(Series { labels, points }: &Series) -> String {
    let points: Vec<String> = points.iter().map(|(at, value)| format!("{}@{}", number(*value), at / 1000)).collect();
    format!("{labels} {}", points.join(" "))
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        (if value < 0.0 { "-Inf" } else { "+Inf" }).into()
    } else if value.abs() < 1e21 {
        value.to_string()
    } else {
        format!("{value:e}").replace('e', "e+")
    }
}
