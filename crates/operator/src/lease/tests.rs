//! Replicas in one process, at an API server that keeps what it is told, on a clock of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use apiserver::{Api, Options};
use ports::RealClock;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::*;

/// How soon another replica has to lead.
const HAND_OVER: Duration = Duration::from_secs(5);

struct Replica {
    tenure: Tenure,
    stop: CancellationToken,
    /// Whether its requests get no answer.
    cut_off: Arc<AtomicBool>,
    stand: JoinHandle<Result<(), Lost>>,
}

impl Replica {
    fn start(api: &Api) -> Self {
        let cut_off = Arc::new(AtomicBool::new(false));
        let (api, cut) = (api.clone(), Arc::clone(&cut_off));
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (mut api, cut) = (api.clone(), Arc::clone(&cut));
            async move {
                if cut.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                Service::call(&mut api, request).await
            }
        });
        let cluster = Cluster::new(kube::Client::new(service, "default"));
        let election = Election::new(cluster, Arc::new(RealClock), "default");
        let (tenure, stop) = (election.tenure(), CancellationToken::new());
        let stopped = stop.clone();
        let stand = tokio::spawn(async move { election.stand(&stopped).await });
        Self { tenure, stop, cut_off, stand }
    }
}

/// Two replicas, of which the first leads.
async fn two() -> (Replica, Replica) {
    let api = Api::new(&Options::default());
    let first = Replica::start(&api);
    first.tenure.begins().await;
    let second = Replica::start(&api);
    sleep(Duration::from_secs(60)).await;
    assert!(first.tenure.holds() && !second.tenure.holds(), "for as long as it is there");
    (first, second)
}

#[tokio::test(start_paused = true)]
async fn one_of_two_leads_and_its_clean_end_lets_the_other_lead_at_once() {
    let (first, second) = two().await;
    let ended = Instant::now();
    first.stop.cancel();
    first.stand.await.unwrap().unwrap();
    assert!(!first.tenure.holds());
    second.tenure.begins().await;
    assert!(ended.elapsed() <= LOOK_EVERY + RETRY_PAUSE, "{:?}", ended.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_vanishes_is_followed_within_five_seconds() {
    let (first, second) = two().await;
    let ended = Instant::now();
    first.stand.abort();
    second.tenure.begins().await;
    assert!(ended.elapsed() <= HAND_OVER, "{:?}", ended.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_another_one_begins_and_learns_that_it_lost() {
    let (first, second) = two().await;
    first.cut_off.store(true, Ordering::Relaxed);
    first.tenure.ends().await;
    let ended = Instant::now();
    assert!(!first.tenure.holds() && !second.tenure.holds());
    second.tenure.begins().await;
    assert!(Duration::from_millis(500) <= ended.elapsed(), "time for requests on their way: {:?}", ended.elapsed());
    assert!(!first.tenure.holds());
    first.cut_off.store(false, Ordering::Relaxed);
    let lost = first.stand.await.unwrap().unwrap_err().to_string();
    assert!(lost.contains("has taken over the lease Lease flagger-leader-election.default"), "{lost}");
    assert!(second.tenure.holds());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_gets_through_again_before_anybody_took_its_lease_leads_anew() {
    let alone = Replica::start(&Api::new(&Options::default()));
    alone.tenure.begins().await;
    alone.cut_off.store(true, Ordering::Relaxed);
    alone.tenure.ends().await;
    sleep(Duration::from_secs(600)).await;
    assert!(!alone.tenure.holds());
    alone.cut_off.store(false, Ordering::Relaxed);
    alone.tenure.begins().await;
    assert!(!alone.stand.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_edits_or_deletes_stays_ours() {
    let api = Api::new(&Options::default());
    let alone = Replica::start(&api);
    alone.tenure.begins().await;
    let somebody = Cluster::new(kube::Client::new(api, "default"));
    let key = Key::new(kinds::LEASE, "default", NAME);
    somebody.perform(&Change::Merge(key.clone(), json!({"metadata": {"labels": {"a": "b"}}}))).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let lease = somebody.fetch(&key).await.unwrap().unwrap();
    assert_eq!((&lease["metadata"]["labels"]["a"], &lease["spec"]["leaseTransitions"]), (&json!("b"), &json!(0)));
    somebody.perform(&Change::Delete(key.clone())).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    assert!(alone.tenure.holds() && !alone.stand.is_finished());
    assert!(somebody.fetch(&key).await.unwrap().is_some());
}
