//! Protection against a message in a tight loop.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// So many identical messages are written in one second …
const FIRST: u32 = 100;

/// … and then each one of so many.
const THEREAFTER: u32 = 100;

/// Messages are told apart by their hash modulo this; a collision costs a line at worst.
const SLOTS: usize = 1024;

/// Counts identical messages within each second.
#[derive(Debug)]
pub(super) struct Sampler {
    slots: Mutex<Vec<Slot>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    second: i64,
    count: u32,
}

impl Sampler {
    pub(super) fn new() -> Self {
        Self { slots: Mutex::new(vec![Slot::default(); SLOTS]) }
    }

    /// Whether this occurrence of a message is written.
    pub(super) fn admits(&self, level: &str, message: &str, second: i64) -> bool {
        let mut hasher = DefaultHasher::new();
        (level, message).hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % SLOTS as u64).unwrap_or_default();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.get_mut(index) else { return true };
        if slot.second != second {
            *slot = Slot { second, count: 0 };
        }
        slot.count = slot.count.saturating_add(1);
        slot.count <= FIRST || (slot.count - FIRST).is_multiple_of(THEREAFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_message_is_thinned_out_and_others_pass() {
        let sampler = Sampler::new();
        let written = (0..1000).filter(|_| sampler.admits("info", "again", 7)).count();
        assert_eq!(written, 109, "the first hundred, then every hundredth of nine hundred");
        assert!(sampler.admits("info", "something else", 7));
        assert!(sampler.admits("info", "again", 8), "a new second begins anew");
    }
}
