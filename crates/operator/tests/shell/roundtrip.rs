//! The same dealings with an API server that keeps what it is told.

use std::path::Path;
use std::sync::Arc;

use apiserver::{Options, Server};
use flagger_operator::cluster::{Access, Cluster, Notice, Reason, Scope, State, connect};
use flagger_operator::recorder::{EventKind, Happening, Recorder, Subject};
use ports::{Change, Key, Object, RealClock, kinds};
use serde_json::{Value, json};

async fn start() -> Server {
    Server::start(Options::default()).await.unwrap()
}

/// A handle on the server that came through a kubeconfig, as in production.
async fn connected(server: &Server, name: &str) -> Cluster {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.yaml"));
    std::fs::write(&path, server.kubeconfig()).unwrap();
    Cluster::new(connect(&Access { kubeconfig: Some(path), master: None }).await.unwrap())
}

fn key(name: &str) -> Key {
    Key::new(kinds::CONFIG_MAP, "default", name)
}

fn config_map(name: &str, color: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": "default", "name": name},
        "data": {"color": color},
    })
}

fn replaced(object: &Object, color: &str) -> Change {
    let mut next = Value::clone(object);
    next["data"]["color"] = json!(color);
    Change::Replace(key("a"), next)
}

#[tokio::test]
async fn an_object_lives_through_all_changes_and_stale_ones_are_refused() {
    let server = start().await;
    let cluster = connected(&server, "changes").await;
    let create = Change::Create(key("a"), config_map("a", "red"));
    let first = cluster.perform(&create).await.unwrap().unwrap();
    assert_eq!(first["metadata"].get("managedFields"), None);
    assert_eq!(cluster.perform(&create).await.unwrap_err().reason, Reason::AlreadyExists);

    let second = cluster.perform(&replaced(&first, "green")).await.unwrap().unwrap();
    assert_eq!(cluster.perform(&replaced(&first, "blue")).await.unwrap_err().reason, Reason::Conflict);
    assert_eq!(cluster.get(&key("a")).await.unwrap(), Some(second));

    let patch = json!({"data": {"size": "big"}});
    let third = cluster.perform(&Change::Merge(key("a"), patch)).await.unwrap().unwrap();
    assert_eq!(third["data"], json!({"color": "green", "size": "big"}));
    assert_eq!(cluster.perform(&Change::Delete(key("a"))).await.unwrap(), None);
    assert_eq!(cluster.get(&key("a")).await.unwrap(), None);
    server.stop().await;
}

#[tokio::test]
async fn what_others_do_is_noticed_and_what_we_do_is_known_at_once() {
    let server = start().await;
    let cluster = connected(&server, "notices").await;
    cluster.watch(kinds::CONFIG_MAP, &Scope::Namespace("default".to_owned()));
    assert_eq!(cluster.settled(kinds::CONFIG_MAP).await, State::Ready);
    let mut notices = cluster.notices();

    cluster.perform(&Change::Create(key("ours"), config_map("ours", "red"))).await.unwrap();
    assert!(cluster.get(&key("ours")).await.unwrap().is_some());
    let others = connected(&server, "others").await;
    others.perform(&Change::Create(key("theirs"), config_map("theirs", "red"))).await.unwrap();
    while notices.next().await != Some(Notice::Changed(key("theirs"))) {}
    assert!(cluster.keys(kinds::CONFIG_MAP).contains(&key("theirs")));
    others.perform(&Change::Delete(key("ours"))).await.unwrap();
    while notices.next().await != Some(Notice::Deleted(key("ours"))) {}
    assert_eq!(cluster.get(&key("ours")).await.unwrap(), None);
    server.stop().await;
}

#[tokio::test]
async fn a_status_is_not_written_to_a_successor_of_the_same_name() {
    let server = start().await;
    let cluster = connected(&server, "status").await;
    let key = Key::new(kinds::DEPLOYMENT, "default", "podinfo");
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "default", "name": "podinfo"},
        "spec": {
            "selector": {"matchLabels": {"app": "podinfo"}},
            "template": {
                "metadata": {"labels": {"app": "podinfo"}},
                "spec": {"containers": [{"name": "podinfo", "image": "podinfo"}]},
            },
        },
    });
    let created = cluster.perform(&Change::Create(key.clone(), deployment)).await.unwrap().unwrap();
    let uid = created["metadata"]["uid"].as_str().unwrap();
    let status = json!({"observedGeneration": 1});
    let written = cluster.patch_status(&key, uid, &status).await.unwrap();
    assert_eq!(written["status"]["observedGeneration"], 1);
    let error = cluster.patch_status(&key, "another", &status).await.unwrap_err();
    assert_eq!(error.reason, Reason::Conflict, "{error}");
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_event_is_one_object_with_a_count() {
    let server = start().await;
    let cluster = connected(&server, "events").await;
    cluster.watch(kinds::EVENT, &Scope::All);
    assert_eq!(cluster.settled(kinds::EVENT).await, State::Ready);
    let mut notices = cluster.notices();
    let recorder = Recorder::start(connected(&server, "recorder").await, Arc::new(RealClock));
    let about = Subject {
        key: Key::new(kinds::CANARY, "default", "podinfo"),
        uid: "u1".to_owned(),
        resource_version: "7".to_owned(),
    };
    for _ in 0..2 {
        recorder.record(Happening {
            about: about.clone(),
            kind: EventKind::Normal,
            reason: "Synced".to_owned(),
            message: "Initialization done! podinfo.default".to_owned(),
        });
    }
    let ours = || cluster.objects(kinds::EVENT).into_iter().find(|event| event["involvedObject"]["name"] == "podinfo");
    while ours().is_none_or(|event| event["count"] != 2) {
        notices.next().await;
    }
    assert_eq!(cluster.objects(kinds::EVENT).len(), 1);
    server.stop().await;
}
