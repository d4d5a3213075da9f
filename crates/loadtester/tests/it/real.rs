//! The task types `helm` and `kubectl`, and what is kept in a `ConfigMap`, with the real tools on a real control plane.
//!
//! What there is no control plane for, or no `helm`, is left out, which is said; with `CONTROLPLANE=required` and `HELM=required`
//! in the environment it fails.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use controlplane::ControlPlane;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::tester::{Tester, folder};

/// A chart of one `ConfigMap`.
const CHART: [(&str, &str); 3] = [
    ("Chart.yaml", "apiVersion: v2\nname: cart\nversion: 1.0.0\n"),
    ("values.yaml", "size: 1\n"),
    (
        "templates/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  size: {{ .Values.size | quote }}\n",
    ),
];

/// A load tester whose `kubectl` is of the control plane's release, both in a namespace of their own.
struct Stage {
    tester: Tester,
    chart: String,
    namespace: &'static str,
    _plane: Arc<ControlPlane>,
}

impl Stage {
    /// `None` where there is no control plane.
    fn open(namespace: &'static str, words: &[&str]) -> Option<Self> {
        let plane = Runtime::new().unwrap().block_on(ControlPlane::for_tests())?;
        let folder = folder(namespace);
        for (path, text) in CHART {
            let path = folder.join("chart").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let kubeconfig = folder.join("kubeconfig");
        fs::write(&kubeconfig, plane.kubeconfig().unwrap()).unwrap();
        wrap(&plane.kubectl()?, &folder.join("kubectl"));
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let tester = Tester::start_with(words, |command| {
            command.env("PATH", path).env("KUBECONFIG", &kubeconfig).env("HOME", &folder);
        });
        let stage = Self { tester, chart: folder.join("chart").display().to_string(), namespace, _plane: plane };
        stage.says("kubectl", "create namespace NAMESPACE", &format!("namespace/{namespace} created"));
        Some(stage)
    }

    /// The task succeeds, and says this.
    fn says(&self, kind: &str, cmd: &str, part: &str) {
        let (status, said) = self.run(kind, cmd);
        assert!(status == 200 && said.contains(part), "{kind} {cmd}: {status} {said}");
    }

    /// The task fails, and says this.
    fn fails(&self, kind: &str, cmd: &str, part: &str) {
        let (status, said) = self.run(kind, cmd);
        assert!(status == 500 && said.contains(part), "{kind} {cmd}: {status} {said}");
    }

    fn run(&self, kind: &str, cmd: &str) -> (u16, String) {
        let cmd = cmd.replace("NAMESPACE", self.namespace).replace("CHART", &self.chart);
        self.tester.hook("/", &json!({"type": kind, "cmd": cmd, "returnCmdOutput": "true"}))
    }
}

fn has_helm() -> bool {
    let helm = Command::new("helm").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = helm.is_ok_and(|status| status.success());
    let is_required = std::env::var_os("HELM").is_some_and(|value| value == "required");
    assert!(is_there || !is_required, "there is no helm");
    if !is_there {
        // A closed stderr has nobody who could be told.
        let _ = writeln!(std::io::stderr(), "left out: tasks with helm, which is not installed");
    }
    is_there
}

/// Writes a program that is this command.
fn wrap(command: &Command, path: &Path) {
    let words: Vec<_> =
        [command.get_program()].into_iter().chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    fs::write(path, format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "))).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn helm_installs_upgrades_tests_and_rolls_back() {
    if !has_helm() {
        return;
    }
    let Some(stage) = Stage::open("loadtester-helm", &[]) else { return };
    stage.says("helm", "upgrade --install cart CHART --namespace NAMESPACE", "STATUS: deployed");
    stage.says("kubectl", "get configmap cart --namespace NAMESPACE -o jsonpath={.data.size}", "1");
    stage.says("helmv3", "upgrade cart CHART --namespace NAMESPACE --set size=2", "REVISION: 2");
    stage.says("kubectl", "get configmap cart --namespace NAMESPACE -o jsonpath={.data.size}", "2");
    stage.says("helm", "test cart --namespace NAMESPACE", "STATUS: deployed");
    stage.says("helm", "rollback cart 1 --namespace NAMESPACE", "Rollback was a success");
    stage.says("kubectl", "get configmap cart --namespace NAMESPACE -o jsonpath={.data.size}", "1");
    stage.fails("helm", "status till --namespace NAMESPACE", "not found");
}

#[test]
fn kubectl_answers_and_fails_as_at_a_terminal() {
    let Some(stage) = Stage::open("loadtester-kubectl", &[]) else { return };
    stage.says(
        "kubectl",
        "create configmap cart --from-literal=size=3 --namespace NAMESPACE",
        "configmap/cart created",
    );
    stage.says("kubectl", "get configmap cart --namespace NAMESPACE -o jsonpath={.data}", r#"{"size":"3"}"#);
    stage.fails("kubectl", "get configmap till --namespace NAMESPACE", r#"configmaps "till" not found"#);
    stage.fails("kubectl", "get widgets", r#"doesn't have a resource type "widgets""#);
    stage.fails(
        "kubectl",
        "wait --for=jsonpath={.data.size}=4 configmap/cart --namespace NAMESPACE --timeout=1s",
        "timed out",
    );
}

#[test]
fn gates_are_kept_in_a_config_map() {
    let Some(stage) = Stage::open("loadtester-gates", &["-gate-configmap", "loadtester-gates/gates"]) else { return };
    assert_eq!(stage.tester.hook("/gate/check", &json!({})).0, 403);
    assert_eq!(stage.tester.hook("/gate/open", &json!({})).0, 202);
    assert_eq!(stage.tester.hook("/gate/check", &json!({})).0, 200);
    stage.says("kubectl", "get configmap gates --namespace NAMESPACE -o jsonpath={.data}", r#"{"cart.shop":"open"}"#);
    stage.says("kubectl", "delete configmap gates --namespace NAMESPACE", "deleted");
    assert_eq!(stage.tester.hook("/gate/check", &json!({})).0, 403);
}
