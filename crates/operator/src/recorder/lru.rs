//! A map that forgets what was used longest ago.

use std::collections::{BTreeMap, HashMap};

/// At most `capacity` values by the hash of their key.
///
/// Keys are 64-bit hashes: texts as keys would be most of its memory, and a collision among a few thousand costs an event its
/// count at worst.
#[derive(Debug)]
pub(super) struct Lru<V> {
    capacity: usize,
    values: HashMap<u64, (u64, V)>,
    /// Keys by when they were used.
    uses: BTreeMap<u64, u64>,
    now: u64,
}

impl<V: Default> Lru<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, values: HashMap::new(), uses: BTreeMap::new(), now: 0 }
    }

    /// The value of `key`, an empty one when there is none; now it is the one used last.
    pub(super) fn entry(&mut self, key: u64) -> &mut V {
        self.now += 1;
        if let Some((used, _)) = self.values.get(&key) {
            self.uses.remove(used);
        } else if self.capacity <= self.values.len()
            && let Some((_, oldest)) = self.uses.pop_first()
        {
            self.values.remove(&oldest);
        }
        self.uses.insert(self.now, key);
        let (used, value) = self.values.entry(key).or_default();
        *used = self.now;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_used_longest_ago_makes_room() {
        let mut lru = Lru::<u32>::new(2);
        *lru.entry(1) = 10;
        *lru.entry(2) = 20;
        lru.entry(1);
        *lru.entry(3) = 30;
        assert_eq!((*lru.entry(1), *lru.entry(3)), (10, 30));
        assert_eq!(*lru.entry(2), 0, "forgotten");
    }
}
