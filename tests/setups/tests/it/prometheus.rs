//! The sandbox's metrics store, held against a real Prometheus: both scrape the same pods and the same gateway, and are asked
//! what the set-ups, the dashboards and the alert rules ask.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

mod halves;
mod routes;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::MetricTemplate;
use meters::Names;
use meters::builtin::{self, Check, Observer};
use ports::Clock;
use sandbox::{Options, Sandbox};
use serde_json::Value;
use setups::{alert_rules, dashboard_queries, instant};
use tokio::time::{Instant, sleep, timeout};

use crate::examples::{all, template_queries};
use halves::Halves;
use server::{Page, Prometheus};

/// Until both have seen a minute, on a machine that builds at the same time.
const HISTORY_MAX: Duration = Duration::from_secs(180);
/// How long both may take to agree: they scrape at different moments, and a machine that is busy in between shows.
const AGREEMENT_MAX: Duration = Duration::from_secs(600);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// How far two answers may be apart, of the larger one.
const SHARE: f64 = 0.01;
/// Below this a value is none.
const NOTHING: f64 = 1e-9;

/// What the operator would tell of a run that goes on and of one that has failed.
const OPERATOR: &str = r#"# TYPE flagger_canary_phase gauge
flagger_canary_phase{name="podinfo",namespace="test",phase="Progressing"} 1
flagger_canary_phase{name="podinfo",namespace="test",phase="Failed"} 0
flagger_canary_phase{name="webhook-server",namespace="development",phase="Progressing"} 0
flagger_canary_phase{name="webhook-server",namespace="development",phase="Failed"} 1
# TYPE flagger_canary_status gauge
flagger_canary_status{name="podinfo",namespace="test"} 0
flagger_canary_status{name="webhook-server",namespace="development"} 2
# TYPE flagger_canary_weight gauge
flagger_canary_weight{workload="podinfo-primary",namespace="test"} 90
flagger_canary_weight{workload="podinfo",namespace="test"} 10
flagger_canary_weight{workload="webhook-server-primary",namespace="development"} 100
flagger_canary_weight{workload="webhook-server",namespace="development"} 0
"#;

/// Series of every kind of target, which begin with the load.
const SERIES: [&str; 4] = [
    "http_request_duration_seconds_count",
    "gateway_requests_total",
    "istio_requests_total",
    "nginx_ingress_controller_requests",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_store_answers_every_query_as_a_real_prometheus_does() {
    let Some(program) = server::find() else { return };
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let page = Page::serve(OPERATOR).await;
    sandbox.add_scrape_target("flagger", &page.addr().to_string()).unwrap();
    let halves = Halves::stand(&sandbox).await;
    let load = halves.load(&sandbox).await;
    let prometheus = Prometheus::start(&program, &sandbox.scrape_targets());
    let both = Both { ours: sandbox.metrics_url(), theirs: prometheus.url(), clock: sandbox.clock() };
    both.know_a_minute(&prometheus).await;

    let queries = queries(&sandbox, &halves).await;
    both.agree(&queries).await;
    drop((load, prometheus, page));
    sandbox.stop().await;
}

/// Everything that the set-ups, the dashboards and the alert rules ask, each once.
async fn queries(sandbox: &Sandbox, halves: &Halves) -> Vec<String> {
    let templates: Vec<MetricTemplate> = all(&sandbox.client()).await;
    let mut queries: Vec<String> = Vec::new();
    for canary in &halves.canaries {
        queries.extend(template_queries(canary, &templates));
        let (observer, names) = (Observer::of(&builtin::provider(canary, halves::MESH)), Names::of(canary));
        queries.extend(
            [Check::SuccessRate, Check::RequestDuration].map(|check| builtin::query(observer, check, &names, "1m")),
        );
    }
    queries.extend(dashboard_queries("flagger-http.json", "development", "webhook-server").unwrap());
    queries.extend(dashboard_queries("flagger-istio.json", "test", "podinfo").unwrap());
    for group in ["flagger", "flagger-istio"] {
        let rules = alert_rules(group).unwrap();
        queries.extend(rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()));
    }
    queries.sort();
    queries.dedup();
    queries
}

/// The store and Prometheus, by their URLs.
struct Both {
    ours: String,
    theirs: String,
    /// The sandbox's, which is the machine's at this speed.
    clock: Arc<dyn Clock>,
}

/// The series of an answer: labels and value.
type Answer = BTreeMap<String, f64>;

impl Both {
    /// Waits until every series that is there was there a minute ago.
    async fn know_a_minute(&self, prometheus: &Prometheus) {
        let waiting = async {
            for (url, name) in [&self.ours, &self.theirs].into_iter().flat_map(|url| SERIES.map(|name| (url, name))) {
                let query = format!("count({name} offset 65s) == count({name})");
                while series(url, &query, self.now_secs()).is_empty() {
                    sleep(PAUSE).await;
                }
            }
        };
        let known = timeout(HISTORY_MAX, waiting).await;
        assert!(known.is_ok(), "there is no history:\n{}", prometheus.log());
    }

    /// Asks both until their answers are the same.
    async fn agree(&self, queries: &[String]) {
        let began = Instant::now();
        let mut open = self.complaints(queries);
        while !open.is_empty() {
            assert!(began.elapsed() < AGREEMENT_MAX, "{open:#?}");
            sleep(PAUSE).await;
            let left: Vec<String> = open.into_keys().collect();
            open = self.complaints(&left);
        }
    }

    /// The queries to which the answers differ now, or to which there is none, and how.
    fn complaints(&self, queries: &[String]) -> BTreeMap<String, String> {
        let complaint = |query: &String| {
            let time = self.now_secs();
            let (ours, theirs) = (series(&self.ours, query, time), series(&self.theirs, query, time));
            let same = ours.keys().eq(theirs.keys()) && ours.values().zip(theirs.values()).all(|(a, b)| close(*a, *b));
            let complaint = match (same, ours.is_empty()) {
                (true, false) => return None,
                (true, true) => "both have nothing, which proves nothing".to_owned(),
                (false, _) => format!("ours is {ours:?}, Prometheus has {theirs:?}"),
            };
            Some((query.clone(), complaint))
        };
        queries.iter().filter_map(complaint).collect()
    }

    /// Since 1970.
    fn now_secs(&self) -> f64 {
        self.clock.now().as_duration().as_secs_f64()
    }
}

/// What a Prometheus answers.
fn series(url: &str, query: &str, time: f64) -> Answer {
    let answer = tokio::task::block_in_place(|| instant(url, query, time)).unwrap();
    let one = |series: &Value| (series["metric"].to_string(), series["value"][1].as_str().unwrap().parse().unwrap());
    answer.as_array().unwrap().iter().map(one).collect()
}

fn close(ours: f64, theirs: f64) -> bool {
    let either = ours.abs().max(theirs.abs());
    // The first is for what has no distance: infinities, and what is no number.
    ours.total_cmp(&theirs).is_eq() || (ours - theirs).abs() <= (SHARE * either).max(NOTHING)
}
