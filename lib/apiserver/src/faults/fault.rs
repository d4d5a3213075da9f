//! What can go wrong.

use std::time::Duration;

use super::RETRY_AFTER;
use super::rule::{Asked, Verb};

/// Something that goes wrong with a request. Durations are of the machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `409 Conflict`, as if another writer had been faster. Writes to an object that is there only.
    Conflict,
    /// `500 Internal Server Error`; nothing was done.
    Internal,
    /// `503 Service Unavailable` with `Retry-After`; nothing was done.
    Unavailable {
        /// What `Retry-After` says, in whole seconds.
        retry_after: Duration,
    },
    /// `429 Too Many Requests` with `Retry-After` and plain text, as priority and fairness answers; nothing was done.
    Busy {
        /// What `Retry-After` says, in whole seconds.
        retry_after: Duration,
    },
    /// The connection is closed without an answer; nothing was done.
    LostBefore,
    /// The connection is closed without an answer; the write was done. Writes only.
    LostAfter,
    /// The request is done at once, and its answer comes so much later. It needs the socket or the service: [`Api::call`]
    /// answers at once.
    ///
    /// [`Api::call`]: crate::Api::call
    Slow(Duration),
    /// `410 Expired`: a watch from a revision, or the next page of a list, that the history does not reach back to.
    Expired,
    /// A watch is cut off, without an end, after so many events.
    Cut {
        /// How many events it shows before.
        after: u32,
    },
    /// A watch says nothing for so long, then all that it has missed.
    Silent(Duration),
    /// A watch shows every event twice.
    Twice,
    /// A watch shows each event so much after the one before.
    Late(Duration),
    /// The server restarts: the request is lost before it is done, all watches are cut off.
    Restart(History),
}

/// What a server that restarts knows of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Watches go on where they were.
    Kept,
    /// Watches from before are answered `410 Expired`.
    Lost,
}

impl Fault {
    /// The name under which it is counted.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Conflict => "conflict",
            Fault::Internal => "internal",
            Fault::Unavailable { .. } => "unavailable",
            Fault::Busy { .. } => "busy",
            Fault::LostBefore => "lost-before",
            Fault::LostAfter => "lost-after",
            Fault::Slow(_) => "slow",
            Fault::Expired => "expired",
            Fault::Cut { .. } => "cut",
            Fault::Silent(_) => "silent",
            Fault::Twice => "twice",
            Fault::Late(_) => "late",
            Fault::Restart(History::Kept) => "restart",
            Fault::Restart(History::Lost) => "restart-without-history",
        }
    }

    /// What a write can meet, and most of it a read too, with middling durations.
    pub(super) fn of_requests() -> [Fault; 7] {
        [
            Fault::Conflict,
            Fault::Internal,
            Fault::Unavailable { retry_after: RETRY_AFTER },
            Fault::Busy { retry_after: RETRY_AFTER },
            Fault::LostBefore,
            Fault::LostAfter,
            Fault::Slow(Duration::from_millis(300)),
        ]
    }

    /// What only a watch can meet, with middling durations.
    pub(super) fn of_watches() -> [Fault; 5] {
        [
            Fault::Expired,
            Fault::Cut { after: 3 },
            Fault::Silent(Duration::from_secs(1)),
            Fault::Twice,
            Fault::Late(Duration::from_millis(100)),
        ]
    }

    /// Whether a request can meet it at all.
    pub(super) fn suits(self, asked: &Asked<'_>) -> bool {
        match self {
            Fault::Conflict => matches!(asked.verb, Verb::Delete | Verb::Patch | Verb::Update),
            Fault::LostAfter => {
                matches!(asked.verb, Verb::Create | Verb::Delete | Verb::DeleteCollection | Verb::Patch | Verb::Update)
            }
            Fault::Expired => asked.continues,
            Fault::Cut { .. } | Fault::Silent(_) | Fault::Twice | Fault::Late(_) => asked.verb == Verb::Watch,
            Fault::Internal
            | Fault::Unavailable { .. }
            | Fault::Busy { .. }
            | Fault::LostBefore
            | Fault::Slow(_)
            | Fault::Restart(_) => true,
        }
    }
}
