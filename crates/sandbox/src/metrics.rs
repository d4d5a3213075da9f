//! Scraping: every running pod, the gateway and whatever else is named, into the metrics store.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use metricstore::Store;
use ports::Clock;
use tokio::time::MissedTickBehavior;

use crate::cluster::{Cluster, Tasks};
use crate::node::Addresses;
use crate::wire::{Pool, full};

/// How often, by the cluster's clock.
const EVERY: Duration = Duration::from_secs(5);
/// Targets scraped at the same time.
const AT_ONCE: usize = 16;
/// How long one scrape may take, in real time.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest exposition that is read.
const EXPOSITION: usize = 4 << 20;

/// Something with metrics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScrapeTarget {
    /// What every series from there is labelled with.
    pub labels: Vec<(String, String)>,
    /// Where it listens on this machine.
    pub addr: SocketAddr,
    /// The path of its metrics.
    pub path: String,
}

impl ScrapeTarget {
    /// A target outside the cluster, with `job` and `instance` as its labels.
    pub(crate) fn outside(job: &str, addr: SocketAddr, path: &str) -> Self {
        let labels = vec![("job".to_owned(), job.to_owned()), ("instance".to_owned(), addr.to_string())];
        Self { labels, addr, path: path.to_owned() }
    }
}

/// The targets that are no pods. Clones share them.
#[derive(Clone, Debug, Default)]
struct Extra(Arc<Mutex<Vec<ScrapeTarget>>>);

impl Extra {
    fn add(&self, target: ScrapeTarget) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(target);
    }

    fn all(&self) -> Vec<ScrapeTarget> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Everything that is scraped. Clones share it.
#[derive(Clone)]
pub(crate) struct Targets {
    cluster: Arc<Cluster>,
    addresses: Addresses,
    extra: Extra,
}

impl Targets {
    /// The pods of a cluster.
    pub(crate) fn of(cluster: &Arc<Cluster>, addresses: Addresses) -> Self {
        Self { cluster: Arc::clone(cluster), addresses, extra: Extra::default() }
    }

    /// Adds a target that is no pod.
    pub(crate) fn add(&self, target: ScrapeTarget) {
        self.extra.add(target);
    }

    /// All there are at the moment.
    pub(crate) fn all(&self) -> BTreeSet<ScrapeTarget> {
        let pods = self.cluster.pods.all();
        let pods = pods.iter().filter_map(|pod| target(pod, |ip, port| self.addresses.resolve(ip, port)));
        pods.chain(self.extra.all()).collect()
    }
}

/// Starts scraping.
pub(crate) fn start(targets: Targets, store: Store, tasks: &Tasks) {
    let clock = Arc::clone(&targets.cluster.clock);
    tasks.spawn(Scraper { targets, clock, store, pool: Pool::default() }.run());
}

struct Scraper {
    targets: Targets,
    clock: Arc<dyn Clock>,
    store: Store,
    pool: Pool,
}

impl Scraper {
    async fn run(self) {
        let mut ticks = tokio::time::interval(self.clock.real(EVERY));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known: BTreeSet<ScrapeTarget> = BTreeSet::new();
        loop {
            ticks.tick().await;
            let targets = self.targets.all();
            for gone in known.difference(&targets) {
                self.store.gone(&gone.labels, self.now_ms());
            }
            futures::stream::iter(&targets).for_each_concurrent(AT_ONCE, |target| self.scrape(target)).await;
            known = targets;
        }
    }

    /// Stores what a target exposes, and that it is up; of one that does not answer, only that it is down.
    async fn scrape(&self, target: &ScrapeTarget) {
        let exposed = tokio::time::timeout(PATIENCE, self.read(target)).await.ok().flatten();
        let text = exposed.map_or_else(|| "up 0\n".to_owned(), |text| format!("{text}\nup 1\n"));
        if let Err(error) = self.store.ingest(&text, &target.labels, self.now_ms()) {
            tracing::debug!(%error, addr = %target.addr, "a target's metrics can't be read");
        }
    }

    async fn read(&self, target: &ScrapeTarget) -> Option<String> {
        let mut request = Request::get(Uri::try_from(&target.path).ok()?).body(full("")).ok()?;
        request.headers_mut().insert(header::HOST, HeaderValue::try_from(target.addr.to_string()).ok()?);
        let response = self.pool.send(target.addr, request).await.ok()?;
        let good = response.status().is_success();
        let body = Limited::new(response.into_body(), EXPOSITION).collect().await.ok()?;
        String::from_utf8(body.to_bytes().to_vec()).ok().filter(|_| good)
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

/// A pod as a target, unless it says no or does not listen. `prometheus.io/port` and `prometheus.io/path` are followed.
fn target(pod: &Pod, resolve: impl Fn(IpAddr, u16) -> Option<SocketAddr>) -> Option<ScrapeTarget> {
    const DEFAULT: u16 = 9898;
    let said = |key: &str| pod.annotations().get(key).map(String::as_str);
    if said("prometheus.io/scrape") == Some("false") {
        return None;
    }
    let ip: IpAddr = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
    let declared =
        pod.spec.iter().flat_map(|spec| &spec.containers).flat_map(|container| container.ports.iter().flatten());
    let declared = declared.into_iter().find_map(|port| u16::try_from(port.container_port).ok());
    let port = said("prometheus.io/port").and_then(|port| port.parse().ok()).or(declared).unwrap_or(DEFAULT);
    let path = said("prometheus.io/path").unwrap_or("/metrics").to_owned();
    Some(ScrapeTarget { labels: labels(pod, &format!("{ip}:{port}")), addr: resolve(ip, port)?, path })
}

/// The target labels, as the Prometheus that comes with Flagger makes them; a pod's own labels come last.
fn labels(pod: &Pod, instance: &str) -> Vec<(String, String)> {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let mut labels: Vec<(String, String)> = [
        ("job", "kubernetes-pods"),
        ("instance", instance),
        ("kubernetes_namespace", &namespace),
        ("kubernetes_pod_name", &name),
        ("namespace", &namespace),
        ("pod", &name),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec();
    for (key, value) in pod.labels() {
        let key: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if !labels.iter().any(|(known, _)| *known == key) {
            labels.push((key, value.clone()));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(annotations: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "podinfo-a", "namespace": "test", "annotations": annotations,
                "labels": {"app.kubernetes.io/name": "podinfo", "pod": "impostor"}},
            "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 9797}]}]},
            "status": {"podIP": "10.244.0.2"},
        }))
        .unwrap()
    }

    fn target(pod: &Pod) -> Option<ScrapeTarget> {
        super::target(pod, |_, port| Some(SocketAddr::from(([127, 0, 0, 1], port))))
    }

    #[test]
    fn a_pods_labels_become_target_labels_but_never_replace_them() {
        let target = target(&pod(&json!({}))).unwrap();
        let get = |key: &str| target.labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        assert_eq!(get("app_kubernetes_io_name"), Some("podinfo"));
        assert_eq!(get("pod"), Some("podinfo-a"));
        assert_eq!(get("instance"), Some("10.244.0.2:9797"));
    }

    #[test]
    fn annotations_choose_the_port_or_refuse() {
        let chosen = target(&pod(&json!({"prometheus.io/port": "8080"}))).unwrap();
        assert_eq!(chosen.addr.port(), 8080);
        assert_eq!(target(&pod(&json!({"prometheus.io/scrape": "false"}))), None);
    }
}
