//! Gates: what people open and close, and webhooks check.
//!
//! A canary has two, one for its advance and one for its rollback; both are closed until somebody opens them.

use crate::caller::{Payload, Refusal};
use crate::store::{Error, Store};

/// The gates of all canaries.
#[derive(Debug)]
pub(crate) struct Gates(Store);

/// Which gate of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Lets a release go on.
    Advance,
    /// Sends it back.
    Rollback,
}

impl Gate {
    pub(crate) fn key(self, payload: &Payload) -> Result<String, Refusal> {
        let canary = payload.key()?;
        Ok(match self {
            Self::Advance => canary,
            Self::Rollback => format!("rollback.{canary}"),
        })
    }
}

impl Gates {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// Whether the gate of this key is open.
    pub(crate) async fn is_open(&self, key: &str) -> Result<bool, Error> {
        Ok(self.0.entries().await?.get(key).is_some_and(|state| state == "open"))
    }

    /// Opens or closes the gate of this key; a closed gate takes no room.
    pub(crate) async fn set(&self, key: &str, open: bool) -> Result<(), Error> {
        let change = |entries: &mut crate::store::Entries| {
            if open {
                entries.insert(key.to_owned(), "open".to_owned());
            } else {
                entries.remove(key);
            }
        };
        self.0.edit(change).await
    }
}
