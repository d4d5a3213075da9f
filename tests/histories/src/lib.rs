//! The operator in a world that goes wrong: simulated histories, judged at every write.
//!
//! A history is the real operator, shell included, in one thread with a played API server, played pods, metrics and hooks,
//! and people. In its storm requests fail, processes die in the middle of what they do, clocks jump, and people ship, edit and
//! delete; in the calm after it every release has to come to its end. All of it follows from a number, and tokio's time
//! is paused, so that an hour takes milliseconds and passes the same way every time.
//!
//! It deliberately has no sockets but the one that the operator opens for probes, and no real pods; and the judge knows
//! nothing of what the operator thinks.
//!
//! Start reading at [`play`] and `history.rs`; `judge/` has what must hold, `script.rs` what happens.

mod clock;
mod cluster;
mod controller;
mod dice;
mod facts;
mod history;
mod judge;
mod line;
mod log;
mod objects;
mod people;
mod process;
mod scene;
mod script;
mod stage;
mod telling;
mod web;

/// What became of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its seed.
    pub seed: u64,
    /// Every rule that was broken, with the age of the world.
    pub broken: Vec<String>,
    /// All that happened, line by line, if that was asked for.
    pub lines: Vec<String>,
}

/// Plays the history of a seed; the same seed plays the same.
pub fn play(seed: u64, traced: bool) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads needs nothing but a few file descriptors");
    let (broken, lines) = runtime.block_on(history::play(seed, traced));
    Told { seed, broken, lines }
}
