//! Built-in load: requests at a rate, by so many clients, for so long, and a verdict on what came back.
//!
//! *Types* `http` and `grpc` (calls of the gRPC health service). A command line of `hey`, `fortio load` or `wrk` becomes the
//! same [`Plan`] where the tool is missing (`imitation.rs`).
//!
//! *Metadata.* `url`, `method`, `body`, `headers` (one a line), `host`, `insecure` of `http`; `address`, `service` of `grpc`;
//! and of both `rate` (10 a second, 0 for as fast as it goes), `concurrency` (2), `duration` (1m) or `count`, `timeout` (10s)
//! of a request, `wait`, and the thresholds `minSuccessRate` in percent, `maxP50`, `maxP95`, `maxP99`.

mod grpc;
mod http;
pub(crate) mod imitation;
mod pace;
mod report;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::api::duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::pace::Pace;
use crate::tasks::Metadata;
use crate::world::World;

pub(crate) use self::report::{Report, Thresholds};

/// More clients than this are no honest test of one service from one machine.
const CONCURRENCY_MAX: usize = 1000;

/// More requests a second than this one process does not make.
const RATE_MAX: f64 = 100_000.0;

/// What holds unless the metadata says otherwise.
const RATE: f64 = 10.0;
const CONCURRENCY: usize = 2;
const DURATION: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Load to be made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    target: Target,
    /// Requests that are under way at once.
    concurrency: usize,
    /// Requests in a second, of all clients together; as fast as it goes without.
    rate: Option<f64>,
    amount: Amount,
    pub(crate) thresholds: Thresholds,
    /// Whether the webhook waits for the end although there are no thresholds.
    wait: bool,
}

/// Whom requests go to.
#[derive(Clone, Debug)]
enum Target {
    Http(Arc<http::Target>),
    Grpc(Arc<grpc::Target>),
}

/// When it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    Count(u64),
    Duration(Duration),
}

/// What came of one request.
struct Shot {
    /// A status, or what went wrong.
    answer: String,
    succeeded: bool,
}

impl Plan {
    /// Whether its requests can go through a proxy for HTTP.
    pub(crate) fn takes_proxies(&self) -> bool {
        matches!(self.target, Target::Http(_))
    }

    /// The type of task that it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self.target {
            Target::Http(_) => "http",
            Target::Grpc(_) => "grpc",
        }
    }

    /// Whether the webhook waits: for a verdict it has to.
    pub(crate) fn blocks(&self) -> bool {
        self.wait || self.thresholds != Thresholds::default()
    }
}

/// For logs: whom, how fast and how long, without what may be secret.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Http(target) => write!(f, "{target}")?,
            Target::Grpc(target) => write!(f, "{target}")?,
        }
        match self.rate {
            Some(rate) => write!(f, " at {rate}/s")?,
            None => f.write_str(" at full speed")?,
        }
        write!(f, " by {}, ", self.concurrency)?;
        match self.amount {
            Amount::Count(count) => write!(f, "{count} times"),
            Amount::Duration(time) => write!(f, "for {}", duration::format(time)),
        }
    }
}

/// The load that the metadata describes.
pub(crate) fn read(kind: &str, metadata: &Metadata) -> Result<Plan, String> {
    let timeout = time(metadata, "timeout")?.unwrap_or(TIMEOUT);
    let target = match kind {
        "grpc" => Target::Grpc(Arc::new(grpc::Target::read(metadata, timeout)?)),
        _ => Target::Http(Arc::new(http::Target::read(metadata, timeout)?)),
    };
    let count = number(metadata, "count")?;
    let amount = match (count, time(metadata, "duration")?) {
        (Some(_), Some(_)) => return Err("count and duration in metadata exclude each other".to_owned()),
        (Some(count), None) => Amount::Count(count),
        (None, time) => Amount::Duration(time.unwrap_or(DURATION)),
    };
    let wait = match metadata.get("wait").map(|text| process::flags::parse_bool(text)) {
        Some(None) => return Err("wait in metadata is not true or false".to_owned()),
        wait => wait.flatten().unwrap_or_default(),
    };
    Ok(Plan {
        target,
        concurrency: concurrency(number(metadata, "concurrency")?.unwrap_or(CONCURRENCY as u64))?,
        rate: rate(metadata.get("rate").map_or(Ok(RATE), |text| text.parse().map_err(|_| wrong("rate", text)))?)?,
        amount,
        thresholds: Thresholds::read(metadata)?,
        wait,
    })
}

