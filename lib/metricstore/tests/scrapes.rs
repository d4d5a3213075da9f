//! What a store remembers of scrapes, and for how long.

use std::time::Duration;

use metricstore::{Labels, ParseError, QueryValue, Store};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

fn target(pod: &str) -> Vec<(String, String)> {
    vec![("job".into(), "podinfo".into()), ("pod".into(), pod.into())]
}

/// Asserts the series and values that a query answers at a moment.
#[track_caller]
fn check(store: &Store, query: &str, at_ms: i64, expected: &[&str]) {
    let Ok(QueryValue::Vector { samples, .. }) = store.query(query, at_ms) else { panic!("{query} is no vector") };
    let mut answer: Vec<String> = samples.iter().map(|sample| format!("{} {}", sample.labels, sample.value)).collect();
    answer.sort();
    assert_eq!(answer, expected, "{query}");
}

#[test]
fn target_labels_win_over_exposed_ones() {
    let store = Store::new(HOUR);
    let added = store.ingest("up{job=\"mine\",exported_pod=\"x\",pod=\"y\",path=\"/\"} 1", &target("a"), 0);
    assert_eq!(added, Ok(1));
    let labels = r#"{__name__="up", exported_exported_pod="y", exported_job="mine", exported_pod="x", job="podinfo", path="/", pod="a"}"#;
    check(&store, "up", 0, &[&format!("{labels} 1")]);
}

#[test]
fn a_bad_scrape_leaves_no_trace() {
    let store = Store::new(HOUR);
    let refused = store.ingest("good 1\nbad{ 2", &target("a"), 0);
    assert_eq!(refused, Err(ParseError::Line { line: 2, reason: "the labels are not closed" }));
    let refused = store.ingest("good 1\nbad{a=b} 2", &target("a"), 0);
    assert_eq!(refused, Err(ParseError::Line { line: 2, reason: "a label's value must be quoted" }));
    check(&store, "good", 0, &[]);
    assert_eq!(store.targets(), []);
}

#[test]
fn a_series_that_is_no_longer_exposed_ends_at_once() {
    let store = Store::new(HOUR);
    store.ingest("n{path=\"/a\"} 1\nn{path=\"/b\"} 1", &target("a"), 0).unwrap();
    store.ingest("n{path=\"/a\"} 2", &target("a"), 15 * SECOND).unwrap();
    check(&store, "count(n)", 14 * SECOND, &["{} 2"]);
    check(&store, "count(n)", 15 * SECOND, &["{} 1"]);
    // Its samples still count in ranges, without the mark of its end.
    check(&store, "count_over_time(n{path=\"/b\"}[1m])", 15 * SECOND, &[r#"{job="podinfo", path="/b", pod="a"} 1"#]);
}

#[test]
fn a_vanished_target_ends_with_all_its_series_and_may_come_back() {
    let store = Store::new(HOUR);
    for pod in ["a", "b"] {
        store.ingest("n 1", &target(pod), 0).unwrap();
    }
    store.gone(&target("a"), 15 * SECOND);
    check(&store, "n", 15 * SECOND, &[r#"{__name__="n", job="podinfo", pod="b"} 1"#]);
    assert_eq!(store.targets().len(), 1);
    // It ends even when it vanishes in the moment of its last scrape.
    store.gone(&target("b"), 0);
    check(&store, "n", 15 * SECOND, &[]);
    store.ingest("n 2", &target("a"), 30 * SECOND).unwrap();
    check(&store, "sum(n)", 30 * SECOND, &["{} 2"]);
}

#[test]
fn a_series_without_new_samples_is_forgotten_after_five_minutes() {
    let store = Store::new(HOUR);
    store.append(Labels::new([("__name__", "n")]), 0, 1.0);
    check(&store, "n", 5 * MINUTE - 1, &[r#"{__name__="n"} 1"#]);
    check(&store, "n", 5 * MINUTE, &[]);
}

#[test]
fn windows_are_open_to_the_left_as_in_prometheus_3() {
    let store = Store::new(HOUR);
    for at in 0..=20 {
        store.append(Labels::new([("__name__", "n")]), at * 15 * SECOND, 1.0);
    }
    check(&store, "count_over_time(n[1m])", 5 * MINUTE, &["{} 4"]);
    check(&store, "count_over_time(n[1m:15s])", 5 * MINUTE, &["{} 4"]);
    check(&store, "rate(n[15s])", 5 * MINUTE, &[]);
}

/// 10 at minute 2, then 30 more each minute: the counter was at zero 20 s before its first sample. Prometheus 2 would
/// answer the same; with 25 at first, 50 s before, it would stretch to there and not by half a minute.
#[test]
fn a_young_counter_is_stretched_to_zero_but_not_beyond_half_its_step() {
    for (first, expected) in [(10.0, "{} 100"), (25.0, "{} 105")] {
        let store = Store::new(HOUR);
        for step in 0..4 {
            let value = first + 30.0 * f64::from(step);
            store.append(Labels::new([("__name__", "n")]), (2 + i64::from(step)) * MINUTE, value);
        }
        check(&store, "increase(n[5m])", 5 * MINUTE, &[expected]);
    }
}

#[test]
fn samples_beyond_the_retention_are_forgotten() {
    let store = Store::new(Duration::from_secs(60));
    store.ingest("n 1", &target("old"), 0).unwrap();
    for at in 0..10 {
        store.ingest("n 1", &target("new"), at * 15 * SECOND).unwrap();
    }
    check(&store, "count_over_time(n[1h])", 135 * SECOND, &[r#"{job="podinfo", pod="new"} 5"#]);
    assert_eq!(store.series(&[], i64::MIN, i64::MAX).unwrap().len(), 1);
}
