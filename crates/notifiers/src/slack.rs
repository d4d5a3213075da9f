//! Slack.
//!
//! *Endpoints.* `POST` to an incoming webhook, or to `https://slack.com/api/chat.postMessage` with a bot token.
//! *Reads.* Whether `ok` is false, as the API says it in a response of success.
//!
//! *Quirks.*
//! * A warning has the colour of good news; only errors differ.

use api::AlertProviderType;
use http::{Request, Response};
use serde::Deserialize;

use crate::attachments::{Colors, Payload};
use crate::post::{address, authorize, post};
use crate::{Alert, Chat, Error, Notifier};

/// Slack's own names for them.
pub(crate) const COLORS: Colors = Colors { good: "good", bad: "danger" };

/// The longest code of an error; all that Slack documents are shorter.
const CODE_CHARS_MAX: usize = 64;

/// Tells Slack.
#[derive(Debug)]
pub(crate) struct Slack;

impl Notifier for Slack {
    fn provider(&self) -> AlertProviderType {
        AlertProviderType::Slack
    }

    fn request(&self, chat: &Chat, alert: &Alert) -> Result<Request<Vec<u8>>, Error> {
        let address = address("Slack hook", &chat.address)?;
        let mut request = post(address, &Payload::new(chat, alert, &COLORS))?;
        if let Some(token) = &chat.token {
            authorize(&mut request, token)?;
        }
        Ok(request)
    }

    fn complaint(&self, response: &Response<Vec<u8>>) -> Option<String> {
        let answer: Answer = serde_json::from_slice(response.body()).ok()?;
        let is_code = |text: &String| {
            text.len() <= CODE_CHARS_MAX
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let code = answer.error.filter(is_code).unwrap_or_else(|| "no reason that can be told".to_owned());
        (!answer.ok).then(|| format!("Slack refuses: {code}"))
    }
}

/// What the API says; incoming webhooks say `ok` and nothing else.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_inside_of_a_success_is_heard() {
        let complaint = |body: &str| Slack.complaint(&Response::new(body.as_bytes().to_vec()));
        assert_eq!(complaint("ok"), None);
        assert_eq!(complaint(r#"{"ok":true,"ts":"1"}"#), None);
        let refused = complaint(r#"{"ok":false,"error":"channel_not_found"}"#);
        assert_eq!(refused.as_deref(), Some("Slack refuses: channel_not_found"));
        let odd = complaint(r#"{"ok":false,"error":"no such token xoxb-1"}"#);
        assert_eq!(odd.as_deref(), Some("Slack refuses: no reason that can be told"));
    }
}
