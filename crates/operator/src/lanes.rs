//! Work that nobody waits for: queued at once, done in order, a few pieces at a time.
//!
//! What is queued under one name is done in order. A slow piece holds up nobody but those who share its lane.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Pieces that are done at once; each lane is one connection's worth of waiting.
const LANES: usize = 8;

/// Pieces that wait in one lane; further ones are refused, since what is this far behind will not catch up.
const LANE_MAX: usize = 250;

/// Queues for pieces of work; they end, once they are empty, with this.
pub(crate) struct Lanes<T> {
    lanes: Vec<mpsc::Sender<T>>,
    finished: CancellationToken,
}

impl<T: Send + 'static> Lanes<T> {
    /// Starts the lanes, which do this with each piece.
    pub(crate) fn start<F>(work: impl Fn(T) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let mut tasks = JoinSet::new();
        let mut lane = || {
            let (lane, mut pieces) = mpsc::channel(LANE_MAX);
            let work = work.clone();
            tasks.spawn(async move {
                while let Some(piece) = pieces.recv().await {
                    work(piece).await;
                }
            });
            lane
        };
        let lanes = (0..LANES).map(|_| lane()).collect();
        let finished = CancellationToken::new();
        let end = finished.clone().drop_guard();
        tokio::spawn(async move {
            while tasks.join_next().await.is_some() {}
            drop(end);
        });
        Self { lanes, finished }
    }

    /// Queues a piece behind all others of this name, or gives it back when too many are waiting.
    pub(crate) fn queue(&self, name: &str, piece: T) -> Result<(), T> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default();
        match self.lanes.get(lane).map(|lane| lane.try_send(piece)) {
            Some(Err(mpsc::error::TrySendError::Full(piece) | mpsc::error::TrySendError::Closed(piece))) => Err(piece),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Cancelled when the lanes are gone and everything that was queued is done.
    pub(crate) fn finished(&self) -> CancellationToken {
        self.finished.clone()
    }
}
