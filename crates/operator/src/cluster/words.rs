//! Words that many objects share, each kept once and known by a number.
//!
//! A word is taken in when it occurs for the second time, or what seems so: names and identifiers that occur once would fill
//! the table for nothing. Words stay; there is a bound on how many there are, beyond which new ones are spelled out.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// Longer texts are no words.
const LENGTH_MAX: usize = 64;

/// The most words that there are: some ten of each of several thousand canaries; a few megabytes.
const WORDS_MAX: usize = 1 << 16;

/// Bits that note which texts have occurred, by hash. They are cleared when one in four is set: with more of them every other
/// text would seem to have occurred.
const MARKS: usize = 1 << 20;
const MARKS_SET_MAX: usize = MARKS / 4;

/// The words of this process.
pub(super) fn words() -> MutexGuard<'static, Words> {
    static WORDS: LazyLock<Mutex<Words>> = LazyLock::new(Mutex::default);
    WORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A table of words.
#[derive(Default)]
pub(super) struct Words {
    ids: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    marks: Marks,
}

impl Words {
    /// The number of a word, `None` for a text that is spelled out.
    pub(super) fn id(&mut self, text: &str) -> Option<u32> {
        if LENGTH_MAX < text.len() {
            return None;
        }
        if let Some(id) = self.ids.get(text) {
            return Some(*id);
        }
        if WORDS_MAX <= self.texts.len() || !self.marks.mark(text) {
            return None;
        }
        let (id, text) = (u32::try_from(self.texts.len()).ok()?, Arc::<str>::from(text));
        self.texts.push(Arc::clone(&text));
        self.ids.insert(text, id);
        Some(id)
    }

    /// The word of a number.
    pub(super) fn text(&self, id: usize) -> Option<&str> {
        self.texts.get(id).map(AsRef::as_ref)
    }
}

/// Which texts have occurred.
#[derive(Default)]
struct Marks {
    hasher: RandomState,
    bits: Vec<u64>,
    set: usize,
}

impl Marks {
    /// Notes a text; true when it had occurred before.
    fn mark(&mut self, text: &str) -> bool {
        if self.bits.is_empty() || MARKS_SET_MAX <= self.set {
            self.bits = vec![0; MARKS / 64];
            self.set = 0;
        }
        let place = usize::try_from(self.hasher.hash_one(text) % MARKS as u64).unwrap_or_default();
        let Some(bits) = self.bits.get_mut(place / 64) else { return false };
        let bit = 1 << (place % 64);
        let occurred = *bits & bit != 0;
        *bits |= bit;
        self.set += usize::from(!occurred);
        occurred
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_occurs_again_is_a_word_and_keeps_its_number() {
        let mut words = Words::default();
        assert_eq!(words.id("RollingUpdate"), None);
        let id = words.id("RollingUpdate").unwrap();
        assert_eq!(words.id("RollingUpdate"), Some(id));
        assert_eq!(words.text(usize::try_from(id).unwrap()), Some("RollingUpdate"));
        let long = "x".repeat(LENGTH_MAX + 1);
        assert_eq!([words.id(&long), words.id(&long)], [None, None]);
    }

    #[test]
    fn texts_without_end_fill_no_memory() {
        let mut words = Words::default();
        for number in 0..2 * WORDS_MAX {
            for _ in 0..2 {
                words.id(&number.to_string());
            }
        }
        assert_eq!(words.texts.len(), WORDS_MAX);
        assert_eq!(words.id("another"), None);
        assert!(words.marks.set <= MARKS_SET_MAX);
    }
}
