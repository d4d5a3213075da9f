//! Discord.
//!
//! *Endpoints.* `POST` to a webhook, in the form that it has for Slack: with `/slack` at the end of its path.
//! *Reads.* Nothing.
//!
//! *Quirks.*
//! * `/slack` is added to an address that has none.
//! * A warning has the colour of good news; only errors differ.

use api::AlertProviderType;
use http::Request;
use http::uri::{PathAndQuery, Uri};

use crate::attachments::Payload;
use crate::post::{address, post};
use crate::slack::COLORS;
use crate::{Alert, Chat, Error, Notifier};

/// What an address of Discord is called.
const WHAT: &str = "Discord hook";

/// The end of an address that takes Slack's body.
const ENDING: &str = "/slack";

/// Tells Discord.
#[derive(Debug)]
pub(crate) struct Discord;

impl Notifier for Discord {
    fn provider(&self) -> AlertProviderType {
        AlertProviderType::Discord
    }

    fn request(&self, chat: &Chat, alert: &Alert) -> Result<Request<Vec<u8>>, Error> {
        let address = ending_in_slack(address(WHAT, &chat.address)?)?;
        post(address, &Payload::new(chat, alert, &COLORS))
    }
}

/// The address with its path, not its query, ending in `/slack`.
fn ending_in_slack(address: Uri) -> Result<Uri, Error> {
    let invalid = || Error::Address { what: WHAT };
    if address.path().ends_with(ENDING) {
        return Ok(address);
    }
    let mut parts = address.into_parts();
    let (path, query) = parts.path_and_query.as_ref().map_or(("", None), |it| (it.path(), it.query()));
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let path_and_query = format!("{}{ENDING}{query}", path.trim_end_matches('/'));
    parts.path_and_query = Some(path_and_query.parse::<PathAndQuery>().map_err(|_| invalid())?);
    Uri::from_parts(parts).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_ends_in_slack_once() {
        for (written, asked) in [
            ("https://d/api/webhooks/1/x", "https://d/api/webhooks/1/x/slack"),
            ("https://d/api/webhooks/1/x/", "https://d/api/webhooks/1/x/slack"),
            ("https://d/api/webhooks/1/x/slack", "https://d/api/webhooks/1/x/slack"),
            ("https://d/api/webhooks/1/x?thread_id=2", "https://d/api/webhooks/1/x/slack?thread_id=2"),
            ("https://d", "https://d/slack"),
        ] {
            assert_eq!(ending_in_slack(written.parse().unwrap()).unwrap(), asked);
        }
    }
}
