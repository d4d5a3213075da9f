//! The body that Slack brought up, and that other chats take as well: one attachment with colour, text and fields.

use api::Severity;
use serde::Serialize;

use crate::{Alert, Chat};

/// The icon of the sender.
const ICON: &str = ":rocket:";

/// The whole body.
#[derive(Serialize)]
pub(crate) struct Payload<'a> {
    channel: &'a str,
    username: &'a str,
    icon_url: &'static str,
    icon_emoji: &'static str,
    attachments: [Attachment<'a>; 1],
}

#[derive(Serialize)]
struct Attachment<'a> {
    color: &'static str,
    author_name: &'a str,
    text: &'a str,
    mrkdwn_in: [&'static str; 1],
    fields: Vec<Field<'a>>,
}

#[derive(Serialize)]
struct Field<'a> {
    title: &'a str,
    value: &'a str,
    short: bool,
}

/// What a chat calls its colours.
pub(crate) struct Colors {
    /// For news and for what somebody should look at.
    pub(crate) good: &'static str,
    /// For a release that went wrong.
    pub(crate) bad: &'static str,
}

impl Colors {
    pub(crate) fn of(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Info | Severity::Warn => self.good,
            Severity::Error => self.bad,
        }
    }
}

impl<'a> Payload<'a> {
    pub(crate) fn new(chat: &'a Chat, alert: &'a Alert, colors: &Colors) -> Self {
        let fields = alert.fields.iter().map(|(title, value)| Field { title, value, short: false });
        let attachment = Attachment {
            color: colors.of(alert.severity),
            author_name: &alert.canary,
            text: &alert.message,
            mrkdwn_in: ["text"],
            fields: fields.collect(),
        };
        let Chat { channel, username, .. } = chat;
        Self { channel, username, icon_url: "", icon_emoji: ICON, attachments: [attachment] }
    }
}
