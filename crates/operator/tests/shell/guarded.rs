//! `ConfigMap`s and Secrets: what is known of them without keeping what they hold.

use flagger_operator::cluster::{Cluster, Notice, Scope, State};
use ports::{Change, Key, kinds};
use serde_json::{Value, json};

use crate::stub::Stub;

const SECRETS: &str = "/api/v1/secrets";
const TOKEN: &str = "GET /api/v1/namespaces/test/secrets/token";

fn key() -> Key {
    Key::new(kinds::SECRET, "test", "token")
}

fn token(version: &str, content: &str) -> Value {
    json!({
        "metadata": {"namespace": "test", "name": "token", "resourceVersion": version, "labels": {"app": "cart"}},
        "type": "Opaque",
        "data": {"token": content},
    })
}

/// How much there is, which is all that the test wants to know of the content.
fn size(secret: &Value) -> Value {
    json!(secret["data"]["token"].as_str().map_or(0, str::len))
}

async fn watched(stub: &Stub, items: &[Value]) -> Cluster {
    let cluster = stub.cluster();
    stub.list(SECRETS, items);
    cluster.watch(kinds::SECRET, &Scope::All);
    assert_eq!(cluster.settled(kinds::SECRET).await, State::Ready);
    cluster
}

/// What a look at the Secret finds, and how often it was read for that.
async fn look(stub: &Stub, cluster: &Cluster) -> (Option<Value>, usize) {
    let before = stub.asked().len();
    let digest = cluster.digest(&key(), size).await.unwrap();
    (digest.map(|digest| Value::clone(&digest)), stub.asked().len() - before)
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_once_for_each_of_its_versions() {
    let stub = Stub::default();
    let cluster = watched(&stub, &[token("1", "four")]).await;
    let mut notices = cluster.notices();
    stub.answer(TOKEN, 200, token("1", "four"));
    assert_eq!(look(&stub, &cluster).await, (Some(json!(4)), 1));
    assert_eq!(look(&stub, &cluster).await, (Some(json!(4)), 0));

    stub.answer(TOKEN, 200, token("101", "longer"));
    stub.happen("MODIFIED", &token("101", "longer"));
    assert_eq!(notices.next().await, Some(Notice::Changed(key())));
    assert_eq!(look(&stub, &cluster).await, (Some(json!(6)), 1));
    assert_eq!(look(&stub, &cluster).await, (Some(json!(6)), 0));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_read_before_its_change_was_noticed_is_noticed_all_the_same() {
    let stub = Stub::default();
    let cluster = watched(&stub, &[token("1", "four")]).await;
    let mut notices = cluster.notices();
    stub.answer(TOKEN, 200, token("101", "longer"));
    assert_eq!(look(&stub, &cluster).await, (Some(json!(6)), 1));
    stub.happen("MODIFIED", &token("101", "longer"));
    assert_eq!(notices.next().await, Some(Notice::Changed(key())), "others may depend on it");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_watch_does_not_know_yet_is_looked_for() {
    let stub = Stub::default();
    let cluster = watched(&stub, &[]).await;
    assert_eq!(look(&stub, &cluster).await, (None, 1));
    stub.answer(TOKEN, 200, token("101", "four"));
    assert_eq!(look(&stub, &cluster).await, (Some(json!(4)), 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_secret_holds_is_kept_nowhere() {
    let stub = Stub::default();
    let cluster = watched(&stub, &[token("1", "hunter2")]).await;
    stub.answer(TOKEN, 200, token("1", "hunter2"));
    stub.answer("PUT /api/v1/namespaces/test/secrets/token", 200, token("2", "hunter2"));
    let whole = cluster.get(&key()).await.unwrap().unwrap();
    assert_eq!(whole["data"]["token"], "hunter2", "who needs it, gets it from the server");
    cluster.digest(&key(), size).await.unwrap();
    cluster.perform(&Change::Replace(key(), token("1", "hunter2"))).await.unwrap();
    stub.happen("MODIFIED", &token("2", "hunter2"));

    let held = cluster.objects(kinds::SECRET);
    assert_eq!(held.len(), 1);
    assert!(!format!("{held:?}").contains("hunter2"), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn only_names_and_versions_are_asked_for() {
    let stub = Stub::default();
    watched(&stub, &[]).await;
    assert!(stub.accepted().iter().all(|accept| accept.contains("as=PartialObjectMetadata")), "{:?}", stub.accepted());
}
