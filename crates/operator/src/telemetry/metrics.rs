//! The series at `/metrics`, under the names that dashboards and alerts know.
//!
//! Quirk: the label `name` is the name of the canary's target, not of the canary.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use api::Phase;
use process::vitals::{Process, register};
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::standings::Standings;

/// The labels of the two counters.
const OUTCOME: [&str; 4] = ["name", "namespace", "deployment_strategy", "analysis_status"];

/// The values that `deployment_strategy` has.
const STRATEGIES: [&str; 3] = ["canary", "blue-green", "ab-testing"];

/// The values that `analysis_status` has.
const STATUSES: [&str; 2] = ["completed", "skipped"];

/// All series of the operator.
pub struct Metrics {
    registry: Registry,
    process: Process,
    total: IntGaugeVec,
    standings: Standings,
    duration: HistogramVec,
    analysis: GaugeVec,
    successes: IntCounterVec,
    failures: IntCounterVec,
    alerts: IntCounterVec,
    watch_failing: IntGaugeVec,
    /// Which metrics each target has a series of, so that they can be taken back; by namespace and name.
    analysed: Mutex<BTreeMap<(String, String), BTreeSet<String>>>,
}

impl Metrics {
    /// The series of an operator of this version whose canaries use `mesh_provider` unless they say otherwise.
    pub fn new(version: &str, mesh_provider: &str) -> Self {
        let registry = Registry::new();
        let target = ["name", "namespace"];
        let metrics = Self {
            total: gauge("canary_total", "Canaries in the namespace", &["namespace"]),
            standings: Standings::default(),
            duration: histogram("canary_duration_seconds", "Seconds that an analysis tick took", &target),
            analysis: analysis(),
            successes: counter("canary_successes_total", "Canaries that were promoted", &OUTCOME),
            failures: counter("canary_failures_total", "Canaries that were rolled back", &OUTCOME),
            alerts: counter(
                "alerts_total",
                "Alerts by kind of chat and whether they were sent",
                &["provider", "result"],
            ),
            watch_failing: gauge(
                "watch_failing",
                "1 while objects of a resource can't be followed, such as for want of a permission",
                &["group", "resource"],
            ),
            process: Process::new(&registry),
            registry,
            analysed: Mutex::default(),
        };
        metrics.register();
        metrics.info(version, mesh_provider);
        metrics
    }

