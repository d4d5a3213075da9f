//! The load tester and its services as images of the sandbox.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Request;
use operator::web::{Options, Route, Web};
use serde_json::{Value, json};
use setups::Stage;

/// How long an answer may take on a machine that builds at the same time.
const PATIENCE: Duration = Duration::from_secs(60);

const LOAD_TESTER: &str = "http://flagger-loadtester.istio-testing";
const VALIDATOR: &str = "http://security-validator.shared-services:8080";
const APPROVALS: &str = "http://approval-service.shared-services:8080";

/// The tenants' cluster, started with these further words.
fn tenants(words: &[&str]) -> Stage {
    let words =
        [&["-f", "examples/tenants/manifests", "--speed", "30"], words, &["--", "-mesh-provider=istio"]].concat();
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    Stage::start(Path::new(env!("CARGO_BIN_EXE_flagger")), &words).unwrap()
}

/// Status and text of the answer to a webhook of tenant A.
fn hook(stage: &Stage, url: &str, metadata: &Value) -> (u16, String) {
    let payload = json!({
        "name": "tenant-a-podinfo-progressive", "namespace": "tenant-a", "checksum": "1", "metadata": metadata,
    });
    let request = Request::post(url).body(payload.to_string().into_bytes()).unwrap();
    let route = Route { proxy: Some(stage.gateway().to_owned()), ..Route::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let response = runtime.block_on(Web::new().send(request, &Options { timeout: PATIENCE, route })).unwrap();
    (response.status().as_u16(), String::from_utf8(response.into_body()).unwrap())
}

#[test]
fn images_of_the_load_tester_answer_gates_load_and_validations_and_start_no_program() {
    let stage = tenants(&[]);
    let gate = |path: &str| hook(&stage, &format!("{LOAD_TESTER}/gate/{path}"), &json!({})).0;
    assert_eq!([gate("check"), gate("open"), gate("check")], [403, 202, 200]);

    // A name that only the gateway knows.
    let load = json!({"type": "http", "url": "http://podinfo.tenant-a:9898/", "count": "10", "minSuccessRate": "100"});
    let (status, report) = hook(&stage, LOAD_TESTER, &load);
    assert_eq!(status, 200, "{report}");

    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("started");
    for kind in ["cmd", "bash"] {
        let (status, reason) =
            hook(&stage, LOAD_TESTER, &json!({"type": kind, "cmd": format!("touch {}", file.display())}));
        assert_eq!(status, 403, "{reason}");
        assert!(reason.starts_with(&format!("a task of type {kind} starts a program of this machine")), "{reason}");
    }
    assert!(!file.exists());

    let validated = hook(&stage, &format!("{VALIDATOR}/validate"), &json!({}));
    assert_eq!(validated, (200, "stefanprodan/podinfo:6.0.0 may run\n".to_owned()));
    let (status, reason) = hook(&stage, &format!("{APPROVALS}/approve"), &json!({}));
    assert_eq!(status, 403, "{reason}");
    assert!(reason.starts_with("waiting for approval since "), "{reason}");
    stage.stop().unwrap();
}

#[test]
fn with_commands_a_task_runs_programs_of_the_machine_which_find_the_cluster_by_a_proxy() {
    let stage = tenants(&["--commands"]);
    let task = json!({"type": "bash", "cmd": "echo $http_proxy", "returnCmdOutput": "true"});
    let (status, said) = hook(&stage, LOAD_TESTER, &task);
    assert_eq!(status, 200, "{said}");
    let gateway = stage.gateway().trim_start_matches("http://");
    assert!(
        said.starts_with("http://flagger-loadtester-") && said.ends_with(&format!(".istio-testing@{gateway}\n")),
        "{said}"
    );
    stage.stop().unwrap();
}
