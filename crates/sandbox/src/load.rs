//! Load: real requests through the gateway, and who answered them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use ports::Clock;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::podinfo::{HOSTNAME, VERSION};
use crate::wire::{Pool, full};

/// Answers that are remembered for [`LoadStats::window`].
const REMEMBERED: usize = 100_000;
/// Answers that a slow subscriber may fall behind.
const BEHIND: usize = 4096;
/// A request without an answer after this much real time is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to send, and how fast.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Where to send it: the gateway.
    pub gateway: SocketAddr,
    /// The host that is asked for, such as `podinfo.test` or a route's hostname.
    pub host: String,
    /// The path, with its query.
    pub path: String,
    /// The method; requests have no body.
    pub method: Method,
    /// Headers besides `Host`.
    pub headers: HeaderMap,
    /// Requests in a second of real time.
    pub per_second: f64,
    /// Requests in flight at most; what is due when there is no room is skipped and counted.
    pub concurrency: usize,
}

impl LoadOptions {
    /// Twenty `GET /` a second for a host.
    pub fn new(gateway: SocketAddr, host: impl Into<String>) -> Self {
        Self {
            gateway,
            host: host.into(),
            path: "/".into(),
            method: Method::GET,
            headers: HeaderMap::new(),
            per_second: 20.0,
            concurrency: 64,
        }
    }
}

/// Why load can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not a host.
    #[error("host \"{0}\" is not valid in HTTP")]
    Host(String),
    /// Not a path.
    #[error("path \"{0}\" is not valid in HTTP")]
    Path(String),
    /// Not a rate.
    #[error("per_second must be between 0.001 and 100000, not {0}")]
    Rate(f64),
}

/// One request and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// When it ended, by the sandbox's clock.
    pub at: Timestamp,
    /// The status, `None` when there was no response.
    pub status: Option<u16>,
    /// The pod that answered, `None` when the gateway did.
    pub pod: Option<String>,
    /// The version that answered.
    pub version: Option<String>,
    /// How long it took, in real time.
    pub took: Duration,
}

impl Served {
    /// Whether a pod answered it with a server error.
    pub fn failed(&self) -> bool {
        self.pod.is_some() && self.status.is_some_and(|status| 500 <= status)
    }

    /// Whether no pod answered it: it broke off, or the gateway had nobody to send it to.
    pub fn lost(&self) -> bool {
        self.pod.is_none() && self.status.is_none_or(|status| 500 <= status)
    }
}

/// What a stretch of load amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All requests that ended.
    pub requests: u64,
    /// Those that a pod answered with a server error.
    pub failed: u64,
    /// Those that no pod answered.
    pub lost: u64,
    /// Answers by the name of the pod.
    pub pods: BTreeMap<String, u64>,
    /// Answers by version.
    pub versions: BTreeMap<String, u64>,
}

impl Counts {
    /// The share of the answers that came from a workload's pods: those called `workload-HASH-ID`.
    pub fn share(&self, workload: &str) -> f64 {
        let belongs = |pod: &str| pod.rsplitn(3, '-').nth(2) == Some(workload);
        let of_workload: u64 = self.pods.iter().filter(|(pod, _)| belongs(pod)).map(|(_, count)| count).sum();
        let all: u64 = self.pods.values().sum();
        #[expect(clippy::cast_precision_loss, reason = "nobody sends 2^52 requests")]
        let share = if all == 0 { 0.0 } else { of_workload as f64 / all as f64 };
        share
    }

    fn add(&mut self, served: &Served) {
        self.requests += 1;
        self.failed += u64::from(served.failed());
        self.lost += u64::from(served.lost());
        if let Some(pod) = &served.pod {
            *self.pods.entry(pod.clone()).or_default() += 1;
        }
        if let Some(version) = &served.version {
            *self.versions.entry(version.clone()).or_default() += 1;
        }
    }
}

/// What the load has met so far. Clones show the same numbers.
#[derive(Clone, Debug)]
pub struct LoadStats {
    seen: Arc<Mutex<Seen>>,
    news: broadcast::Sender<Served>,
}

#[derive(Debug, Default)]
struct Seen {
    total: Counts,
    skipped: u64,
    latest: VecDeque<Served>,
}

impl LoadStats {
    fn new() -> Self {
        Self { seen: Arc::default(), news: broadcast::channel(BEHIND).0 }
    }

    /// Everything since the start.
    pub fn snapshot(&self) -> Counts {
        self.with(|seen| seen.total.clone())
    }

    /// What ended from `from` up to but not including `to`; the last hundred thousand requests are remembered.
    pub fn window(&self, from: Timestamp, to: Timestamp) -> Counts {
        let mut counts = Counts::default();
        self.with(|seen| {
            seen.latest
                .iter()
                .filter(|served| from <= served.at && served.at < to)
                .for_each(|served| counts.add(served));
        });
        counts
    }

    /// Requests that were due but not sent, because too many were in flight.
    pub fn skipped(&self) -> u64 {
        self.with(|seen| seen.skipped)
    }

