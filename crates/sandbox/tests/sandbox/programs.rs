//! Images whose programs are brought by whoever starts the sandbox.

use sandbox::{Ended, Options, Process, Programs};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::world::{World, ready, waits};

/// Answers every connection with what it knows of itself, until it is told to stop; with the word `quit` it ends at once.
async fn introduce(process: Process) -> Ended {
    if process.words.iter().any(|word| word == "quit") {
        return Err("told to quit".into());
    }
    let listener = process.listeners.first().ok_or("nothing to listen on")?;
    let about = format!("{} {:?} {:?} {:?}", process.tag, process.words, process.env, process.proxy);
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{about}", about.len());
    loop {
        tokio::select! {
            () = process.stop.cancelled() => return Ok(()),
            accepted = listener.accept() => {
                let (mut stream, _) = accepted.map_err(|error| error.to_string())?;
                stream.write_all(answer.as_bytes()).await.map_err(|error| error.to_string())?;
            }
        }
    }
}

#[tokio::test]
async fn a_prometheus_in_the_cluster_answers_with_what_was_scraped() {
    let world = World::start(50.0).await;
    let container = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [{
        "name": "prometheus", "image": "prom/prometheus:v3.5.0", "ports": [{"name": "http", "containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "http"}}}]}}}});
    world.deploy("prometheus", "", container).await;
    world.deploy("podinfo", "6.5.4", json!({"spec": {"replicas": 1}})).await;
    world.rolled_out("prometheus").await;
    world.rolled_out("podinfo").await;
    world.answered("prometheus.default", "/-/ready", 200).await;
    world.comes_true(|| world.value(r#"up{app="podinfo"}"#) == Some(1.0)).await;
    let answer = world.ask("ignored", "http://prometheus.default/api/v1/query?query=up%7Bapp%3D%22podinfo%22%7D").await;
    assert!(answer.body.contains("\"app\":\"podinfo\"") && answer.body.contains("\"1\"]"), "{}", answer.body);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn an_image_with_a_program_runs_it_and_others_do_not() {
    let programs = Programs::default().with("example.com/tester", introduce);
    let world = World::with(Options { speed: 50.0, programs, ..Options::default() }).await;
    let container = |words: &[&str]| {
        json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [{
            "name": "tester", "image": "example.com/tester:0.1", "args": words, "env": [{"name": "A", "value": "b"}],
            "ports": [{"name": "http", "containerPort": 8080}]}]}}}})
    };
    world.deploy("tester", "", container(&["serve"])).await;
    world.deploy("quitter", "", container(&["quit"])).await;
    world.deploy("podinfo", "6.5.4", json!({"spec": {"replicas": 1}})).await;
    world.serves("podinfo").await;
    world.answered("tester.default", "/", 200).await;
    let pod = world.pod("tester", ready).await.metadata.name.unwrap();
    let answer = world.ask("tester.default", "/").await;
    let proxy = format!("http://{pod}.default@{}", world.sandbox.gateway_addr());
    assert_eq!(answer.body, format!("0.1 [\"serve\"] {{\"A\": \"b\"}} {:?}", Some(proxy)));
    assert!(world.ask("podinfo.default", "/version").await.body.contains("6.5.4"));

    let pod = world.pod("quitter", |pod| waits(pod) == Some("CrashLoopBackOff")).await;
    let status = serde_json::to_value(pod.status.unwrap().container_statuses).unwrap();
    assert_eq!(status[0]["lastState"]["terminated"]["message"], "told to quit", "{status}");

    world.deployments().delete("tester", &kube::api::DeleteParams::default()).await.unwrap();
    world.gone("tester").await;
    world.answered("tester.default", "/", 503).await;
    world.sandbox.stop().await;
}
