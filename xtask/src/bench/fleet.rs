//! The fleet: brought up once, then looked at by a fresh operator, at rest and under release.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

use super::Figure;
use super::process::Operator;
use super::stage::{Stage, Tally};

/// The pace of every release.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a fleet at rest is watched.
const REST: Duration = Duration::from_secs(60);

/// How long releases run before they are measured, and while they are: several steps of each.
const WARM_UP: Duration = Duration::from_secs(30);
const RUN: Duration = Duration::from_secs(40);

/// How long nothing may be asked for the operator to be at rest.
const CALM: Duration = Duration::from_secs(5);

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Flags for phases whose amount of writes is the matter, not their pace.
const UNPACED: [&str; 2] = ["-kubeconfig-qps=100000", "-kubeconfig-burst=100000"];

pub(super) async fn measure(root: &Path, flagger: &Path, canaries: usize, releases: usize) -> Result<Vec<Figure>> {
    let stage = Stage::start(root).await?;
    if 0 < canaries {
        stage.deploy(canaries).await?;
        let operator = Operator::start(flagger, &stage, &UNPACED)?;
        wait(|| canaries <= stage.tally(Tally::initialized)).await.context("not all canaries were initialized")?;
        operator.stop()?;
    }
    let operator = Operator::start(flagger, &stage, &[])?;
    sleep(CALM).await;
    wait(|| CALM < stage.tally(Tally::idle)).await.context("the operator does not come to rest")?;
    stage.tally(Tally::reset);
    sleep(REST).await;
    let mut figures = at_rest(&stage, &operator, canaries)?;
    operator.stop()?;
    if 0 < releases {
        let operator = Operator::start(flagger, &stage, &UNPACED)?;
        sleep(CALM).await;
        wait(|| CALM < stage.tally(Tally::idle)).await.context("the operator does not come to rest")?;
        stage.release(releases, INTERVAL).await?;
        sleep(WARM_UP).await;
        figures.extend(at_start(&stage));
        stage.tally(Tally::reset);
        let busy = operator.cpu_secs()?;
        sleep(RUN).await;
        figures.extend(under_release(&stage, &operator, releases, operator.cpu_secs()? - busy)?);
        operator.stop()?;
    }
    // Where something went wrong the log stays.
    stage.clean()?;
    Ok(figures)
}

fn at_rest(stage: &Stage, operator: &Operator, canaries: usize) -> Result<Vec<Figure>> {
    let (requests, writes) = stage.tally(|tally| (tally.requests, tally.writes));
    Ok(vec![
        Figure { name: "memory at rest", unit: "MiB", measured: operator.memory_mib()?, limit: memory_max(canaries) },
        Figure {
            name: "API requests at rest",
            unit: "1/s",
            measured: float(requests) / REST.as_secs_f64(),
            limit: 1.0,
        },
        Figure { name: "writes at rest", unit: "in a minute", measured: float(writes), limit: 0.0 },
    ])
}

fn at_start(stage: &Stage) -> Vec<Figure> {
    let mut waits = stage.tally(|tally| tally.waits());
    waits.sort();
    vec![
        Figure { name: "start of a run, median", unit: "ms", measured: percentile_ms(&waits, 50), limit: 250.0 },
        Figure { name: "start of a run, p99", unit: "ms", measured: percentile_ms(&waits, 99), limit: 250.0 },
    ]
}

fn under_release(stage: &Stage, operator: &Operator, releases: usize, cpu_secs: f64) -> Result<Vec<Figure>> {
    let (writes, steps, mut late) = stage.tally(|tally| (tally.writes, tally.steps(), tally.lateness(INTERVAL)));
    if steps == 0 || late.is_empty() {
        bail!("no release took a step");
    }
    late.sort();
    // One in ten steps may be under way at the beginning or at the end.
    let expected = releases * usize::try_from(RUN.as_secs() / INTERVAL.as_secs()).unwrap_or_default();
    Ok(vec![
        Figure { name: "writes for one weight step", unit: "", measured: float(writes) / float(steps), limit: 3.0 },
        Figure { name: "lateness of a step, median", unit: "ms", measured: percentile_ms(&late, 50), limit: 250.0 },
        Figure { name: "lateness of a step, p99", unit: "ms", measured: percentile_ms(&late, 99), limit: 250.0 },
        Figure {
            name: "steps that were not taken",
            unit: "%",
            measured: 100.0 * (1.0 - float(steps) / float(expected)).max(0.0),
            limit: 1.0,
        },
        Figure {
            name: "processor time under release",
            unit: "cores",
            measured: cpu_secs / RUN.as_secs_f64(),
            limit: 1.0,
        },
        Figure { name: "memory under release", unit: "MiB", measured: operator.memory_mib()?, limit: f64::INFINITY },
    ])
}

/// The limits for 0, 1 000 and 10 000 canaries, and what lies between.
fn memory_max(canaries: usize) -> f64 {
    let canaries = float(canaries);
    if canaries <= 1000.0 { 10.0 + 15.0 * canaries / 1000.0 } else { 25.0 + 95.0 * (canaries - 1000.0) / 9000.0 }
}

async fn wait(done: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !done() {
        if PATIENCE < start.elapsed() {
            bail!("waited for {} minutes", PATIENCE.as_secs() / 60);
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// The time that so many percent of these, which are sorted, do not exceed.
fn percentile_ms(sorted: &[Duration], share: usize) -> f64 {
    let time = sorted.get(sorted.len() * share / 100).or(sorted.last()).copied().unwrap_or_default();
    time.as_secs_f64() * 1000.0
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