    /// Every request from now on, as it ends.
    pub fn subscribe(&self) -> broadcast::Receiver<Served> {
        self.news.subscribe()
    }

    fn add(&self, served: Served) {
        self.with(|seen| {
            seen.total.add(&served);
            if seen.latest.len() == REMEMBERED {
                seen.latest.pop_front();
            }
            seen.latest.push_back(served.clone());
        });
        // Nobody has to listen.
        let _ = self.news.send(served);
    }

    fn with<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Running load: open loop, so that slow answers do not slow the requests down. Dropping it stops it.
#[derive(Debug)]
pub struct Load {
    stats: LoadStats,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Load {
    /// Starts sending; `clock` says when answers came.
    pub fn start(options: &LoadOptions, clock: Arc<dyn Clock>) -> Result<Self, LoadError> {
        const RATES: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;
        if !RATES.contains(&options.per_second) {
            return Err(LoadError::Rate(options.per_second));
        }
        let stats = LoadStats::new();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (stopped, requests) = (stop.clone(), tasks.clone());
        let every = Duration::from_secs_f64(options.per_second.recip());
        let room = Arc::new(Semaphore::new(options.concurrency.clamp(1, Semaphore::MAX_PERMITS)));
        let sender = Arc::new(Sender::new(options, stats.clone(), clock)?);
        tasks.spawn(async move {
            stopped.run_until_cancelled(send_all(&sender, every, &room, &requests)).await;
        });
        Ok(Self { stats, stop, tasks })
    }

    /// The numbers, which outlive the load.
    pub fn stats(&self) -> LoadStats {
        self.stats.clone()
    }

    /// Sends nothing more, and waits for the answers in flight.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn send_all(sender: &Arc<Sender>, every: Duration, room: &Arc<Semaphore>, requests: &TaskTracker) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        ticks.tick().await;
        let Ok(place) = Arc::clone(room).try_acquire_owned() else {
            sender.stats.with(|seen| seen.skipped += 1);
            continue;
        };
        let sender = Arc::clone(sender);
        requests.spawn(async move {
            sender.stats.add(sender.send().await);
            drop(place);
        });
    }
}

/// Sends one request after the other over kept-alive connections.
struct Sender {
    gateway: SocketAddr,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    pool: Pool,
    stats: LoadStats,
    clock: Arc<dyn Clock>,
}

impl Sender {
    fn new(options: &LoadOptions, stats: LoadStats, clock: Arc<dyn Clock>) -> Result<Self, LoadError> {
        let LoadOptions { gateway, host, path, method, headers, .. } = options;
        let name = HeaderValue::from_str(host).map_err(|_| LoadError::Host(host.clone()))?;
        let uri = Uri::try_from(path.as_str()).map_err(|_| LoadError::Path(path.clone()))?;
        let mut headers = headers.clone();
        headers.insert(header::HOST, name);
        headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static("flagger-sandbox-load"));
        let (gateway, method) = (*gateway, method.clone());
        Ok(Self { gateway, method, uri, headers, pool: Pool::default(), stats, clock })
    }

    async fn send(&self) -> Served {
        let began = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, self.exchange()).await.ok().flatten();
        let (at, took) = (self.clock.now(), began.elapsed());
        let Some((status, headers)) = answer else {
            return Served { at, status: None, pod: None, version: None, took };
        };
        let named = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Served { at, status: Some(status), pod: named(HOSTNAME), version: named(VERSION), took }
    }

    /// The response's head once its body has come too; an answer that breaks off is none.
    async fn exchange(&self) -> Option<(u16, HeaderMap)> {
        let mut request = Request::new(full(""));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let (head, body) = self.pool.send(self.gateway, request).await.ok()?.into_parts();
        body.collect().await.ok()?;
        Some((head.status.as_u16(), head.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(status: Option<u16>, pod: Option<&str>) -> Served {
        let at = Timestamp::UNIX_EPOCH;
        Served { at, status, pod: pod.map(str::to_owned), version: None, took: Duration::ZERO }
    }

    #[test]
    fn a_pods_error_is_a_failure_and_no_pods_error_is_a_loss() {
        let mut counts = Counts::default();
        for served in [
            served(Some(200), Some("podinfo-5d8f-abcde")),
            served(Some(500), Some("podinfo-5d8f-abcde")),
            served(Some(503), None),
            served(None, None),
            served(Some(404), None),
        ] {
            counts.add(&served);
        }
        assert_eq!((counts.requests, counts.failed, counts.lost), (5, 1, 2));
    }

    #[test]
    fn a_workloads_share_is_not_confused_by_longer_names() {
        let pods = BTreeMap::from([("podinfo-5d8f-a".into(), 10), ("podinfo-primary-77b-b".into(), 90)]);
        let counts = Counts { pods, ..Counts::default() };
        assert!((counts.share("podinfo") - 0.1).abs() < 1e-9);
        assert!((counts.share("podinfo-primary") - 0.9).abs() < 1e-9);
    }
}
