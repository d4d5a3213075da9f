//! Microsoft Teams.
//!
//! *Endpoints.* `POST` to an incoming webhook that takes a `MessageCard`.
//! *Reads.* Nothing.
//!
//! *Quirks.*
//! * The webhooks of workflows, which take adaptive cards, are not understood.
//! * A warning has the colour of good news; only errors differ.

use api::AlertProviderType;
use http::Request;
use serde::Serialize;

use crate::attachments::Colors;
use crate::post::{address, post};
use crate::{Alert, Chat, Error, Notifier};

/// Blue and red.
const COLORS: Colors = Colors { good: "0076D7", bad: "FF0000" };

/// Tells Microsoft Teams.
#[derive(Debug)]
pub(crate) struct MsTeams;

impl Notifier for MsTeams {
    fn provider(&self) -> AlertProviderType {
        AlertProviderType::Msteams
    }

    fn request(&self, chat: &Chat, alert: &Alert) -> Result<Request<Vec<u8>>, Error> {
        let facts = alert.fields.iter().map(|(name, value)| Fact { name, value });
        let section =
            Section { activity_title: &alert.message, activity_subtitle: &alert.canary, facts: facts.collect() };
        let card = Card {
            type_: "MessageCard",
            context: "http://schema.org/extensions",
            theme_color: COLORS.of(alert.severity),
            summary: &alert.canary,
            sections: [section],
        };
        post(address("MS Teams webhook", &chat.address)?, &card)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Card<'a> {
    #[serde(rename = "@type")]
    type_: &'static str,
    #[serde(rename = "@context")]
    context: &'static str,
    theme_color: &'static str,
    summary: &'a str,
    sections: [Section<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Section<'a> {
    activity_title: &'a str,
    activity_subtitle: &'a str,
    facts: Vec<Fact<'a>>,
}

#[derive(Serialize)]
struct Fact<'a> {
    name: &'a str,
    value: &'a str,
}
