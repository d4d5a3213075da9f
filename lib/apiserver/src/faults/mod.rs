//! Faults on demand: what goes wrong between a client and an API server, from a seed and by rule.
//!
//! A [`Faults`] is a list of [`Rule`]s in [`Options`](crate::Options): each names requests, their share, and the [`Fault`]
//! that they meet. It does not know what the requests mean, and a server without it is not touched by any of this.
//! `rule.rs` says which requests a rule is about, `answers.rs` what a fault makes of one, `watching.rs` what it makes of a
//! watch.
//!
//! The dice of a request are thrown from the seed, the rule, the verb, the kind and the namespace, and how many such requests
//! came before. So the same requests meet the same faults, whatever other clients do in between.

mod answers;
mod fault;
mod rule;
mod watching;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

pub(crate) use answers::Answered;
pub use fault::{Fault, History};
use rule::Asked;
pub use rule::{Rule, Verb};

/// Requests are counted by their hash modulo this; two kinds that collide share their dice, and no more.
const SLOTS: usize = 256;

/// Turns that a watch may lag behind; it only asks for the last one.
const TURNS_MAX: usize = 4;

/// How long clients are asked to wait: the shortest that the header can say.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The faults of a server; clones are handles to the same ones.
///
/// ```
/// use apiserver::{Fault, Faults, Rule, Verb};
///
/// let faults = Faults::new(7)
///     .rule(Rule { verbs: vec![Verb::Update], share: 0.1, ..Rule::of(Fault::Conflict) })
///     .rule(Rule { resources: vec!["canaries/status".to_owned()], times: Some(1), ..Rule::of(Fault::LostAfter) });
/// let options = apiserver::Options { faults: Some(faults.clone()), ..Default::default() };
/// # drop(options);
/// faults.clear();
/// assert_eq!(faults.total(), 0);
/// ```
#[derive(Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

struct Shared {
    seed: u64,
    state: Mutex<State>,
    /// Tells the watches that are under way.
    turns: broadcast::Sender<Turn>,
}

#[derive(Default)]
struct State {
    turn: Turn,
    rules: Vec<Entry>,
    injected: BTreeMap<&'static str, u64>,
}

/// A rule at work.
struct Entry {
    rule: Rule,
    left: Option<u32>,
    /// How many requests it was rolled for, by their slot.
    rolled: Vec<u32>,
}

/// How often the server was restarted and the faults were switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turn {
    restarts: u32,
    clears: u32,
}

/// What a watch hears of them. (A `watch` channel would wake them in an order of its own, no two times the same.)
struct Turns {
    now: Turn,
    news: broadcast::Receiver<Turn>,
}

impl Turns {
    /// Waits for the next.
    async fn changed(&mut self) {
        loop {
            match self.news.recv().await {
                Ok(turn) => return self.now = turn,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    /// As many as there are by now.
    fn now(&mut self) -> Turn {
        loop {
            match self.news.try_recv() {
                Ok(turn) => self.now = turn,
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => return self.now,
            }
        }
    }
}

impl Faults {
    /// No faults yet; `seed` is where the dice of the rules to come start from.
    pub fn new(seed: u64) -> Faults {
        let turns = broadcast::Sender::new(TURNS_MAX);
        Faults { shared: Arc::new(Shared { seed, state: Mutex::default(), turns }) }
    }

    /// Every fault for the client whose user agent begins with `agent`: together on this share of its writes and, as less can
    /// go wrong with them, on a little less of its reads. Watches, of which there are few, are ten times as likely to meet
    /// one, and the server restarts at most once with its history and once without.
    pub fn mixed(seed: u64, agent: &str, share: f64) -> Faults {
        let (requests, watches) = (Fault::of_requests(), Fault::of_watches());
        let each = |faults: &[Fault], share: f64| share / f64::from(u32::try_from(faults.len()).unwrap_or(u32::MAX));
        let (request_share, watch_share) = (each(&requests, share), each(&watches, share * 10.0));
        let restarts = [Fault::Restart(History::Kept), Fault::Restart(History::Lost)];
        let rules = restarts.into_iter().map(|fault| Rule { times: Some(1), share: share / 10.0, ..Rule::of(fault) });
        let rules = rules.chain(requests.into_iter().map(|fault| Rule { share: request_share, ..Rule::of(fault) }));
        let rules = rules.chain(watches.into_iter().map(|fault| {
            let verbs = vec![Verb::Watch];
            Rule { verbs, share: watch_share, ..Rule::of(fault) }
        }));
        rules.fold(Faults::new(seed), |faults, rule| faults.rule(Rule { agent: agent.to_owned(), ..rule }))
    }

    /// With one more rule.
    #[must_use]
    pub fn rule(self, rule: Rule) -> Faults {
        self.add(rule);
        self
    }

    /// Adds a rule from now on, for all handles. Of several rules whose dice hit a request, the first one counts.
    pub fn add(&self, rule: Rule) {
        self.state().rules.push(Entry { left: rule.times, rule, rolled: vec![0; SLOTS] });
    }

    /// Switches everything off: no request meets a fault from now on, and watches that were held back go on.
    pub fn clear(&self) {
        self.state().rules.clear();
        self.turn(|turn| turn.clears += 1);
    }

    /// How many faults of each kind were injected so far.
    pub fn injected(&self) -> BTreeMap<&'static str, u64> {
        self.state().injected.clone()
    }

    /// How many faults were injected so far.
    pub fn total(&self) -> u64 {
        self.state().injected.values().sum()
    }

    /// The fault that a request meets.
    fn draw(&self, asked: &Asked<'_>) -> Option<Fault> {
        let hash = asked.hash();
        let slot = usize::try_from(hash % SLOTS as u64).unwrap_or_default();
        let mut state = self.state();
        let State { rules, injected, .. } = &mut *state;
        for (index, entry) in (0_u64..).zip(rules) {
            if entry.left == Some(0) || !entry.rule.is_about(asked) {
                continue;
            }
            let Some(rolled) = entry.rolled.get_mut(slot) else { continue };
            let dice = [self.shared.seed, index, hash, u64::from(*rolled)];
            *rolled = rolled.wrapping_add(1);
            if roll(dice) < entry.rule.share {
                entry.left = entry.left.map(|left| left - 1);
                *injected.entry(entry.rule.fault.name()).or_default() += 1;
                return Some(entry.rule.fault);
            }
        }
        None
    }

    fn restart(&self) {
        self.turn(|turn| turn.restarts += 1);
    }

    fn turn(&self, change: impl FnOnce(&mut Turn)) {
        let mut state = self.state();
        change(&mut state.turn);
        // Nobody may be watching, which is fine.
        let _ = self.shared.turns.send(state.turn);
    }

    fn turns(&self) -> Turns {
        let state = self.state();
        Turns { now: state.turn, news: self.shared.turns.subscribe() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Faults").field("seed", &self.shared.seed).finish_non_exhaustive()
    }
}

/// `3 conflict, 1 lost-after`, or `none`.
impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted: Vec<String> = self.injected().iter().map(|(name, count)| format!("{count} {name}")).collect();
        out.write_str(if counted.is_empty() { "none".to_owned() } else { counted.join(", ") }.as_str())
    }
}

/// A number from 0 to 1, without 1 (`SplitMix64` over the parts).
fn roll(parts: [u64; 4]) -> f64 {
    let mixed = parts.into_iter().fold(0_u64, |sum, part| {
        let mut mixed = (sum ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    });
    f64::from(u32::try_from(mixed >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}
