//! Reading, writing and watching, against an API server that answers what the test wants.

use flagger_operator::cluster::{Cluster, DiscoveryError, Notice, Reason, Scope, State};
use ports::{Change, Key, kinds};
use serde_json::json;

use crate::stub::{Stub, deployment};

const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
const PODINFO: &str = "/apis/apps/v1/namespaces/test/deployments/podinfo";

fn key(name: &str) -> Key {
    Key::new(kinds::DEPLOYMENT, "test", name)
}

/// A cluster whose Deployments are watched.
async fn watched(stub: &Stub) -> Cluster {
    let cluster = stub.cluster();
    cluster.watch(kinds::DEPLOYMENT, &Scope::All);
    assert_eq!(cluster.settled(kinds::DEPLOYMENT).await, State::Ready);
    cluster
}

#[tokio::test(start_paused = true)]
async fn a_watched_kind_is_read_without_asking_the_server_again() {
    let stub = Stub::default();
    stub.list(DEPLOYMENTS, &[deployment("podinfo", "1")]);
    let cluster = watched(&stub).await;
    let listing = stub.asked().len();

    let found = cluster.get(&key("podinfo")).await.unwrap().unwrap();
    let expected = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "test", "name": "podinfo", "resourceVersion": "1"},
        "spec": {"replicas": 1},
    });
    assert_eq!(*found, expected, "with its kind, without managed fields");
    assert_eq!(cluster.get(&key("other")).await.unwrap(), None);
    assert_eq!(cluster.keys(kinds::DEPLOYMENT), [key("podinfo")]);
    assert_eq!(stub.asked().len(), listing);
}

