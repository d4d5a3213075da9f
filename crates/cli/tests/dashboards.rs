//! The dashboards and alert rules that users install, held against the metrics of a release.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use setups::{Stage, alert_rules, dashboard_queries, panels};

/// A set-up that is released, what `$namespace` and `$target` are in it, and the dashboards that show it.
struct Shown {
    words: &'static str,
    namespace: &'static str,
    target: &'static str,
    dashboards: &'static [&'static str],
    /// The group of alert rules that is about its metrics.
    rules: &'static str,
}

const SHOWN: [Shown; 2] = [
    Shown {
        words: "-f examples/environments/development.yaml examples/environments/releases/1-good.yaml --speed 30",
        namespace: "development",
        target: "webhook-server",
        dashboards: &["flagger-http.json"],
        rules: "flagger",
    },
    Shown {
        words: "-f examples/istio/manifests examples/istio/releases/1-good.yaml --speed 30 -- -mesh-provider=istio",
        namespace: "test",
        target: "podinfo",
        dashboards: &["flagger-istio.json"],
        rules: "flagger-istio",
    },
];

/// How often is looked whether something has been scraped: for a minute, and more where the machine builds meanwhile.
const LOOKS: u32 = 600;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

#[test]
fn every_query_that_is_shown_or_alerted_on_has_data_in_a_release() {
    for shown in SHOWN {
        let words: Vec<String> = shown.words.split(' ').map(str::to_owned).collect();
        let stage = Stage::start(Path::new(env!("CARGO_BIN_EXE_flagger")), &words).unwrap();
        let queries = shown.queries();
        let empty: Vec<&String> = queries.iter().filter(|query| series(&stage, query).is_empty()).collect();
        stage.stop().unwrap();
        assert!(empty.is_empty(), "{}: no data for {empty:#?}", shown.words);
    }
}

#[test]
fn a_release_that_is_rolled_back_raises_the_alerts_of_a_failed_canary() {
    let words = "-f examples/environments/development.yaml examples/environments/releases/2-bad.yaml --speed 30";
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let stage = Stage::start(Path::new(env!("CARGO_BIN_EXE_flagger")), &words).unwrap();
    let raised = |alert: &str| {
        let rule = alert_rules("flagger").unwrap().into_iter().find(|rule| rule["alert"] == alert).unwrap();
        let series = series(&stage, rule["expr"].as_str().unwrap());
        series.iter().map(|one| one["metric"]["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(raised("CanaryAnalysisFailed"), ["webhook-server"]);
    assert_eq!(raised("canary_rollback"), ["webhook-server"]);
    stage.stop().unwrap();
}

#[test]
fn a_dashboard_shows_what_it_is_for() {
    for dashboard in SHOWN.iter().flat_map(|shown| shown.dashboards) {
        let titles: Vec<Value> = panels(dashboard).unwrap().iter().map(|panel| panel["title"].clone()).collect();
        for title in [
            "Canary Analysis Status",
            "Success Rate Trends",
            "Traffic Weight Distribution",
            "Latency Percentiles",
            "Error Rate by Service",
            "Deployment Timeline",
        ] {
            assert!(titles.iter().any(|shown| shown == title), "{dashboard} has no {title}");
        }
    }
}

/// The series of a query, once there are any. Scrapes are some time apart.
fn series(stage: &Stage, query: &str) -> Vec<Value> {
    for _ in 0..LOOKS {
        let series = stage.series(query).unwrap();
        if !series.is_empty() {
            return series;
        }
        sleep(PAUSE);
    }
    Vec::new()
}

impl Shown {
    /// What Grafana asks for, with its variables filled in; and every series that an alert rule looks at, as a rule itself
    /// has data only when something is wrong.
    fn queries(&self) -> Vec<String> {
        let filled =
            self.dashboards.iter().flat_map(|name| dashboard_queries(name, self.namespace, self.target).unwrap());
        let looked_at =
            alert_rules(self.rules).unwrap().into_iter().flat_map(|rule| selectors(rule["expr"].as_str().unwrap()));
        filled.chain(looked_at).collect()
    }
}

/// The names of series in a rule.
fn selectors(rule: &str) -> Vec<String> {
    let words = rule.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("flagger_") || word.starts_with("istio_")).map(str::to_owned).collect()
}
