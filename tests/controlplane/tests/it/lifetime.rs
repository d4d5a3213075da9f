//! How a control plane starts and ends, and what is said when it can't.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use controlplane::{ControlPlane, Error, Options, Programs};
use serde_json::Value;

use crate::stage::within;

/// Programs that understand none of their arguments.
fn impostors() -> Programs {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("impostors");
    fs::create_dir_all(&folder).unwrap();
    for program in ["etcd", "kube-apiserver", "kube-controller-manager"] {
        match symlink("/bin/ls", folder.join(program)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => panic!("{error}"),
            _ => {}
        }
    }
    Programs::of_folder(&folder)
}

#[tokio::test]
async fn a_program_that_ends_is_named_with_its_last_words() {
    let said = ControlPlane::start(Options::new(impostors())).await.unwrap_err().to_string();
    assert!(said.contains(" ended by itself (exit status: "), "{said}");
    assert!(said.contains("; its last words: ") && said.contains("unrecognized option"), "{said}");
    assert_eq!(said.lines().count(), 1);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let options = Options { port: Some(port), ..Options::new(impostors()) };
    let error = ControlPlane::start(options).await.unwrap_err();
    assert!(matches!(error, Error::PortTaken(taken) if taken == port), "{error}");
}

#[tokio::test]
async fn a_control_plane_that_dies_is_noticed() {
    let Some(programs) = Programs::for_tests() else { return };
    let plane = ControlPlane::start(Options::new(programs)).await.unwrap();
    plane.check().unwrap();
    let etcd = processes(plane.folder()).into_iter().find(|(_, line)| line.contains("--unsafe-no-fsync")).unwrap().0;
    assert!(Command::new("kill").args(["-KILL", &etcd]).status().unwrap().success());
    assert!(matches!(within(plane.ended()).await, Error::Died { program: "etcd", .. }));
    let folder = plane.folder().to_owned();
    drop(plane);
    assert_eq!(processes(&folder), []);
    assert!(!folder.exists());
}

#[tokio::test]
async fn kubectl_is_of_the_same_release() {
    let Some(plane) = ControlPlane::for_tests().await else { return };
    // Those who bring programs of their own may have none.
    let Some(mut kubectl) = plane.kubectl() else { return };
    let output = kubectl.args(["version", "-o", "json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["clientVersion"]["gitVersion"], said["serverVersion"]["gitVersion"], "{said}");
}

#[tokio::test]
async fn nothing_is_left_running_when_its_owner_is_killed() {
    if Programs::for_tests().is_none() {
        return;
    }
    let mut owner = Command::new(env!("CARGO_BIN_EXE_controlplane-up")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let folder = Path::new(line.trim()).parent().unwrap();
    assert_eq!(processes(folder).len(), 3, "etcd, kube-apiserver, kube-controller-manager");
    owner.kill().unwrap();
    owner.wait().unwrap();
    let gone = async {
        while !processes(folder).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(gone).await;
    // The next control plane that starts does this, and one of another test may have.
    let _ = fs::remove_dir_all(folder);
}

/// The processes that have this folder in their arguments: number and command line.
fn processes(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let number = entry.file_name().to_string_lossy().into_owned();
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if number.bytes().all(|byte| byte.is_ascii_digit()) && line.contains(&*folder.to_string_lossy()) {
            found.push((number, line));
        }
    }
    found
}
