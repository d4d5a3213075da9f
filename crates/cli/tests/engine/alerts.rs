//! What people in a chat are told of a release.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::hooks::{Call, Receiver};
use crate::world::World;

/// The sentences that a chat of Slack was told, in order.
fn sentences(calls: &[Call]) -> Vec<String> {
    let text = |call: &Call| call.body["attachments"][0]["text"].as_str().unwrap_or_default().to_owned();
    calls.iter().map(text).collect()
}

async fn provide(world: &World, name: &str, spec: Value) {
    let metadata = json!({"name": name, "namespace": "default"});
    let kind = "AlertProvider";
    world.apply(&json!({"apiVersion": "flagger.app/v1beta1", "kind": kind, "metadata": metadata, "spec": spec})).await;
}

#[tokio::test]
async fn chats_are_told_of_a_release_and_its_rollback_by_severity_and_hold_nobody_up() {
    let chat = Receiver::start().await;
    let flags = [
        format!("-slack-url={}/global", chat.url),
        "-slack-channel=all".to_owned(),
        "-cluster-name=sandbox".to_owned(),
    ];
    let world = World::start(20.0, &flags).await;
    let address = STANDARD.encode(format!("{}/news", chat.url));
    let secret = json!({"address": address, "token": STANDARD.encode("xoxb-1")});
    let metadata = json!({"name": "news", "namespace": "default"});
    world.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": secret})).await;
    provide(&world, "news", json!({"type": "slack", "channel": "dev", "secretRef": {"name": "news"}})).await;
    provide(&world, "on-call", json!({"type": "slack", "address": format!("{}/on-call", chat.url)})).await;
    let proxied = json!({"type": "rocket", "address": "http://chat.invalid/hook", "proxy": chat.url});
    provide(&world, "proxied", proxied).await;
    // Slack is overloaded at first, and one receiver is not there at all.
    chat.answer("/news", &[429, 200]);
    let alert = |name: &str, severity: &str| json!({"name": name, "severity": severity, "providerRef": {"name": name}});
    let analysis = json!({
        "interval": "30s", "threshold": 1, "stepWeight": 50, "maxWeight": 50,
        "alerts": [alert("gone", "info"), alert("news", "info"), alert("on-call", "error"), alert("proxied", "warn")],
        "webhooks": [{"name": "check", "type": "rollout", "url": format!("{}/check", chat.url)}],
    });
    world.release("podinfo", "6.0.0", &analysis).await;
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Succeeded").await;
    chat.answer("/check", &[500]);
    world.push("podinfo", "6.0.2").await;
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Failed").await;

    let news = chat.called("/news", 6).await;
    let initialized = "New Deployment detected, initialization completed.";
    let started = "New revision detected, progressing canary analysis.";
    let promoted = "Canary analysis completed successfully, promotion finished.";
    let failed = "Failed checks threshold reached 1";
    assert_eq!(sentences(&news), [initialized, initialized, started, promoted, started, failed]);
    assert!(news.iter().all(|call| call.authorization == "Bearer xoxb-1" && call.body["channel"] == "dev"));
    let attachment = |at: usize| &news[at].body["attachments"][0];
    assert_eq!([&attachment(1)["author_name"], &attachment(1)["color"]], ["podinfo.default", "good"]);
    assert_eq!(attachment(5)["color"], "danger");
    let field = |title: &str, value: &str| json!({"title": title, "value": value, "short": false});
    let fields = json!([
        field("Cluster", "sandbox"),
        field("Target", "Deployment/podinfo.default"),
        field("Failed checks threshold", "1"),
        field("Progress deadline", "6000s"),
        field("Traffic routing", "Weight step: 50 max: 50"),
    ]);
    assert_eq!(attachment(1)["fields"], fields);
    assert_eq!(attachment(5)["fields"], json!([field("Cluster", "sandbox")]));
    assert_eq!(sentences(&chat.called("/on-call", 1).await), [failed]);
    assert_eq!(sentences(&chat.called("http://chat.invalid/hook", 1).await), [failed], "through its proxy");
    assert!(chat.calls("/global").is_empty(), "the chat of the flags is for canaries that name none");

    world.release("cart", "6.0.0", &json!({"interval": "30s", "threshold": 1, "stepWeight": 50})).await;
    let global = chat.called("/global", 1).await;
    assert_eq!(sentences(&global), [initialized]);
    assert_eq!(global[0].body["channel"], "all");
    world.stop().await;
}