#[tokio::test(start_paused = true)]
async fn what_happens_in_the_cluster_is_noticed() {
    let stub = Stub::default();
    stub.list(DEPLOYMENTS, &[deployment("podinfo", "1")]);
    let cluster = watched(&stub).await;
    let mut notices = cluster.notices();

    stub.happen("MODIFIED", &deployment("podinfo", "101"));
    assert_eq!(notices.next().await, Some(Notice::Changed(key("podinfo"))));
    let found = cluster.get(&key("podinfo")).await.unwrap().unwrap();
    assert_eq!(found["metadata"]["resourceVersion"], "101");
    stub.happen("DELETED", &deployment("podinfo", "102"));
    assert_eq!(notices.next().await, Some(Notice::Deleted(key("podinfo"))));
    assert_eq!(cluster.get(&key("podinfo")).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn our_own_write_is_read_back_at_once_and_its_echo_is_no_news() {
    let stub = Stub::default();
    stub.list(DEPLOYMENTS, &[deployment("podinfo", "1")]);
    let cluster = watched(&stub).await;
    let mut notices = cluster.notices();

    stub.answer(&format!("PUT {PODINFO}"), 200, deployment("podinfo", "101"));
    cluster.perform(&Change::Replace(key("podinfo"), deployment("podinfo", "1"))).await.unwrap();
    let found = cluster.get(&key("podinfo")).await.unwrap().unwrap();
    assert_eq!(found["metadata"]["resourceVersion"], "101");
    stub.happen("MODIFIED", &deployment("podinfo", "101"));
    stub.happen("ADDED", &deployment("other", "102"));
    assert_eq!(notices.next().await, Some(Notice::Changed(key("other"))), "the echo was passed over");

    stub.answer(&format!("DELETE {PODINFO}"), 200, json!({"kind": "Status", "status": "Success"}));
    assert_eq!(cluster.perform(&Change::Delete(key("podinfo"))).await.unwrap(), None);
    assert_eq!(cluster.get(&key("podinfo")).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_finalizers_hold_is_still_there_after_its_deletion() {
    let stub = Stub::default();
    let mut dying = deployment("podinfo", "2");
    dying["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    dying["metadata"]["finalizers"] = json!(["test/hold"]);
    stub.answer(&format!("DELETE {PODINFO}"), 200, dying);
    let left = stub.cluster().perform(&Change::Delete(key("podinfo"))).await.unwrap().unwrap();
    assert_eq!(left["metadata"]["finalizers"][0], "test/hold");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_installed_has_no_objects_until_it_is() {
    let stub = Stub::default();
    let cluster = stub.cluster();
    cluster.watch(kinds::DEPLOYMENT, &Scope::All);
    assert_eq!(cluster.settled(kinds::DEPLOYMENT).await, State::Absent);
    assert_eq!(cluster.get(&key("podinfo")).await.unwrap(), None);

    let mut notices = cluster.notices();
    stub.list(DEPLOYMENTS, &[deployment("podinfo", "1")]);
    assert_eq!(notices.next().await, Some(Notice::Changed(key("podinfo"))));
    assert!(cluster.get(&key("podinfo")).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_may_not_be_listed_is_read_object_by_object_until_it_may() {
    let stub = Stub::default();
    stub.refuse(&format!("GET {DEPLOYMENTS}"), 403, "Forbidden", "no");
    stub.answer(&format!("GET {PODINFO}"), 200, deployment("podinfo", "1"));
    let cluster = stub.cluster();
    cluster.watch(kinds::DEPLOYMENT, &Scope::All);
    assert_eq!(cluster.settled(kinds::DEPLOYMENT).await, State::Refused);
    assert!(cluster.get(&key("podinfo")).await.unwrap().is_some());

    let mut notices = cluster.notices();
    stub.list(DEPLOYMENTS, &[deployment("podinfo", "2")]);
    assert_eq!(notices.next().await, Some(Notice::Changed(key("podinfo"))));
    assert_eq!(cluster.settled(kinds::DEPLOYMENT).await, State::Ready);
}

#[tokio::test(start_paused = true)]
async fn who_reads_while_the_first_list_runs_waits_for_it() {
    let stub = Stub::default();
    stub.list(DEPLOYMENTS, &[deployment("podinfo", "1")]);
    let cluster = stub.cluster();
    cluster.watch(kinds::DEPLOYMENT, &Scope::All);
    assert!(cluster.get(&key("podinfo")).await.unwrap().is_some());
    assert!(stub.asked().iter().all(|asked| !asked.starts_with(&format!("GET {PODINFO}"))), "{:?}", stub.asked());
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_fails_starts_again_and_finds_what_it_missed() {
    let stub = Stub::default();
    stub.list(DEPLOYMENTS, &[deployment("gone", "1"), deployment("podinfo", "1")]);
    let cluster = watched(&stub).await;
    let mut notices = cluster.notices();
    stub.list(DEPLOYMENTS, &[deployment("podinfo", "7")]);
    stub.happen("ERROR", &json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired"}));
    assert_eq!(notices.next().await, Some(Notice::Changed(key("podinfo"))));
    assert_eq!(notices.next().await, Some(Notice::Deleted(key("gone"))));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_sleeps_learns_that_it_has_missed_something() {
    let stub = Stub::default();
    stub.list(DEPLOYMENTS, &[]);
    let cluster = watched(&stub).await;
    let (mut sleepy, mut awake) = (cluster.notices(), cluster.notices());
    for version in 101..1200 {
        stub.happen("MODIFIED", &deployment("podinfo", &version.to_string()));
        assert_eq!(awake.next().await, Some(Notice::Changed(key("podinfo"))));
    }
    assert_eq!(sleepy.next().await, Some(Notice::Lost));
    drop(cluster);
    while sleepy.next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn outside_of_the_watched_namespace_the_server_is_asked() {
    let stub = Stub::default();
    let cluster = stub.cluster();
    stub.list("/apis/apps/v1/namespaces/elsewhere/deployments", &[]);
    cluster.watch(kinds::DEPLOYMENT, &Scope::Namespace("elsewhere".to_owned()));
    assert_eq!(cluster.settled(kinds::DEPLOYMENT).await, State::Ready);
    stub.answer(&format!("GET {PODINFO}"), 200, deployment("podinfo", "1"));
    assert!(cluster.get(&key("podinfo")).await.unwrap().is_some());
    assert_eq!(stub.asked().last().unwrap(), &format!("GET {PODINFO}"));
}

#[tokio::test(start_paused = true)]
async fn each_change_is_one_request_with_our_name_on_it() {
    let stub = Stub::default();
    let cluster = stub.cluster();
    let object = json!({"metadata": {"name": "podinfo"}});
    for method in ["POST /apis/apps/v1/namespaces/test/deployments", "PUT", "PATCH", "DELETE"] {
        let request = if method.contains('/') { method.to_owned() } else { format!("{method} {PODINFO}") };
        stub.answer(&request, 200, deployment("podinfo", "1"));
    }
    stub.answer(&format!("PATCH {PODINFO}/status"), 200, deployment("podinfo", "1"));
    for change in [
        Change::Create(key("podinfo"), object.clone()),
        Change::Replace(key("podinfo"), object.clone()),
        Change::Merge(key("podinfo"), object),
        Change::Delete(key("podinfo")),
    ] {
        cluster.perform(&change).await.unwrap();
    }
    cluster.patch_status(&key("podinfo"), "u1", &json!({"phase": "Progressing"})).await.unwrap();
    let body = r#"{"metadata":{"name":"podinfo"}}"#;
    let expected = [
        format!("POST /apis/apps/v1/namespaces/test/deployments?fieldManager=flagger {body}"),
        format!("PUT {PODINFO}?fieldManager=flagger {body}"),
        format!("PATCH {PODINFO}?fieldManager=flagger {body}"),
        format!("DELETE {PODINFO}"),
        format!(
            r#"PATCH {PODINFO}/status?fieldManager=flagger {{"metadata":{{"uid":"u1"}},"status":{{"phase":"Progressing"}}}}"#
        ),
    ];
    assert_eq!(stub.asked(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_was_refused_and_whether_to_try_again() {
    for (status, word, reason, retriable) in [
        (400, "BadRequest", Reason::Invalid, false),
        (401, "Unauthorized", Reason::Unauthorized, false),
        (403, "Forbidden", Reason::Forbidden, false),
        (404, "NotFound", Reason::NotFound, false),
        (409, "AlreadyExists", Reason::AlreadyExists, true),
        (409, "Conflict", Reason::Conflict, true),
        (422, "Invalid", Reason::Invalid, false),
        (429, "TooManyRequests", Reason::Busy, true),
        (500, "InternalError", Reason::Unavailable, true),
        (503, "ServiceUnavailable", Reason::Unavailable, true),
        (504, "Timeout", Reason::TimedOut, true),
    ] {
        let stub = Stub::default();
        stub.refuse(&format!("PUT {PODINFO}"), status, word, "because");
        let error = stub.cluster().perform(&Change::Replace(key("podinfo"), json!({}))).await.unwrap_err();
        assert_eq!((error.reason, error.retriable()), (reason, retriable), "{status} {word}");
        assert_eq!(error.to_string(), "failed to update Deployment podinfo.test: because");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_none_to_read_and_fine_to_delete() {
    let cluster = Stub::default().cluster();
    assert_eq!(cluster.get(&key("podinfo")).await.unwrap(), None);
    assert_eq!(cluster.perform(&Change::Delete(key("podinfo"))).await.unwrap(), None);
    let error = cluster.perform(&Change::Merge(key("podinfo"), json!({}))).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to patch Deployment podinfo.test: NotFound");
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_kind_is_not_installed_is_told_by_its_kind() {
    let stub = Stub::default();
    let create = || Change::Create(Key::new(kinds::VIRTUAL_SERVICE, "test", "podinfo"), json!({}));
    let path = "POST /apis/networking.istio.io/v1beta1/namespaces/test/virtualservices";
    for (said, told) in [
        ("404 page not found", "kind VirtualService of networking.istio.io/v1beta1 is not installed in the cluster"),
        ("namespaces \"test\" not found", "namespaces \"test\" not found"),
    ] {
        stub.refuse(path, 404, "NotFound", said);
        let error = stub.cluster().perform(&create()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("failed to create VirtualService podinfo.test: {told}"));
    }
}

#[tokio::test(start_paused = true)]
async fn missing_definitions_and_missing_rights_are_told_apart() {
    let stub = Stub::default();
    let cluster = stub.cluster();
    let error = cluster.require_own_kinds(&Scope::All).await.unwrap_err();
    assert_eq!(error.to_string(), "kind Canary of flagger.app/v1beta1 is not installed in the cluster");
    assert!(error.hint().unwrap().contains("kubectl apply"));

    stub.refuse("GET /apis/flagger.app/v1beta1/canaries", 403, "Forbidden", "no");
    let error = cluster.require_own_kinds(&Scope::All).await.unwrap_err();
    assert!(matches!(&error, DiscoveryError::Unreadable(kind, _) if *kind == kinds::CANARY), "{error:?}");
    assert!(error.hint().unwrap().contains("ClusterRole"));

    for plural in ["canaries", "metrictemplates", "alertproviders"] {
        stub.list(&format!("/apis/flagger.app/v1beta1/namespaces/test/{plural}"), &[]);
    }
    cluster.require_own_kinds(&Scope::Namespace("test".to_owned())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_api_server_with_a_moment_of_weakness_is_asked_again() {
    let stub = Stub::default();
    let canaries = "GET /apis/flagger.app/v1beta1/canaries";
    stub.refuse(canaries, 503, "ServiceUnavailable", "not now");
    let cluster = stub.cluster();
    let checking = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.require_own_kinds(&Scope::All).await }
    });
    stub.asked_for(1).await;
    for plural in ["canaries", "metrictemplates", "alertproviders"] {
        stub.list(&format!("/apis/flagger.app/v1beta1/{plural}"), &[]);
    }
    checking.await.unwrap().unwrap();

    stub.refuse(canaries, 503, "ServiceUnavailable", "not now");
    let asked = stub.asked().len();
    cluster.require_own_kinds(&Scope::All).await.unwrap_err();
    assert_eq!(stub.asked().len() - asked, 4, "but not for ever");
}