/// Makes the load, for no longer than `limit` of the world's time. It ends when the future is dropped.
///
/// Rates are of the machine's seconds, however fast time goes in the world: no machine carries load in fast motion.
pub(crate) async fn run(plan: &Plan, limit: Duration, world: &World) -> Report {
    let began = Instant::now();
    let end = match plan.amount {
        Amount::Count(_) => limit,
        Amount::Duration(time) => time.min(limit),
    };
    let count = match plan.amount {
        Amount::Count(count) => count,
        Amount::Duration(_) => u64::MAX,
    };
    let pace = Arc::new(Pace::new(plan.rate, count, began + world.real(end)));
    let report = Arc::new(Mutex::new(Report::default()));
    let mut clients = JoinSet::new();
    match &plan.target {
        Target::Http(target) => match http::client(target, plan.concurrency, world.proxy()) {
            Ok(client) => {
                for _ in 0..plan.concurrency {
                    let gun = http::Gun { client: client.clone(), target: Arc::clone(target) };
                    clients.spawn(shoot(Gun::Http(gun), Arc::clone(&pace), Arc::clone(&report)));
                }
            }
            Err(reason) => lock(&report).add(&Shot { answer: reason, succeeded: false }, Duration::ZERO),
        },
        Target::Grpc(target) => {
            for _ in 0..plan.concurrency {
                let gun = grpc::Gun::new(Arc::clone(target));
                clients.spawn(shoot(Gun::Grpc(gun), Arc::clone(&pace), Arc::clone(&report)));
            }
        }
    }
    while clients.join_next().await.is_some() {}
    let mut report = std::mem::take(&mut *lock(&report));
    report.took = began.elapsed();
    report.title = plan.to_string();
    report
}

/// What sends requests, one after another.
enum Gun {
    Http(http::Gun),
    Grpc(grpc::Gun),
}

async fn shoot(mut gun: Gun, pace: Arc<Pace>, report: Arc<Mutex<Report>>) {
    while pace.turn().await {
        let began = Instant::now();
        let shot = match &mut gun {
            Gun::Http(gun) => gun.shoot().await,
            Gun::Grpc(gun) => gun.shoot().await,
        };
        lock(&report).add(&shot, began.elapsed());
    }
}

fn lock(report: &Mutex<Report>) -> std::sync::MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

fn concurrency(count: u64) -> Result<usize, String> {
    let count = usize::try_from(count).ok().filter(|count| (1..=CONCURRENCY_MAX).contains(count));
    count.ok_or_else(|| format!("a concurrency is from 1 to {CONCURRENCY_MAX}"))
}

/// 0 is as fast as it goes.
fn rate(rate: f64) -> Result<Option<f64>, String> {
    if !(0.0..=RATE_MAX).contains(&rate) {
        return Err(format!("a rate is from 0 to {RATE_MAX} requests a second"));
    }
    Ok(Some(rate).filter(|rate| 0.0 < *rate))
}

fn number(metadata: &Metadata, key: &str) -> Result<Option<u64>, String> {
    let read = |text: &String| text.parse().ok().filter(|number| 0 < *number).ok_or_else(|| wrong(key, text));
    metadata.get(key).map(read).transpose()
}

fn time(metadata: &Metadata, key: &str) -> Result<Option<Duration>, String> {
    let read =
        |text: &String| duration::parse(text).ok().filter(|time| !time.is_zero()).ok_or_else(|| wrong(key, text));
    metadata.get(key).map(read).transpose()
}

fn wrong(key: &str, text: &str) -> String {
    format!("{key} {text:?} in metadata is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kind: &str, pairs: &[(&str, &str)]) -> Result<String, String> {
        let metadata = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        read(kind, &metadata).map(|plan| plan.to_string())
    }

    #[test]
    fn metadata_says_whom_how_fast_and_how_long() {
        let url = ("url", "http://user:secret@cart.shop:8080/a?key=secret");
        assert_eq!(plan("http", &[url]).unwrap(), "GET http://cart.shop:8080/a at 10/s by 2, for 1m0s");
        assert_eq!(
            plan("http", &[url, ("method", "POST"), ("rate", "0"), ("concurrency", "4"), ("count", "100")]).unwrap(),
            "POST http://cart.shop:8080/a at full speed by 4, 100 times"
        );
        assert_eq!(
            plan("grpc", &[("address", "cart.shop:9000"), ("service", "cart"), ("duration", "5s")]).unwrap(),
            "health check of \"cart\" at cart.shop:9000 at 10/s by 2, for 5s"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let url = ("url", "http://cart.shop/");
        for (pairs, reason) in [
            (&[][..], "url not found in metadata"),
            (&[("url", "ftp://x")], r#"url "ftp://x" in metadata is not valid"#),
            (&[url, ("rate", "-1")], "a rate is from 0 to 100000 requests a second"),
            (&[url, ("rate", "NaN")], "a rate is from 0 to 100000 requests a second"),
            (&[url, ("concurrency", "5000")], "a concurrency is from 1 to 1000"),
            (&[url, ("count", "0")], r#"count "0" in metadata is not valid"#),
            (&[url, ("count", "1"), ("duration", "1s")], "count and duration in metadata exclude each other"),
            (&[url, ("minSuccessRate", "101")], r#"minSuccessRate "101" in metadata is not valid"#),
            (&[url, ("maxP99", "fast")], r#"maxP99 "fast" in metadata is not valid"#),
            (
                &[url, ("headers", "no colon")],
                r#"headers in metadata: "no colon" is not a header, such as Name: value"#,
            ),
        ] {
            assert_eq!(plan("http", pairs).unwrap_err(), reason);
        }
        assert_eq!(
            plan("grpc", &[("address", "nowhere")]).unwrap_err(),
            r#"address "nowhere" in metadata is not host:port"#
        );
    }
}
