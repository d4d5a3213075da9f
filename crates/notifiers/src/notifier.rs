//! What every chat can be told.

use std::fmt;

use api::{AlertProviderType, Severity};
use http::{Request, Response};

use crate::discord::Discord;
use crate::gchat::GoogleChat;
use crate::msteams::MsTeams;
use crate::rocket::Rocket;
use crate::slack::Slack;
use crate::{Chat, Error};

/// One kind of chat.
///
/// *Expected flow.* [`Notifier::request`], send it, [`crate::heard`].
pub trait Notifier: fmt::Debug + Sync {
    /// The chat's type in an `AlertProvider`.
    fn provider(&self) -> AlertProviderType;

    /// The request that tells the alert.
    fn request(&self, chat: &Chat, alert: &Alert) -> Result<Request<Vec<u8>>, Error>;

    /// Why a response of success is none after all.
    fn complaint(&self, _response: &Response<Vec<u8>>) -> Option<String> {
        None
    }
}

/// All chats.
pub fn all() -> [&'static dyn Notifier; 5] {
    [&Discord, &GoogleChat, &MsTeams, &Rocket, &Slack]
}

/// Who speaks with chats of this type.
pub fn find(provider: AlertProviderType) -> &'static dyn Notifier {
    match provider {
        AlertProviderType::Discord => &Discord,
        AlertProviderType::Gchat => &GoogleChat,
        AlertProviderType::Msteams => &MsTeams,
        AlertProviderType::Rocket => &Rocket,
        AlertProviderType::Slack => &Slack,
    }
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The canary, as `name.namespace`.
    pub canary: String,
    /// The sentence.
    pub message: String,
    /// How grave it is.
    pub severity: Severity,
    /// Facts that go with it, in order.
    pub fields: Vec<(String, String)>,
}
