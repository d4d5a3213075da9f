//! Commands.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::tester::{Tester, folder, until};

impl Tester {
    /// Begins a long command in the background; its process id.
    pub(crate) fn begin_long(&self) -> String {
        let file = folder("long").join("pid");
        let script = file.with_extension("sh");
        fs::write(&script, format!("echo $$ > {}; exec sleep 600", file.display())).unwrap();
        assert_eq!(self.hook("/", &json!({"cmd": format!("bash {}", script.display())})).0, 202);
        until(|| fs::read_to_string(&file).ok().filter(|pid| pid.ends_with('\n'))).trim().to_owned()
    }
}

fn finished(tester: &Tester, msg: &str, task: &str) -> Value {
    tester.logged(|line| line["msg"] == msg && line["task"] == task)
}

#[test]
fn a_cmd_runs_in_the_background_once_at_a_time_for_each_canary() {
    let tester = Tester::start(&[]);
    let gate = folder("cmd").join("gate");
    let script = gate.with_extension("sh");
    fs::write(&script, format!("while [ ! -e {} ]; do sleep 0.05; done; echo done", gate.display())).unwrap();
    let cmd = format!("bash {}", script.display());
    let hook = json!({"cmd": cmd, "logCmdOutput": "true"});
    for _ in 0..3 {
        assert_eq!(tester.hook("/", &hook), (202, String::new()));
    }
    let other = json!({"name": "till", "namespace": "shop", "metadata": hook}).to_string();
    assert_eq!(tester.post("/", &other).0, 202);
    let told = || ["task started", "the task runs already, skipped"].map(|msg| tester.said(msg));
    // Lines come after answers.
    until(|| (told().iter().sum::<usize>() == 4).then_some(()));
    assert_eq!(told(), [2, 2], "one for each canary");
    fs::write(&gate, "").unwrap();
    let line = finished(&tester, "task finished", &cmd);
    assert_eq!((line["output"].as_str(), line["type"].as_str()), (Some("done\n"), Some("cmd")));

    until(|| tester.get("/metrics").1.contains(r#"flagger_loadtester_tasks_running{type="cmd"} 0"#).then_some(()));
    assert_eq!(tester.hook("/", &hook).0, 202);
    until(|| (tester.said("task started") == 3).then_some(()));
}

#[test]
fn a_cmd_that_needs_a_shell_is_refused_with_a_word_about_bash() {
    let tester = Tester::start(&[]);
    let (status, reason) = tester.hook("/", &json!({"cmd": "curl -s http://cart/ | grep ok"}));
    assert_eq!(status, 400);
    assert_eq!(reason, r#"the command needs a shell for "|": set type to bash, or quote it if it is meant literally"#);
}

#[test]
fn a_cmd_that_fails_is_told_in_the_log_alone() {
    let tester = Tester::start(&[]);
    for cmd in ["no-such-program --at all", "bash -c 'echo no; exit 3'"] {
        assert_eq!(tester.hook("/", &json!({"cmd": cmd})).0, 202);
        let line = finished(&tester, "task failed", cmd);
        let error = line["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("command {cmd} failed: ")), "{error}");
    }
}

#[test]
fn bash_is_waited_for_and_tells_its_output_if_asked_to() {
    let tester = Tester::start(&[]);
    let bash =
        |cmd: &str, tells: &str| tester.hook("/", &json!({"type": "bash", "cmd": cmd, "returnCmdOutput": tells}));
    assert_eq!(bash("echo token | grep token", "true"), (200, "token\n".to_owned()));
    assert_eq!(bash("echo token", "false"), (200, String::new()));
    let failed = "command echo no >&2; exit 3 failed: no\n: exit status 3";
    assert_eq!(bash("echo no >&2; exit 3", "true"), (500, failed.to_owned()));
}

#[test]
fn a_task_that_takes_too_long_is_ended() {
    let tester = Tester::start(&["-timeout=300ms"]);
    let (status, reason) = tester.hook("/", &json!({"type": "bash", "cmd": "sleep 600 | cat"}));
    assert_eq!((status, reason.as_str()), (500, "command sleep 600 | cat failed: : timed out after 300ms"));
}

#[test]
fn helm_and_kubectl_get_words_split_at_white_space_and_nothing_of_a_shell() {
    let tools = folder("tools");
    for tool in ["helm", "kubectl"] {
        let path = tools.join(tool);
        fs::write(&path, format!("#!/bin/bash\necho {tool}; printf '<%s>' \"$@\"\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let tester = Tester::start_with(&[], |command| {
        command.env("PATH", path);
    });
    for (kind, tool) in [("helm", "helm"), ("helmv3", "helm"), ("kubectl", "kubectl")] {
        let hook = json!({"type": kind, "cmd": "test  cart --set 'a b' $(id)", "returnCmdOutput": "true"});
        let expected = format!("{tool}\n<test><cart><--set><'a><b'><$(id)>");
        assert_eq!(tester.hook("/", &hook), (200, expected), "{kind}");
    }
}

#[test]
fn somebody_who_waits_is_answered_before_the_end() {
    let mut tester = Tester::start(&[]);
    let gate = folder("waits").join("gate");
    let cmd = format!("touch {0}.begun; while [ ! -e {0} ]; do sleep 0.05; done; echo done", gate.display());
    let hook = json!({"type": "bash", "cmd": cmd, "returnCmdOutput": "true"});
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| tester.hook("/", &hook));
        until(|| gate.with_extension("begun").exists().then_some(()));
        tester.terminate();
        tester.logged(|line| line["msg"] == "shutting down");
        fs::write(&gate, "").unwrap();
        assert_eq!(waiting.join().unwrap(), (200, "done\n".to_owned()));
    });
    assert!(tester.ended().success());
}
