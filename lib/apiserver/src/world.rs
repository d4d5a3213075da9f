//! Everything that one lock guards: objects, kinds, the dice, and the chores that a change leaves behind.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::builtin::{Addresses, events};
use crate::kinds::{Kind, Registry};
use crate::meta;
use crate::options::{Clock, Options};
use crate::query::FieldValidation;
use crate::refusal::{Answer, Refusal};
use crate::store::{Key, Location, Store};

/// The state of the server.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) kinds: Registry,
    pub(crate) dice: Dice,
    pub(crate) addresses: Addresses,
    pub(crate) event_ages: events::Ages,
    /// What follows from changes and isn't done yet (see `gc.rs`).
    pub(crate) chores: VecDeque<Chore>,
    clock: Clock,
}

/// What a change makes necessary; done before the call returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    /// An object is gone: its dependents may have to go, too.
    Orphaned { uid: String },
    /// An object waits for its dependents.
    Release { at: Location },
    /// An object may name owners that don't exist.
    CheckOwners { at: Location },
    /// A namespace on its way out may be empty.
    EmptyNamespace { name: String },
    /// A CRD on its way out may have no objects left.
    EmptyCollection { name: String },
    /// A namespace is new and gets what every namespace has.
    FurnishNamespace { name: String },
}

/// One call: what it writes to, on whose behalf and how.
#[derive(Debug)]
pub(crate) struct Cx {
    pub(crate) kind: Arc<Kind>,
    /// The field manager.
    pub(crate) manager: String,
    pub(crate) part: Part,
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
    /// The patch that led to the object, if one did; messages quote it.
    pub(crate) patch: Option<String>,
    /// Sent to the client as `Warning` headers.
    pub(crate) warnings: Vec<String>,
}

/// Which part of an object a call writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Status,
    Scale,
}

impl Part {
    /// As managed fields and paths name it; empty for the whole object.
    pub(crate) fn subresource(self) -> &'static str {
        match self {
            Part::Whole => "",
            Part::Status => "status",
            Part::Scale => "scale",
        }
    }
}

impl Cx {
    /// A change by the server itself.
    pub(crate) fn internal(kind: Arc<Kind>) -> Cx {
        Cx {
            kind,
            manager: "kube-apiserver".to_owned(),
            part: Part::Whole,
            dry_run: false,
            validation: FieldValidation::Ignore,
            patch: None,
            warnings: Vec::new(),
        }
    }

    /// Where an object of the kind lives.
    pub(crate) fn at(&self, key: &Key) -> Location {
        Location::new(&self.kind.collection, key.clone())
    }
}

impl World {
    /// A fresh cluster with the namespaces that every cluster has.
    pub(crate) fn new(options: &Options) -> World {
        let mut world = World {
            store: Store::new(options.history, options.observer.clone()),
            kinds: Registry::new(),
            dice: Dice(options.seed),
            addresses: Addresses::default(),
            event_ages: events::Ages::new(),
            chores: VecDeque::new(),
            clock: options.now.clone(),
        };
        world.furnish();
        world
    }

    /// The same objects and kinds, in the hands of others.
    pub(crate) fn copy(&self, options: &Options) -> World {
        World {
            store: self.store.copy(options.history, options.observer.clone()),
            kinds: self.kinds.clone(),
            dice: self.dice.fork(options.seed),
            addresses: self.addresses.clone(),
            event_ages: self.event_ages.clone(),
            chores: self.chores.clone(),
            clock: options.now.clone(),
        }
    }

    /// The time as objects carry it.
    pub(crate) fn time(&self) -> String {
        meta::time(self.now())
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The object, or why there is none.
    pub(crate) fn find(&self, kind: &Kind, key: &Key) -> Answer<Arc<Value>> {
        let at = Location::new(&kind.collection, key.clone());
        self.store.get(&at).ok_or_else(|| Refusal::not_found(kind, &key.name))
    }

    fn furnish(&mut self) {
        let Some(kind) = self.kinds.core("Namespace").cloned() else { return };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            let created = self.create(&mut Cx::internal(kind.clone()), None, body);
            debug_assert!(created.is_ok(), "a bare namespace is valid: {created:?}");
        }
        self.settle();
    }
}

/// Random numbers that are the same for the same seed (SplitMix64): uids and name suffixes need no secrecy.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Other numbers than were rolled so far; the same for the same seed.
    fn fork(&self, seed: u64) -> Dice {
        Dice(self.0.wrapping_add(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93)))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A UUID of version 4.
    pub(crate) fn uid(&mut self) -> String {
        let (high, low) = (self.roll(), self.roll());
        let version = (high & !0xF000) | 0x4000;
        let variant = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            version >> 32,
            (version >> 16) & 0xFFFF,
            version & 0xFFFF,
            variant >> 48,
            variant & 0xFFFF_FFFF_FFFF
        )
    }

    /// What `generateName` appends: five letters and digits that form no words.
    pub(crate) fn suffix(&mut self) -> String {
        const LETTERS: [char; 27] = [
            'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z', '2',
            '4', '5', '6', '7', '8', '9',
        ];
        let mut roll = self.roll();
        let mut letters = String::new();
        for _ in 0..5 {
            let index = usize::try_from(roll % 27).unwrap_or_default();
            letters.extend(LETTERS.get(index));
            roll /= 27;
        }
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_uids() {
        let (mut one, mut other) = (Dice(7), Dice(7));
        let uid = one.uid();
        assert_eq!(uid, other.uid());
        assert_eq!((uid.len(), uid.as_bytes()[14]), (36, b'4'));
        assert_ne!(one.uid(), uid);
    }
}
