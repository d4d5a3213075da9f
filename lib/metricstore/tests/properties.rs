//! What holds for all series and all texts.

use std::time::Duration;

use metricstore::{Labels, QueryValue, Store};
use proptest::prelude::*;

fn store() -> Store {
    Store::new(Duration::from_secs(86_400))
}

fn only_value(store: &Store, query: &str, at_ms: i64) -> f64 {
    match store.query(query, at_ms) {
        Ok(QueryValue::Vector { samples, .. }) if samples.len() == 1 => samples[0].value,
        other => panic!("{query} answers {other:?}"),
    }
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}

/// Pieces of queries, right and wrong.
const WORDS: &[&str] = &[
    "n",
    "n{pod=\"a\"}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "1m",
    "0",
    "1e300",
    "-",
    "+",
    "*",
    "/",
    "^",
    "==",
    "bool",
    "and",
    "or",
    "unless",
    "on(pod)",
    "ignoring()",
    "group_left",
    "offset",
    "@",
    "sum",
    "by",
    "(pod)",
    "rate",
    "topk",
    ",",
    ":",
    "histogram_quantile",
    "\"x\"",
    "'",
    "\\",
    "=~",
    "!",
    "inf",
    "nan",
    "start()",
    "absent",
    "label_replace",
    "é",
    "#",
    "time()",
    "[5m]",
    "[5m:1m]",
    "vector(1)",
    "0x1",
    "fill",
    "count_values",
    " ",
];

proptest! {
    #[test]
    fn the_rate_of_a_linear_counter_is_its_slope(
        slope in 0.001..1e6_f64,
        start in 0.0..1e9_f64,
        every_secs in 1..=20_i32,
        late_ms in 0..1000_i64,
    ) {
        let store = store();
        for step in 0..=600 / every_secs {
            let at = step * every_secs;
            // The counter is ten minutes old already, which keeps its zero out of sight.
            let value = start + slope * f64::from(600 + at);
            store.append(Labels::new([("__name__", "n")]), i64::from(at) * 1000, value);
        }
        let now = i64::from((600 / every_secs) * every_secs) * 1000 + late_ms;
        prop_assert!(close(only_value(&store, "rate(n[1m])", now), slope));
        prop_assert!(close(only_value(&store, "increase(n[1m])", now), 60.0 * slope));
    }

    #[test]
    fn parts_sum_up_to_the_whole(
        values in proptest::collection::vec((0..5_u8, 0..5_u8, -1e6..1e6_f64), 1..40),
    ) {
        let store = store();
        for (pod, code, value) in values {
            let labels = [("__name__", "n".to_owned()), ("pod", pod.to_string()), ("code", code.to_string())];
            store.append(Labels::new(labels), 0, value);
        }
        let whole = only_value(&store, "sum(n)", 0);
        for parts in ["sum(sum by (pod) (n))", "sum(sum without (pod) (n))", "avg(n) * count(n)"] {
            prop_assert!((only_value(&store, parts, 0) - whole).abs() < 1e-6, "{parts}");
        }
    }

    #[test]
    fn no_text_breaks_the_store(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..12)) {
        let store = store();
        store.append(Labels::new([("__name__", "n"), ("pod", "a")]), 0, 1.0);
        for separator in ["", " "] {
            // Whatever it answers, it answers.
            let _ = store.query(&words.join(separator), 0);
            let _ = store.query_range(&words.join(separator), 0, 60_000, 15_000);
        }
    }
}

#[test]
fn the_deepest_query_fits_on_the_stack_of_a_thread() {
    let store = store();
    store.append(Labels::new([("__name__", "n")]), 0, 1.0);
    let chain = vec!["n"; 151].join(" + ");
    let nested = format!("{}{chain}{}", "sum(".repeat(50), ")".repeat(50));
    let answer = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(move || only_value(&store, &nested, 0))
        .unwrap()
        .join();
    assert_eq!(answer.unwrap().to_bits(), 151.0_f64.to_bits());
}
