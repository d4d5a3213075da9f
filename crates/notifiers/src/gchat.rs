//! Google Chat.
//!
//! *Endpoints.* `POST` to the webhook of a space.
//! *Reads.* Nothing.
//!
//! *Quirks.*
//! * A card has no colour: nothing tells an error from news but its words.

use api::AlertProviderType;
use http::Request;
use serde::Serialize;

use crate::post::{address, post};
use crate::{Alert, Chat, Error, Notifier};

/// The picture in the card's header.
const IMAGE: &str = "https://flagger.app/favicon.png";

/// Tells Google Chat.
#[derive(Debug)]
pub(crate) struct GoogleChat;

impl Notifier for GoogleChat {
    fn provider(&self) -> AlertProviderType {
        AlertProviderType::Gchat
    }

    fn request(&self, chat: &Chat, alert: &Alert) -> Result<Request<Vec<u8>>, Error> {
        let message = emphasized(&alert.message);
        let facts = alert.fields.iter().map(|(name, value)| format!("{}<br>{}", escaped(name), emphasized(value)));
        let header = Header { title: "Flagger", subtitle: &alert.canary, image_url: IMAGE };
        let card = Card { header, sections: std::iter::once(message).chain(facts).map(Section::of).collect() };
        post(address("Google Chat webhook", &chat.address)?, &Payload { cards: [card] })
    }
}

/// Bold and grey, in the little HTML that cards understand.
fn emphasized(text: &str) -> String {
    format!(r##"<b><font color="#777777">{}</font></b>"##, escaped(text))
}

/// Text that says itself, whatever a reason quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[derive(Serialize)]
struct Payload<'a> {
    cards: [Card<'a>; 1],
}

#[derive(Serialize)]
struct Card<'a> {
    header: Header<'a>,
    sections: Vec<Section>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Header<'a> {
    title: &'static str,
    subtitle: &'a str,
    image_url: &'static str,
}

/// One paragraph.
#[derive(Serialize)]
struct Section {
    widgets: [Widget; 1],
}

impl Section {
    fn of(text: String) -> Self {
        Self { widgets: [Widget { text_paragraph: Paragraph { text } }] }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Widget {
    text_paragraph: Paragraph,
}

#[derive(Serialize)]
struct Paragraph {
    text: String,
}
