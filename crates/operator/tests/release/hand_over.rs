//! Two replicas, of which the leader is killed in the middle of a step.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, Written};

const INTERVAL: Duration = Duration::from_secs(10);

/// How soon the other replica leads, as everybody is promised.
const HAND_OVER: Duration = Duration::from_secs(5);

/// The canary's share of the traffic.
fn share(route: &Value) -> i64 {
    route["spec"]["rules"][0]["backendRefs"][1]["weight"].as_i64().unwrap_or_default()
}

/// The steps that the traffic took, and when.
fn steps(writes: &[Written]) -> Vec<(i64, Duration)> {
    let moved = writes.iter().filter(|written| written.is_on("HTTPRoute"));
    let moved = moved.filter(|written| share(&written.before) != share(&written.after));
    moved.map(|written| (share(&written.after), written.at)).collect()
}

/// Who leads by each write of the lease, and when that changed.
fn leaders(writes: &[Written]) -> Vec<(String, Duration)> {
    let mut leaders: Vec<(String, Duration)> = Vec::new();
    for written in writes.iter().filter(|written| written.is_on("Lease")) {
        let holder = written.after["spec"]["holderIdentity"].as_str().unwrap_or_default();
        if leaders.last().is_none_or(|(last, _)| last != holder) {
            leaders.push((holder.to_owned(), written.at));
        }
    }
    leaders
}

/// A release whose leader dies with this write, and when that was.
async fn released(end: fn(&Written) -> bool) -> (World, Duration) {
    let world = World::start();
    world.deploy(&json!({"interval": "10s", "threshold": 1, "stepWeight": 20, "maxWeight": 60}));
    let first = world.replica(&["-enable-leader-election"]).await;
    world.canary(|canary| canary["status"]["phase"] == "Initialized").await;
    let _second = world.replica(&["-enable-leader-election"]).await;
    world.kill_at(&first, end);
    world.push("cart:2");
    world.canary(|canary| canary["status"]["canaryWeight"] == 20).await;
    let died = world.writes().into_iter().find(end);
    first.bury().await;
    world.canary(|canary| canary["status"]["phase"] == "Succeeded").await;
    (world, died.unwrap().at)
}

/// The status says 20, the traffic does not.
fn decided(written: &Written) -> bool {
    written.is_on("Canary") && written.after["status"]["canaryWeight"] == 20
}

/// The traffic is at 20, which nobody was told.
fn done(written: &Written) -> bool {
    written.is_on("HTTPRoute") && share(&written.after) == 20
}

#[tokio::test(start_paused = true)]
async fn a_release_whose_leader_is_killed_in_the_middle_of_a_step_goes_on_with_that_step() {
    for end in [decided, done] {
        let (world, died) = released(end).await;
        let writes = world.writes();
        let (weights, times): (Vec<i64>, Vec<Duration>) = steps(&writes).into_iter().unzip();
        assert_eq!(weights, [20, 40, 60, 0], "each step is taken once");
        let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        assert!(gaps.iter().all(|gap| INTERVAL <= *gap), "no step is early: {gaps:?}");
        // What the dead one had begun is done when it is due, whoever does it.
        let due = died + INTERVAL + HAND_OVER;
        assert!(steps(&writes).into_iter().find(|(_, at)| died < *at).unwrap().1 <= due, "{gaps:?}");

        let leaders = leaders(&writes);
        let [(first, _), (second, since)] = &leaders[..] else { panic!("{leaders:?}") };
        assert!(first != second && !second.is_empty(), "the dead one gave nothing back: {leaders:?}");
        assert!(since.saturating_sub(died) <= HAND_OVER, "{died:?} {leaders:?}");
    }
}
