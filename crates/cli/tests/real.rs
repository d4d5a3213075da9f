//! `flagger sandbox --control-plane real` as a user runs it.
//!
//! Where the control plane is not built or has no namespace to run in, what needs it is left out and said;
//! `CONTROLPLANE=required` makes that a failure.

#[cfg(test)]
mod run;

use std::net::TcpListener;
use std::process::Command;

use run::Run;
use serde_json::Value;

/// A Deployment and its Canary, whose releases are asked for by a webhook that is called by the name of a Service.
const APP: &str = include_str!("manifests/cart.yaml");

#[test]
fn the_example_is_played_on_a_real_control_plane() {
    if run::programs().is_none() {
        return;
    }
    let (status, stdout, stderr) = Run::of(&["-o", "json"]).finish();
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let told = format!("{stdout}\n{stderr}");
    let summary = lines.last().expect("a summary");
    assert_eq!([&summary["promoted"], &summary["rolledBack"], &summary["lost"]], [1, 1, 0], "{told}");
    assert_eq!(status, Some(0), "{told}");
    let of_good_version = lines.iter().filter(|line| line["kind"] == "step" && line["release"] == 1);
    let weights: Vec<i64> = of_good_version.filter_map(|step| step["weight"].as_i64()).collect();
    assert_eq!(weights, [10, 20, 30, 40, 50], "{told}");
    let advanced = "Advance podinfo.test canary weight 50";
    assert!(lines.iter().any(|line| line["message"] == advanced), "{told}");
}

#[test]
fn services_have_names_and_pods_have_logs() {
    let Some(programs) = run::programs() else { return };
    // Those who bring programs of their own may have no kubectl.
    let Some(kubectl) = programs.kubectl() else { return };
    let first = run::file("cart.yaml", APP);
    let second = run::file("cart-1.1.0.yaml", APP.replace("cart:1.0.0", "cart:1.1.0").as_str());
    let mut run = Run::of(&["--keep", "-o", "json", "--speed", "10", "-f", &first, &second]);
    let summary = run.line(|line| line["kind"] == "summary");
    assert_eq!([&summary["promoted"], &summary["lost"]], [1, 0], "the webhook is answered by a pod behind a Service");

    let kubectl = |words: &str| {
        let mut command = kubectl.command();
        command.arg("--kubeconfig").arg(run.folder.join("kubeconfig")).args(["--namespace", "shop"]);
        let output = command.args(words.split(' ')).output().unwrap();
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let log = kubectl("logs deployment/cart-primary --tail=1");
    let line: Value = serde_json::from_str(&log).unwrap();
    assert_eq!([&line["msg"], &line["about"]], ["Starting podinfo", "1.1.0"]);
    let slice = kubectl(
        "get endpointslices -l kubernetes.io/service-name=cart-primary -o jsonpath={.items[*].endpoints[*].addresses[0]}",
    );
    assert!(slice.starts_with("10.64."), "{slice}");
    let maker = kubectl("get endpointslices -o jsonpath={.items[0].metadata.labels}");
    assert!(maker.contains("endpointslice-controller.k8s.io"), "{maker}");

    run.interrupt();
    let (status, _, stderr) = run.finish();
    assert_eq!(status, Some(0), "{stderr}");
}

#[test]
fn a_control_plane_that_dies_is_told_in_one_line_and_nothing_is_left() {
    if run::programs().is_none() {
        return;
    }
    let mut run = Run::of(&["--keep", "-o", "json"]);
    run.line(|line| line["kind"] == "event");
    run.kill("--unsafe-no-fsync");
    let (status, _, stderr) = run.finish();
    assert_eq!(status, Some(1), "{stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(errors[0].contains("the control plane has ended: etcd ended by itself (signal: 9"), "{stderr}");
}

#[test]
fn everything_ends_when_the_program_is_killed() {
    if run::programs().is_none() {
        return;
    }
    let mut run = Run::of(&["--keep", "-o", "json"]);
    run.line(|line| line["kind"] == "event");
    run.child.kill().unwrap();
    run.finish();
}

#[test]
fn a_missing_binary_is_named_with_the_way_to_build_it() {
    let mut command = run::command(&[]);
    let (status, _, stderr) =
        run::end(command.env_remove("KUBEBUILDER_ASSETS").env("CONTROLPLANE_BIN", "/nowhere/controlplane"));
    assert_eq!(status, Some(1));
    assert!(stderr.contains("there is no /nowhere/controlplane; build it with tests/controlplane/build"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = run::command(&["--gateway-port", &port]);
    let (status, _, stderr) = run::end(command.env("CONTROLPLANE_BIN", "/bin/true"));
    assert_eq!(status, Some(1));
    assert!(stderr.contains(&port) && stderr.contains("hint: ") && stderr.contains("--gateway-port"), "{stderr}");
}

#[test]
fn a_machine_that_allows_no_namespaces_is_told_what_to_allow() {
    let program = run::command(&[]);
    let forbid = "for kind in user net; do echo 0 >/proc/sys/user/max_${kind}_namespaces; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--", "sh", "-c", forbid, "sh"]);
    command.arg(program.get_program()).args(program.get_args()).env("CONTROLPLANE_BIN", "/bin/true");
    let (status, _, stderr) = run::end(&mut command);
    if stderr.starts_with("unshare: ") {
        // Then this machine allows none by itself, and the program says so without being made to.
        return;
    }
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.starts_with("error: failed to make a network namespace: unshare: "), "{stderr}");
    assert!(stderr.contains("hint: run it as root, or let users make namespaces"), "{stderr}");
}

#[test]
fn faults_are_for_the_played_control_plane() {
    let (status, _, stderr) = run::end(&mut run::command(&["--faults", "1"]));
    assert_eq!(status, Some(2));
    assert!(stderr.contains("--faults needs the played control plane"), "{stderr}");
}
