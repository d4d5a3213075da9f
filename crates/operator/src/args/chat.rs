//! The chat for canaries that name none: Microsoft Teams when it has a URL, or else Slack.

use std::fmt;

use api::AlertProviderType;
use notifiers::Chat;
use process::flags::{Typed, filled};

use crate::web::origin;

/// A chat, and how to get there. It shows no URL: what one needs to post to a chat is in there.
#[derive(Clone, PartialEq, Eq)]
pub struct GlobalChat {
    /// Which kind of chat it is.
    pub provider: AlertProviderType,
    /// The chat itself.
    pub chat: Chat,
    /// URL of the HTTP proxy on the way.
    pub proxy: Option<String>,
}

impl fmt::Debug for GlobalChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlobalChat").field("provider", &self.provider).field("chat", &self.chat).finish_non_exhaustive()
    }
}

/// What the flags say; one that can't work is warned of, and the operator goes on without.
pub(super) fn of(typed: &Typed, warnings: &mut Vec<String>) -> Option<GlobalChat> {
    let (provider, flag) = [(AlertProviderType::Msteams, "msteams"), (AlertProviderType::Slack, "slack")]
        .into_iter()
        .find(|(_, flag)| filled(typed, &format!("{flag}-url")).is_some())?;
    let address = typed.text(&format!("{flag}-url"));
    let is_slack = provider == AlertProviderType::Slack;
    if origin(address).is_none() {
        warnings
            .push(format!("-{flag}-url is no URL that begins with http:// or https:// and a host, no alerts are sent"));
        return None;
    }
    if is_slack && filled(typed, "slack-channel").is_none() {
        warnings.push("-slack-url needs a -slack-channel, no alerts are sent".to_owned());
        return None;
    }
    let chat = Chat {
        address: address.to_owned(),
        token: filled(typed, "slack-token").filter(|_| is_slack),
        channel: typed.text("slack-channel").to_owned(),
        username: typed.text("slack-user").to_owned(),
    };
    Some(GlobalChat { provider, chat, proxy: filled(typed, &format!("{flag}-proxy-url")) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Settings, parse};

    fn read(line: &str, env: &[(&str, &str)]) -> Settings {
        let env = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        parse(line.split_whitespace().map(str::to_owned), env).unwrap()
    }

    #[test]
    fn slack_has_a_channel_a_sender_a_token_and_a_proxy() {
        let line = "-slack-url=https://hooks/x -slack-channel=#ops -slack-token=t -slack-proxy-url=http://proxy";
        let global = read(line, &[]).chat.unwrap();
        assert_eq!((global.provider, global.proxy.as_deref()), (AlertProviderType::Slack, Some("http://proxy")));
        let Chat { address, token, channel, username } = &global.chat;
        assert_eq!([&**address, &**channel, &**username], ["https://hooks/x", "#ops", "flagger"]);
        assert_eq!(token.as_deref(), Some("t"));
    }

    #[test]
    fn teams_comes_before_slack_and_the_environment_before_flags() {
        let line = "-slack-url=https://slack -slack-channel=ops -slack-token=t -msteams-url=https://flag";
        let env = [("MSTEAMS_URL", "https://env"), ("MSTEAMS_PROXY_URL", "http://proxy"), ("SLACK_URL", "")];
        let global = read(line, &env).chat.unwrap();
        assert_eq!((global.provider, &*global.chat.address), (AlertProviderType::Msteams, "https://env"));
        assert_eq!((global.chat.token, global.proxy.as_deref()), (None, Some("http://proxy")));
        let slack = [("SLACK_URL", "https://env"), ("SLACK_TOKEN", "env"), ("SLACK_PROXY_URL", "http://env")];
        let global = read("-slack-url=https://flag -slack-token=flag -slack-channel=ops", &slack).chat.unwrap();
        assert_eq!([&*global.chat.address, &*global.proxy.unwrap()], ["https://env", "http://env"]);
        assert_eq!(global.chat.token.as_deref(), Some("env"));
    }

    #[test]
    fn a_chat_that_can_not_work_is_warned_of_without_telling_its_url() {
        for (line, warning) in [
            ("-slack-user=x -slack-channel=ops", None),
            ("-slack-url=https://hooks/hush", Some("-slack-url needs a -slack-channel, no alerts are sent")),
            (
                "-msteams-url=hush",
                Some("-msteams-url is no URL that begins with http:// or https:// and a host, no alerts are sent"),
            ),
        ] {
            let settings = read(line, &[]);
            assert_eq!(settings.chat, None, "{line}");
            assert_eq!(settings.warnings, warning.into_iter().collect::<Vec<_>>());
        }
        let settings =
            read("-slack-url=https://hush -slack-token=hush -slack-proxy-url=http://hush -slack-channel=c", &[]);
        assert!(!format!("{settings:?}").contains("hush"), "{settings:?}");
    }
}
