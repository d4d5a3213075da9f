//! Every chat is asked the same.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::collections::BTreeSet;

use api::{AlertProviderSpec, AlertProviderType, Severity};
use expect_test::{Expect, expect};
use flagger_notifiers::{Alert, Chat, Notifier, all, find};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::Value;

fn chat(address: &str) -> Chat {
    let spec = AlertProviderSpec {
        address: Some(address.to_owned()),
        channel: Some("#deployments".to_owned()),
        ..AlertProviderSpec::default()
    };
    Chat { token: Some("xoxb-hush".to_owned()), ..Chat::of(&spec, None).unwrap() }
}

fn alert(severity: Severity) -> Alert {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Alert {
        canary: "podinfo.test".to_owned(),
        message: "primary not ready: 0 < 1 & waiting".to_owned(),
        severity,
        fields: vec![field("Cluster", "eu-1"), field("Target", "Deployment/podinfo.test")],
    }
}

fn request(notifier: &dyn Notifier, severity: Severity) -> Request<Vec<u8>> {
    notifier.request(&chat("https://chat.example.com/hooks/hush"), &alert(severity)).unwrap()
}

fn body(provider: AlertProviderType, severity: Severity, expected: &Expect) {
    let request = request(find(provider), severity);
    expected.assert_eq(std::str::from_utf8(request.body()).unwrap());
}

#[test]
fn each_type_has_one_chat() {
    let types: BTreeSet<_> = all().map(Notifier::provider).into();
    assert_eq!(types.len(), all().len());
    for notifier in all() {
        assert_eq!(find(notifier.provider()).provider(), notifier.provider());
    }
}

#[test]
fn every_alert_is_posted_as_json_that_names_the_canary_the_message_and_the_fields() {
    for notifier in all() {
        for severity in [Severity::Info, Severity::Warn, Severity::Error] {
            let request = request(notifier, severity);
            assert_eq!(
                (request.method(), &request.headers()[CONTENT_TYPE]),
                (&Method::POST, &"application/json".parse().unwrap())
            );
            let text = std::str::from_utf8(request.body()).unwrap();
            assert!(!text.contains(['<', '>', '&']), "{notifier:?}: what HTML knows is escaped: {text}");
            let said = serde_json::from_str::<Value>(text).unwrap().to_string();
            for part in ["podinfo.test", "primary not ready: 0 ", "Cluster", "eu-1", "Deployment/podinfo.test"] {
                assert!(said.contains(part), "{notifier:?} does not say {part}: {said}");
            }
        }
    }
}

#[test]
fn warnings_look_like_news_and_errors_do_not() {
    for notifier in all() {
        let of = |severity| request(notifier, severity).into_body();
        assert_eq!(of(Severity::Warn), of(Severity::Info), "{notifier:?}");
        let is_colored = notifier.provider() != AlertProviderType::Gchat;
        assert_eq!(of(Severity::Error) != of(Severity::Info), is_colored, "{notifier:?}");
    }
}

#[test]
fn a_token_is_slacks_and_stands_in_no_body() {
    for notifier in all() {
        let request = request(notifier, Severity::Info);
        let authorization = request.headers().get(AUTHORIZATION);
        assert_eq!(authorization.is_some(), notifier.provider() == AlertProviderType::Slack, "{notifier:?}");
        assert!(authorization.is_none_or(|value| value == "Bearer xoxb-hush" && value.is_sensitive()));
        assert!(!std::str::from_utf8(request.body()).unwrap().contains("hush"), "{notifier:?}");
    }
}

#[test]
fn an_address_that_is_none_is_refused_without_being_told() {
    for notifier in all() {
        for address in ["", "hush", "/hush", "ftp://hush/hush", "https:///hush"] {
            let error = notifier.request(&chat(address), &alert(Severity::Info)).unwrap_err().to_string();
            assert!(error.starts_with("invalid ") && !error.contains("hush"), "{notifier:?} {address}: {error}");
        }
    }
}

#[test]
fn payloads_are_those_that_the_chats_document() {
    body(
        AlertProviderType::Slack,
        Severity::Info,
        &expect![[
            r##"{"channel":"#deployments","username":"flagger","icon_url":"","icon_emoji":":rocket:","attachments":[{"color":"good","author_name":"podinfo.test","text":"primary not ready: 0 \u003c 1 \u0026 waiting","mrkdwn_in":["text"],"fields":[{"title":"Cluster","value":"eu-1","short":false},{"title":"Target","value":"Deployment/podinfo.test","short":false}]}]}"##
        ]],
    );
    body(
        AlertProviderType::Discord,
        Severity::Error,
        &expect![[
            r##"{"channel":"#deployments","username":"flagger","icon_url":"","icon_emoji":":rocket:","attachments":[{"color":"danger","author_name":"podinfo.test","text":"primary not ready: 0 \u003c 1 \u0026 waiting","mrkdwn_in":["text"],"fields":[{"title":"Cluster","value":"eu-1","short":false},{"title":"Target","value":"Deployment/podinfo.test","short":false}]}]}"##
        ]],
    );
    body(
        AlertProviderType::Rocket,
        Severity::Error,
        &expect![[
            r##"{"channel":"#deployments","username":"flagger","icon_url":"","icon_emoji":":rocket:","attachments":[{"color":"#FF0000","author_name":"podinfo.test","text":"primary not ready: 0 \u003c 1 \u0026 waiting","mrkdwn_in":["text"],"fields":[{"title":"Cluster","value":"eu-1","short":false},{"title":"Target","value":"Deployment/podinfo.test","short":false}]}]}"##
        ]],
    );
    body(
        AlertProviderType::Msteams,
        Severity::Warn,
        &expect![[
            r#"{"@type":"MessageCard","@context":"http://schema.org/extensions","themeColor":"0076D7","summary":"podinfo.test","sections":[{"activityTitle":"primary not ready: 0 \u003c 1 \u0026 waiting","activitySubtitle":"podinfo.test","facts":[{"name":"Cluster","value":"eu-1"},{"name":"Target","value":"Deployment/podinfo.test"}]}]}"#
        ]],
    );
    body(
        AlertProviderType::Gchat,
        Severity::Info,
        &expect![[
            r##"{"cards":[{"header":{"title":"Flagger","subtitle":"podinfo.test","imageUrl":"https://flagger.app/favicon.png"},"sections":[{"widgets":[{"textParagraph":{"text":"\u003cb\u003e\u003cfont color=\"#777777\"\u003eprimary not ready: 0 \u0026lt; 1 \u0026amp; waiting\u003c/font\u003e\u003c/b\u003e"}}]},{"widgets":[{"textParagraph":{"text":"Cluster\u003cbr\u003e\u003cb\u003e\u003cfont color=\"#777777\"\u003eeu-1\u003c/font\u003e\u003c/b\u003e"}}]},{"widgets":[{"textParagraph":{"text":"Target\u003cbr\u003e\u003cb\u003e\u003cfont color=\"#777777\"\u003eDeployment/podinfo.test\u003c/font\u003e\u003c/b\u003e"}}]}]}]}"##
        ]],
    );
}
