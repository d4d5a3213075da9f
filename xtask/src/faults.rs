//! Plays histories in which everything goes wrong (`tests/histories`), as many as one likes.
//!
//! A broken one is named with the command that plays it again; `--trace` tells histories line by line.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use histories::{Told, play};
use tokio::time::Instant;

/// How many histories are played unless told otherwise.
const HISTORIES: u64 = 1000;

/// Broken histories that are shown in full.
const SHOWN_MAX: usize = 20;

/// What to play.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Order {
    histories: u64,
    /// The seed of the first; the others follow it.
    seed: u64,
    trace: bool,
    /// Within this time as many are begun as fit.
    within: Option<Duration>,
}

/// Plays what the arguments ask for, says what became of it, and fails if anything was broken.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let order = Order::read(arguments)?;
    let (played, mut broken) = play_all(&order);
    broken.sort_by_key(|told| told.seed);
    report(played, &broken);
    if broken.is_empty() {
        return Ok(());
    }
    bail!("{} of {played} histories broke a rule", broken.len())
}

impl Order {
    fn read(arguments: &[&str]) -> Result<Self> {
        let mut order = Self { histories: HISTORIES, seed: 0, trace: false, within: None };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let text = words.next().with_context(|| format!("{word} needs a number"))?;
                text.parse().with_context(|| format!("{word} needs a number, not {text:?}"))
            };
            match *word {
                "--histories" => order.histories = number()?,
                "--seed" => order.seed = number()?,
                "--within" => order.within = Some(Duration::from_secs(number()?)),
                "--trace" => order.trace = true,
                _ => bail!(
                    "{word:?} is not known here: cargo xtask faults [--histories N] [--seed S] [--within SECONDS] [--trace]"
                ),
            }
        }
        Ok(order)
    }
}

/// Plays on all cores. How many were played, and the broken ones in no particular order.
fn play_all(order: &Order) -> (u64, Vec<Told>) {
    let began = Instant::now();
    let (next, played) = (AtomicU64::new(0), AtomicU64::new(0));
    let broken = Mutex::new(Vec::new());
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if order.histories <= index || order.within.is_some_and(|within| within <= began.elapsed()) {
                return;
            }
            let told = play(order.seed.wrapping_add(index), order.trace);
            played.fetch_add(1, Ordering::Relaxed);
            tell(&told);
            if !told.broken.is_empty() {
                broken.lock().unwrap_or_else(PoisonError::into_inner).push(told);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZeroUsize::get) {
            scope.spawn(worker);
        }
    });
    (played.into_inner(), broken.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[expect(clippy::print_stdout, reason = "a task tells whoever runs it what it found")]
fn tell(told: &Told) {
    if !told.lines.is_empty() {
        println!("{}", told.lines.join("\n"));
    }
}

#[expect(clippy::print_stdout, reason = "a task tells whoever runs it what it found")]
fn report(played: u64, broken: &[Told]) {
    for told in broken.iter().take(SHOWN_MAX) {
        println!("broken: cargo xtask faults --seed {} --histories 1 --trace", told.seed);
        for rule in &told.broken {
            println!("    {rule}");
        }
    }
    println!("{played} histories, {} broken", broken.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_named() {
        let order = Order::read(&["--seed", "7", "--histories", "1", "--within", "9", "--trace"]).unwrap();
        assert_eq!(order, Order { histories: 1, seed: 7, trace: true, within: Some(Duration::from_secs(9)) });
        let refused = |arguments: &[&str]| Order::read(arguments).unwrap_err().to_string();
        assert_eq!(refused(&["--seed", "x"]), "--seed needs a number, not \"x\"");
        assert!(refused(&["--sed"]).starts_with("\"--sed\" is not known here"));
    }
}