    /// How many canaries a namespace has; say 0 when its last one is gone.
    pub fn canary_total(&self, namespace: &str, count: usize) {
        self.total.with_label_values(&[namespace]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// How the target's canary is doing: 0 while it progresses, 2 when it failed, 1 otherwise.
    pub fn canary_status(&self, name: &str, namespace: &str, value: i64) {
        self.standings.status(name, namespace, value);
    }

    /// Which phase the target's canary is in: the only one that there is a series of.
    pub fn canary_phase(&self, name: &str, namespace: &str, phase: Phase) {
        self.standings.phase(name, namespace, phase);
    }

    /// How the traffic of the target is split.
    pub fn weight(&self, name: &str, namespace: &str, primary: i64, canary: i64) {
        self.standings.weights(name, namespace, primary, canary);
    }

    /// How long an analysis tick took.
    pub fn duration(&self, name: &str, namespace: &str, secs: f64) {
        self.duration.with_label_values(&[name, namespace]).observe(secs);
    }

    /// The last value of one metric of the analysis.
    pub fn analysis(&self, name: &str, namespace: &str, metric: &str, value: f64) {
        let mut analysed = self.analysed.lock().unwrap_or_else(PoisonError::into_inner);
        analysed.entry((namespace.to_owned(), name.to_owned())).or_default().insert(metric.to_owned());
        self.analysis.with_label_values(&[name, namespace, metric]).set(value);
    }

    /// A release was promoted; `strategy` is `canary`, `blue-green` or `ab-testing`, `status` `completed` or `skipped`.
    pub fn succeeded(&self, name: &str, namespace: &str, strategy: &str, status: &str) {
        self.successes.with_label_values(&[name, namespace, strategy, status]).inc();
    }

    /// A release was rolled back, after an analysis that was `completed`.
    pub fn failed(&self, name: &str, namespace: &str, strategy: &str) {
        self.failures.with_label_values(&[name, namespace, strategy, "completed"]).inc();
    }

    /// What became of an alert to this kind of chat: `sent`, `failed`, or `dropped` since too many were waiting.
    pub fn alert(&self, provider: &str, result: &str) {
        self.alerts.with_label_values(&[provider, result]).inc();
    }

    /// Whether the objects of a resource can't be followed at the moment.
    pub fn watch_failing(&self, group: &str, resource: &str, failing: bool) {
        self.watch_failing.with_label_values(&[group, resource]).set(failing.into());
    }

    /// Takes back every series of a target whose canary is gone.
    pub fn forget(&self, name: &str, namespace: &str) {
        self.standings.forget(name, namespace);
        // A series that never was can't be removed, which is as good.
        let _ = self.duration.remove_label_values(&[name, namespace]);
        for (strategy, status) in STRATEGIES.iter().flat_map(|strategy| STATUSES.map(|status| (strategy, status))) {
            let _ = self.successes.remove_label_values(&[name, namespace, strategy, status]);
            let _ = self.failures.remove_label_values(&[name, namespace, strategy, status]);
        }
        let mut analysed = self.analysed.lock().unwrap_or_else(PoisonError::into_inner);
        for metric in analysed.remove(&(namespace.to_owned(), name.to_owned())).unwrap_or_default() {
            let _ = self.analysis.remove_label_values(&[name, namespace, metric.as_str()]);
        }
    }

    /// All series in Prometheus' text format.
    pub fn text(&self) -> String {
        self.process.refresh();
        let mut text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default();
        self.standings.write(&mut text);
        text
    }

    fn info(&self, version: &str, mesh_provider: &str) {
        let opts = Opts::new("flagger_info", "Version and default provider of this operator")
            .const_label("version", version)
            .const_label("mesh_provider", mesh_provider);
        let info = Gauge::with_opts(opts).expect("the name and the labels are valid");
        info.set(1.0);
        register(&self.registry, Box::new(info));
    }

    fn register(&self) {
        let collectors: [Box<dyn Collector>; 7] = [
            Box::new(self.total.clone()),
            Box::new(self.duration.clone()),
            Box::new(self.analysis.clone()),
            Box::new(self.successes.clone()),
            Box::new(self.failures.clone()),
            Box::new(self.alerts.clone()),
            Box::new(self.watch_failing.clone()),
        ];
        for collector in collectors {
            register(&self.registry, collector);
        }
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("flagger_{name}"), help)
}

fn gauge(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    IntGaugeVec::new(opts(name, help), labels).expect("the name and the labels are valid")
}

fn analysis() -> GaugeVec {
    let opts = opts("canary_metric_analysis", "Last value of each metric of the analysis");
    GaugeVec::new(opts, &["name", "namespace", "metric"]).expect("the name and the labels are valid")
}

fn counter(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(opts(name, help), labels).expect("the name and the labels are valid")
}

fn histogram(name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let opts = HistogramOpts::from(opts(name, help));
    HistogramVec::new(opts, labels).expect("the name and the labels are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of our own series, comments left out.
    fn series(metrics: &Metrics) -> Vec<String> {
        let text = metrics.text();
        let ours = text.lines().filter(|line| line.starts_with("flagger_") && !line.contains("_bucket"));
        ours.map(str::to_owned).collect()
    }

    fn after_a_release() -> Metrics {
        let metrics = Metrics::new("1.2.3", "istio");
        metrics.canary_total("test", 1);
        metrics.canary_status("podinfo", "test", 2);
        metrics.canary_phase("podinfo", "test", Phase::Progressing);
        metrics.canary_phase("podinfo", "test", Phase::Failed);
        metrics.weight("podinfo", "test", 90, 10);
        metrics.duration("podinfo", "test", 0.25);
        metrics.analysis("podinfo", "test", "request-duration", 0.5);
        metrics.succeeded("podinfo", "test", "canary", "skipped");
        metrics.failed("podinfo", "test", "ab-testing");
        metrics
    }

    #[test]
    fn the_series_have_the_names_and_labels_that_dashboards_know() {
        let expected = [
            r#"flagger_canary_duration_seconds_sum{name="podinfo",namespace="test"} 0.25"#,
            r#"flagger_canary_duration_seconds_count{name="podinfo",namespace="test"} 1"#,
            r#"flagger_canary_failures_total{analysis_status="completed",deployment_strategy="ab-testing",name="podinfo",namespace="test"} 1"#,
            r#"flagger_canary_metric_analysis{metric="request-duration",name="podinfo",namespace="test"} 0.5"#,
            r#"flagger_canary_successes_total{analysis_status="skipped",deployment_strategy="canary",name="podinfo",namespace="test"} 1"#,
            r#"flagger_canary_total{namespace="test"} 1"#,
            r#"flagger_info{mesh_provider="istio",version="1.2.3"} 1"#,
            r#"flagger_canary_status{name="podinfo",namespace="test"} 2"#,
            r#"flagger_canary_phase{name="podinfo",namespace="test",phase="Failed"} 1"#,
            r#"flagger_canary_weight{namespace="test",workload="podinfo-primary"} 90"#,
            r#"flagger_canary_weight{namespace="test",workload="podinfo"} 10"#,
        ];
        assert_eq!(series(&after_a_release()), expected);
    }

    #[test]
    fn a_deleted_canary_leaves_no_series_behind() {
        let metrics = after_a_release();
        metrics.forget("podinfo", "test");
        metrics.canary_total("test", 0);
        let left =
            [r#"flagger_canary_total{namespace="test"} 0"#, r#"flagger_info{mesh_provider="istio",version="1.2.3"} 1"#];
        assert_eq!(series(&metrics), left);
    }

    #[test]
    fn the_process_tells_its_memory_and_cpu_time() {
        let text = Metrics::new("1", "istio").text();
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            assert!(0.0 < value, "{line}");
        }
        assert!(text.contains("# TYPE process_cpu_seconds_total counter"));
    }
}
