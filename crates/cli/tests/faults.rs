//! Whole releases while one in ten of the operator's requests to the Kubernetes API fails.
//!
//! Each seed is the built-in example in a sandbox of its own. A seed that fails is replayed by the command that it prints.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Intervals of 30 s take half a second.
const SPEED: &str = "50";

/// Requests in a second: a bad version at 10 % has to be found out by some of them in every interval.
const RATE: &str = "200";

/// Fewer than this, and the seed proves nothing.
const FAULTS_MIN: u64 = 5;

/// The manifests of the example. Pods may take their time, as a second of a busy machine is most of a minute here.
fn manifests(seed: &str) -> Vec<String> {
    let example = [
        include_str!("../src/demo/example/1-podinfo.yaml"),
        include_str!("../src/demo/example/2-good-version.yaml"),
        include_str!("../src/demo/example/3-bad-version.yaml"),
    ];
    let write = |(index, text): (usize, &str)| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{seed}-{index}.yaml"));
        let patient = text.replace("progressDeadlineSeconds: 60", "progressDeadlineSeconds: 900");
        std::fs::write(&path, patient).expect("a writable folder");
        path.display().to_string()
    };
    example.into_iter().enumerate().map(write).collect()
}

/// Plays the example with the faults of a seed: the good version has to be promoted and the bad one rolled back.
fn plays(seed: u64) {
    let seed = seed.to_string();
    let files = manifests(&seed);
    let mut words = vec!["sandbox", "-o", "json", "--speed", SPEED, "--rate", RATE, "--faults", &seed, "-f"];
    words.extend(files.iter().map(String::as_str));
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagger"));
    let output =
        command.args(&words).stdin(Stdio::null()).env_remove("KUBECONFIG").output().expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let told =
        format!("replay with: cargo run -- {}\n{stderr}{stdout}", words.join(" ").replace("-o json", "--verbose"));

    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let summary = lines.iter().find(|line| line["kind"] == "summary").unwrap_or(&Value::Null);
    assert_eq!([&summary["promoted"], &summary["rolledBack"], &summary["lost"]], [1, 1, 0], "{told}");
    assert_ne!(summary["failed"], 0, "the bad version was found out by its requests: {told}");
    // A restart cuts off the observer too, who then misses a step; those that it saw lead upwards.
    let steps = lines.iter().filter(|line| line["kind"] == "step" && line["release"] == 1);
    let weights: Vec<i64> = steps.filter_map(|step| step["weight"].as_i64()).collect();
    assert!(!weights.is_empty() && weights.is_sorted_by(|before, after| before < after), "{weights:?}: {told}");

    let injected = stderr.lines().find_map(|line| line.split_once(" faults were injected"));
    let injected: u64 = injected.and_then(|(count, _)| count.parse().ok()).unwrap_or_default();
    assert!(FAULTS_MIN <= injected, "{injected} faults are too few: {told}");
    assert!(output.status.success(), "{told}");
}

#[test]
fn no_release_and_no_request_is_lost_with_the_faults_of_seed_1() {
    plays(1);
}

#[test]
fn no_release_and_no_request_is_lost_with_the_faults_of_seed_2() {
    plays(2);
}

#[test]
fn no_release_and_no_request_is_lost_with_the_faults_of_seed_3() {
    plays(3);
}

#[test]
fn no_release_and_no_request_is_lost_with_the_faults_of_seed_4() {
    plays(4);
}
