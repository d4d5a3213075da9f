//! The series at `/metrics`.

use std::time::Duration;

use process::vitals::{Process, register};
use prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

/// Bounds of the buckets of a task's duration: from a check of a moment to a load test of an hour.
const SECONDS: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0];

/// All series of a service.
pub(crate) struct Metrics {
    registry: Registry,
    process: Process,
    requests: IntCounterVec,
    tasks: IntCounterVec,
    seconds: HistogramVec,
    running: IntGaugeVec,
    load: IntCounterVec,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Succeeded,
    Failed,
    /// The same one was running already.
    Skipped,
    /// It was not begun: what it asks for is wrong or not allowed.
    Refused,
    /// The process ended first.
    Stopped,
}

impl Ending {
    fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            requests: counter(&registry, "requests_total", "Requests that were answered", &["path", "code"]),
            tasks: counter(&registry, "tasks_total", "Tasks by how they ended", &["type", "outcome"]),
            seconds: seconds(&registry),
            running: running(&registry),
            load: counter(&registry, "load_requests_total", "Requests of built-in load", &["type", "outcome"]),
            process: Process::new(&registry),
            registry,
        };
        let info = Opts::new("flagger_loadtester_info", "Version of this load tester")
            .const_label("version", crate::serving::VERSION);
        let info = Gauge::with_opts(info).expect("the name and the label are valid");
        info.set(1.0);
        register(&metrics.registry, Box::new(info));
        metrics
    }

    /// A request was answered; `path` is one of those that there are.
    pub(crate) fn answered(&self, path: &str, code: u16) {
        self.requests.with_label_values(&[path, &code.to_string()]).inc();
    }

    /// A task began.
    pub(crate) fn began(&self, kind: &str) {
        self.running.with_label_values(&[kind]).inc();
    }

    /// A task that began is over.
    pub(crate) fn ended(&self, kind: &str, ending: Ending, took: Duration) {
        self.running.with_label_values(&[kind]).dec();
        self.seconds.with_label_values(&[kind]).observe(took.as_secs_f64());
        self.told(kind, ending);
    }

    /// A task ended, or never began.
    pub(crate) fn told(&self, kind: &str, ending: Ending) {
        self.tasks.with_label_values(&[kind, ending.label()]).inc();
    }

    /// Built-in load was made.
    pub(crate) fn load(&self, kind: &str, succeeded: u64, failed: u64) {
        self.load.with_label_values(&[kind, "succeeded"]).inc_by(succeeded);
        self.load.with_label_values(&[kind, "failed"]).inc_by(failed);
    }

    /// All series in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        self.process.refresh();
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("flagger_loadtester_{name}"), help)
}

fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let counter = IntCounterVec::new(opts(name, help), labels).expect("the name and the labels are valid");
    register(registry, Box::new(counter.clone()));
    counter
}

fn running(registry: &Registry) -> IntGaugeVec {
    let opts = opts("tasks_running", "Tasks that run");
    let gauge = IntGaugeVec::new(opts, &["type"]).expect("the name and the label are valid");
    register(registry, Box::new(gauge.clone()));
    gauge
}

fn seconds(registry: &Registry) -> HistogramVec {
    let opts = HistogramOpts::from(opts("task_duration_seconds", "Seconds that a task took")).buckets(SECONDS.into());
    let histogram = HistogramVec::new(opts, &["type"]).expect("the name, the label and the buckets are valid");
    register(registry, Box::new(histogram.clone()));
    histogram
}
