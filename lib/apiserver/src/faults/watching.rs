//! What a fault makes of a watch: its frames, held back, repeated or cut off.

use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::answers::Severed;
use super::{Turn, Turns};

/// What is wrong with a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disturbance {
    None,
    Cut { after: u32 },
    Silent(Duration),
    Twice,
    Late(Duration),
}

/// A watch whose frames do not arrive as they should.
struct Disturbed {
    frames: BodyDataStream,
    disturbance: Disturbance,
    /// The frame to show once more.
    again: Option<Bytes>,
    began: Turn,
    turns: Turns,
    closing: watch::Receiver<bool>,
    severed: bool,
}

/// What ended a wait.
enum Wait<T> {
    Over(T),
    /// Something else has to be done first.
    Broken,
}

/// The body of a watch, disturbed until the faults are switched off, and cut off when the server restarts.
pub(super) fn disturbed(body: Body, disturbance: Disturbance, turns: Turns, closing: watch::Receiver<bool>) -> Body {
    let began = turns.now;
    let frames = body.into_data_stream();
    let watch = Disturbed { frames, disturbance, again: None, began, turns, closing, severed: false };
    Body::from_stream(stream::unfold(watch, Disturbed::next))
}

impl Disturbed {
    async fn next(mut self) -> Option<(Result<Bytes, BoxError>, Disturbed)> {
        if self.severed {
            return None;
        }
        let frame = self.frame().await?;
        self.severed = frame.is_err();
        Some((frame, self))
    }

    async fn frame(&mut self) -> Option<Result<Bytes, BoxError>> {
        if let Some(frame) = self.again.take() {
            return Some(Ok(frame));
        }
        if let Disturbance::Silent(hush) = self.disturbance {
            self.pause(hush).await;
            self.disturbance = Disturbance::None;
        }
        loop {
            if self.turned() || self.disturbance == (Disturbance::Cut { after: 0 }) {
                return Some(Err(Severed.into()));
            }
            let waited = tokio::select! {
                biased;
                () = self.turns.changed() => Wait::Broken,
                frame = self.frames.next() => Wait::Over(frame),
            };
            let Wait::Over(frame) = waited else { continue };
            return match frame? {
                Ok(frame) => Some(Ok(self.show(frame).await)),
                Err(error) => Some(Err(error.into())),
            };
        }
    }

    /// A frame on its way out.
    async fn show(&mut self, frame: Bytes) -> Bytes {
        match &mut self.disturbance {
            Disturbance::Cut { after } => *after -= 1,
            Disturbance::Twice => self.again = Some(frame.clone()),
            Disturbance::Late(lag) => {
                let lag = *lag;
                self.pause(lag).await;
            }
            Disturbance::None | Disturbance::Silent(_) => {}
        }
        frame
    }

    /// Waits, but not for a server that stops or restarts, nor when the faults are over.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            biased;
            () = sleep(pause) => {}
            () = self.turns.changed() => {}
            _ = self.closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Whether the server was restarted; also takes note of the end of faults.
    fn turned(&mut self) -> bool {
        let now = self.turns.now();
        if now.clears != self.began.clears {
            self.disturbance = Disturbance::None;
        }
        now.restarts != self.began.restarts
    }
}
