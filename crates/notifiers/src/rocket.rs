//! Rocket.Chat.
//!
//! *Endpoints.* `POST` to an incoming webhook, with Slack's body.
//! *Reads.* Nothing.
//!
//! *Quirks.*
//! * A warning has the colour of good news; only errors differ.

use api::AlertProviderType;
use http::Request;

use crate::attachments::{Colors, Payload};
use crate::post::{address, post};
use crate::{Alert, Chat, Error, Notifier};

/// Blue and red, since Rocket.Chat has no names for them.
const COLORS: Colors = Colors { good: "#0076D7", bad: "#FF0000" };

/// Tells Rocket.Chat.
#[derive(Debug)]
pub(crate) struct Rocket;

impl Notifier for Rocket {
    fn provider(&self) -> AlertProviderType {
        AlertProviderType::Rocket
    }

    fn request(&self, chat: &Chat, alert: &Alert) -> Result<Request<Vec<u8>>, Error> {
        post(address("Rocket.Chat hook", &chat.address)?, &Payload::new(chat, alert, &COLORS))
    }
}
