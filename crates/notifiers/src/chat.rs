//! Which chat, and how to be let in.

use std::collections::BTreeMap;
use std::fmt;

use api::AlertProviderSpec;

use crate::Error;

/// Where alerts go in a chat that was not told.
const CHANNEL: &str = "general";

/// Who alerts are from unless the user says so.
const USERNAME: &str = "flagger";

/// One place that alerts go to. It shows neither its address, which is a secret with most chats, nor its token.
#[derive(Clone, PartialEq, Eq)]
pub struct Chat {
    /// URL that alerts are posted to.
    pub address: String,
    /// Bot token (Slack).
    pub token: Option<String>,
    /// Channel (Slack, Rocket.Chat).
    pub channel: String,
    /// Name of the sender.
    pub username: String,
}

impl Chat {
    /// The chat of an `AlertProvider`, given the decoded data of its Secret if it names one, whose `address` then counts.
    pub fn of(spec: &AlertProviderSpec, secret: Option<&BTreeMap<String, String>>) -> Result<Self, Error> {
        let address = match secret {
            Some(secret) => secret.get("address").ok_or(Error::Secret { key: "address" })?,
            None => spec.address.as_ref().ok_or(Error::Unaddressed)?,
        };
        let filled = |text: &Option<String>, default: &str| {
            text.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
        };
        Ok(Self {
            address: address.clone(),
            token: secret.and_then(|secret| secret.get("token")).cloned(),
            channel: filled(&spec.channel, CHANNEL),
            username: filled(&spec.username, USERNAME),
        })
    }
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("channel", &self.channel).field("username", &self.username).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(data: &[(&str, &str)]) -> BTreeMap<String, String> {
        data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_secret_has_the_address_and_perhaps_a_token_and_the_rest_has_defaults() {
        let spec = AlertProviderSpec { address: Some("http://open".to_owned()), ..AlertProviderSpec::default() };
        let open = Chat::of(&spec, None).unwrap();
        assert_eq!([&*open.address, &*open.channel, &*open.username], ["http://open", "general", "flagger"]);
        let named = AlertProviderSpec { channel: Some("ops".to_owned()), username: Some("bot".to_owned()), ..spec };
        let held = Chat::of(&named, Some(&secret(&[("address", "http://held"), ("token", "t")]))).unwrap();
        assert_eq!([&*held.address, &*held.channel, &*held.username], ["http://held", "ops", "bot"]);
        assert_eq!(held.token.as_deref(), Some("t"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let spec = AlertProviderSpec::default();
        let error = |secret| Chat::of(&spec, secret).unwrap_err().to_string();
        assert_eq!(error(None), "spec.address and spec.secretRef are both missing");
        assert_eq!(error(Some(&secret(&[("token", "t")]))), r#"the secret has no key "address""#);
    }

    #[test]
    fn a_chat_shows_neither_its_address_nor_its_token() {
        let spec = AlertProviderSpec::default();
        let chat = Chat::of(&spec, Some(&secret(&[("address", "http://hush"), ("token", "hush")]))).unwrap();
        assert!(!format!("{chat:?}").contains("hush"), "{chat:?}");
    }
}
