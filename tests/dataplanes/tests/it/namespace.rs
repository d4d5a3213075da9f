//! Namespaces of a test's own: a network in which addresses of pods and Services are local, and processes that all end with it.
//!
//! A process can't move into them once it has threads; so a test runs the test program again in them, for itself alone.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use controlplane::SERVICE_RANGE;
use sandbox::POD_RANGE;

use crate::programs::Programs;
use crate::stack::DNS;

/// Says that this is the process inside.
const INSIDE: &str = "DATAPLANES_INSIDE";

/// The flags by which `unshare` makes the namespaces: as anybody where users may, or else as root. The process inside is the
/// first one there: with it the kernel ends all that it has started.
const NAMESPACES: [&[&str]; 2] = [
    &["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"],
    &["--net", "--mount", "--pid", "--fork", "--kill-child"],
];

/// Each test is a whole cluster; one at a time is enough for a small machine.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `body` inside. `test` is the path of the calling test, by which the program inside finds it again.
pub(crate) fn inside<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Programs) -> F) {
    let Some(programs) = Programs::for_tests() else { return };
    if env::var_os(INSIDE).is_some() {
        set_up();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(body(programs));
        // What is still at work is not waited for.
        runtime.shutdown_background();
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let name = test.split_once("::").map_or(test, |(_, name)| name);
    // Processes are numbered from 1 there; so folders that are named by number need one of their own to be in. Its name is
    // short, as paths of sockets are.
    let folder = Folder(env::temp_dir().join(format!("dataplanes-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let mut command = unshare();
    command
        .env("TMPDIR", &folder.0)
        .arg("--")
        .arg(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .env("RUST_BACKTRACE", "0");
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(variable);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} failed inside:\n{said}");
    assert!(said.contains("1 passed"), "{name} was not found inside:\n{said}");
}

/// Goes when it is dropped, with all that is in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The path of the function that this is written in, as the test harness knows it.
macro_rules! this_test {
    () => {{
        fn here() {}
        std::any::type_name_of_val(&here).trim_end_matches("::here")
    }};
}
pub(crate) use this_test;

fn unshare() -> Command {
    for flags in NAMESPACES {
        let tried = Command::new("unshare").args(flags).args(["--", "true"]).output().unwrap();
        if tried.status.success() {
            let mut command = Command::new("unshare");
            command.args(flags);
            return command;
        }
    }
    panic!("this machine has no namespaces for tests: run them as root, or let users make namespaces")
}

/// Makes the addresses local, and the sandbox's DNS the one that is asked; the machine's own network and files are what they
/// were.
fn set_up() {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    };
    run("ip", &["link", "set", "lo", "up"]);
    for range in [POD_RANGE, SERVICE_RANGE] {
        run("ip", &["route", "add", "local", range, "dev", "lo"]);
    }
    let names = env::temp_dir().join("resolv.conf");
    fs::write(&names, sandbox::resolv_conf(DNS, "flagger-system")).unwrap();
    run("mount", &["--bind", &names.to_string_lossy(), "/etc/resolv.conf"]);
}
