//! The program as a user runs it.

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn flagger(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagger"));
    command.args(words).stdin(Stdio::null()).env_remove("KUBECONFIG");
    command
}

fn run(words: &[&str]) -> Output {
    flagger(words).output().expect("the program starts")
}

/// Exit status and stderr of a run that must say what is wrong.
fn refused(words: &[&str]) -> (i32, String) {
    let output = run(words);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), stderr)
}

/// A file with this content, which lives as long as the test's folder.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a writable folder");
    path.display().to_string()
}

#[test]
fn the_example_promotes_a_good_version_and_rolls_a_bad_one_back() {
    // Its pods have a minute to get ready, which is six seconds of a machine that may be busy.
    let output = run(&["sandbox", "-o", "json", "--speed", "10"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let summary = lines.last().expect("a summary");
    assert_eq!(summary["kind"], "summary", "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!([&summary["promoted"], &summary["rolledBack"], &summary["lost"]], [1, 1, 0], "{stdout}");
    assert!(output.status.success());

    let steps: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "step").collect();
    let climbed: Vec<i64> =
        steps.iter().filter(|step| step["release"] == 1).filter_map(|step| step["weight"].as_i64()).collect();
    assert_eq!(climbed, [10, 20, 30, 40, 50], "{stdout}");
    for step in steps {
        let number = |field: &str| step[field].as_f64().expect(field);
        let share = number("weight") / 100.0;
        // Six standard errors: off by chance once in five hundred million steps.
        let error = 600.0 * (share * (1.0 - share) / number("requests")).sqrt();
        assert!((number("measured") - number("weight")).abs() <= error, "{step}");
    }
    let said: Vec<&str> =
        lines.iter().filter(|line| line["kind"] == "event").filter_map(|line| line["message"].as_str()).collect();
    for sentence in [
        "Initialization done! podinfo.test",
        "New revision detected! Scaling up podinfo.test",
        "Advance podinfo.test canary weight 50",
        "Promotion completed! Scaling down podinfo.test",
        "Rolling back podinfo.test failed checks threshold reached 2",
        "Canary failed! Scaling down podinfo.test",
    ] {
        assert!(said.contains(&sentence), "{sentence} is not among {said:#?}");
    }
}

#[test]
fn a_webhook_is_answered_by_the_pods_behind_the_name_of_a_service() {
    let app = include_str!("manifests/cart.yaml");
    let first = file("cart.yaml", app);
    let good = file("cart-1.1.0.yaml", &app.replace("cart:1.0.0", "cart:1.1.0"));
    // Nobody is called that, neither in the cluster nor on the machine.
    let unheard =
        file("cart-1.2.0.yaml", &app.replace("cart:1.0.0", "cart:1.2.0").replace("cart-canary.shop", "nobody.invalid"));
    let output = run(&["sandbox", "-o", "json", "--speed", "30", "--rate", "50", "-f", &first, &good, &unheard]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let summary: Value = serde_json::from_str(stdout.lines().last().expect("a summary")).expect("JSON");
    assert_eq!([&summary["promoted"], &summary["rolledBack"], &summary["lost"]], [1, 1, 0], "{stdout}");
    assert!(stdout.contains("Pre-rollout check new version passed"), "{stdout}");
    let step =
        stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| line["kind"] == "step");
    let measured = step.as_ref().and_then(|step| step["measured"].as_f64());
    assert!(measured.is_some_and(|share| 0.0 < share), "nobody met the new version: {stdout}");
}

#[test]
fn releases_go_by_istio_and_by_nginx_as_by_the_gateway_api() {
    for (provider, app) in
        [("istio", include_str!("manifests/istio.yaml")), ("nginx", include_str!("manifests/nginx.yaml"))]
    {
        let failing = r#"cart:1.2.0", env: [{name: FAIL_RATE, value: "0.3"}]"#;
        let act = |number: u8, text: &str| file(&format!("{provider}-{number}.yaml"), text);
        let first = act(1, app);
        let good = act(2, &app.replace("cart:1.0.0", "cart:1.1.0"));
        let bad = act(3, &app.replace("cart:1.0.0\"", failing));
        let output = run(&["sandbox", "-o", "json", "--speed", "20", "--rate", "100", "-f", &first, &good, &bad]);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let summary: Value = serde_json::from_str(stdout.lines().last().expect("a summary")).expect("JSON");
        assert_eq!([&summary["promoted"], &summary["rolledBack"], &summary["lost"]], [1, 1, 0], "{stdout}");
        assert!(stdout.contains("advancement success rate"), "{stdout}");
    }
}

#[test]
fn manifests_that_are_wrong_are_named_with_what_is_wrong() {
    let broken = file("broken.yaml", "kind: Canary\nmetadata: [\n");
    let (code, stderr) = refused(&["sandbox", "-f", &broken]);
    assert_eq!(code, 1);
    assert!(stderr.contains(&broken) && stderr.contains("hint: "), "{stderr}");

    let canary = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: podinfo}\nspec:\n  \
        targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n  service: {port: 80}\n  \
        analysis: {interval: 30s, threshold: 2, stepWeight: 10}\n";
    let unknown = file("unknown-field.yaml", &canary.replace("threshold: 2", "threshold: 2, treshold: 3"));
    let (code, stderr) = refused(&["sandbox", "-f", &unknown]);
    assert_eq!(code, 1);
    assert!(stderr.contains("Canary podinfo") && stderr.contains("spec.analysis.treshold"), "{stderr}");

    let wrong = file("wrong-value.yaml", &canary.replace("interval: 30s", "interval: soon"));
    let (code, stderr) = refused(&["sandbox", "-f", &wrong]);
    assert_eq!(code, 1);
    assert!(stderr.contains("spec.analysis.interval"), "{stderr}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let (code, stderr) = refused(&["sandbox", "--gateway-port", &port]);
    assert_eq!(code, 1);
    assert!(stderr.contains(&port) && stderr.contains("--gateway-port"), "{stderr}");
}

#[test]
fn an_operator_without_a_cluster_says_where_it_looked() {
    let (code, stderr) = refused(&["-kubeconfig=/nowhere/kubeconfig"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("/nowhere/kubeconfig") && stderr.contains("hint"), "{stderr}");
    let (code, stderr) = refused(&["-no-such-flag"]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("flag provided but not defined: -no-such-flag"), "{stderr}");
}

#[test]
fn an_interrupted_sandbox_leaves_nothing_behind() {
    let mut child = flagger(&["sandbox", "--keep", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let folder = std::env::temp_dir().join(format!("flagger-sandbox-{}", child.id()));
    let mut first = [0];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("the first event");
    assert!(folder.join("kubeconfig").exists());
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(interrupted.success());
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    assert!(!folder.exists());
}
