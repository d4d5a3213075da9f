//! A child process under bounds: its own process group, which never outlives it, so much time and so much output.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::fmt::Write;
use std::io::{self, pipe};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use ::api::duration;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::timeout;

/// How much of the output is kept at its start, and as much at its end.
const OUTPUT_PART_MAX: usize = 32 * 1024;

/// How long a group that was killed may take to be gone.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// What every command gets of our environment: what programs need to find each other, their home, the cluster and the way to
/// the network. Everything else may hold secrets that a command has no business with.
const ENV: [&str; 24] = [
    "ALL_PROXY",
    "HOME",
    "HOSTNAME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "KUBERNETES_SERVICE_PORT_HTTPS",
    "LANG",
    "LC_ALL",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) args: Vec<String>,
}

/// How a child ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What it printed on stdout and stderr, in its order, shortened in the middle.
    pub(super) output: String,
    /// Why it did not succeed.
    pub(super) failure: Option<String>,
}

/// Runs the program until it is done and its output is closed, or until the time is over. Whatever it leaves running in its
/// group ends with it; so does all of it when the future is dropped. Its requests go through the proxy if there is one.
pub(super) async fn run(
    program: &Program,
    extra_env: &[String],
    proxy: Option<&str>,
    limit: Duration,
) -> io::Result<Ended> {
    let mut deaths = signal(SignalKind::child())?;
    let (reader, writer) = pipe()?;
    let mut command = Command::new(&program.name);
    command.args(&program.args).env_clear().envs(environment(extra_env)).process_group(0);
    command.envs(proxy.map(|proxy| ("http_proxy", proxy)));
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut group = Group::of(command.spawn()?)?;
    // Its ends of the pipe are the child's alone now.
    drop(command);
    let mut reader = Receiver::from_owned_fd(reader.into())?;
    let mut output = Output::default();
    let done = timeout(limit, async { tokio::join!(output.read(&mut reader), group.ended(&mut deaths)) }).await;
    group.kill();
    let in_time = done.is_ok();
    // What was killed is gone in a moment; a process that even the kernel can't end is left to it.
    let _ = timeout(KILL_GRACE, group.ended(&mut deaths)).await;
    let status = group.reap()?;
    let failure = match status {
        _ if !in_time => Some(format!("timed out after {}", duration::format(limit))),
        Some(status) => reason(status),
        None => Some("it does not end".to_owned()),
    };
    Ok(Ended { output: output.text(), failure })
}

/// The environment of commands.
fn environment(extra: &[String]) -> impl Iterator<Item = (OsString, OsString)> {
    let all = extra.iter().any(|name| name == "*");
    let extra: Vec<OsString> = extra.iter().map(OsString::from).collect();
    env::vars_os().filter(move |(name, _)| all || extra.contains(name) || ENV.iter().any(|usual| name == usual))
}

/// Why a status is no success, in the words of the original.
fn reason(status: ExitStatus) -> Option<String> {
    match (status.success(), status.code(), status.signal()) {
        (true, ..) => None,
        (_, Some(code), _) => Some(format!("exit status {code}")),
        (_, _, Some(9)) => Some("signal: killed".to_owned()),
        (_, _, Some(15)) => Some("signal: terminated".to_owned()),
        (_, _, signal) => Some(format!("signal: {}", signal.unwrap_or_default())),
    }
}

/// A child and all that it starts.
struct Group {
    child: Option<Child>,
    id: Pid,
}

impl Group {
    fn of(child: Child) -> io::Result<Self> {
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Ok(Self { id: id.ok_or_else(|| io::Error::other("the process has no id"))?, child: Some(child) })
    }

    /// Waits until the child has ended. It is not reaped: until then its id, and so that of the group, belongs to nobody else.
    async fn ended(&self, deaths: &mut Signals) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(self.id), options), Ok(None)) {
            deaths.recv().await;
        }
    }

    fn kill(&self) {
        // A group that is gone already is as good.
        let _ = kill_process_group(self.id, Signal::KILL);
    }

    /// How the child ended, if it has.
    fn reap(&mut self) -> io::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.kill();
            // It is gone in a moment, for which nobody has to wait here.
            std::thread::spawn(move || child.wait());
        }
    }
}

/// The start and the end of what was printed.
#[derive(Debug, Default)]
struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: usize,
}

impl Output {
    /// Reads until the other side is closed. What can't be read any more is as good as the end.
    async fn read(&mut self, reader: &mut Receiver) {
        let mut chunk = vec![0; 8 * 1024];
        while let Ok(length @ 1..) = reader.read(&mut chunk).await {
            self.push(chunk.get(..length).unwrap_or_default());
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = (OUTPUT_PART_MAX - self.head.len()).min(bytes.len());
        let (head, tail) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.tail.extend(tail);
        let excess = self.tail.len().saturating_sub(OUTPUT_PART_MAX);
        self.tail.drain(..excess);
        self.left_out += excess;
    }

    fn text(mut self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if 0 < self.left_out {
            // Writing to a `String` can't fail.
            let _ = write!(text, "\n[{} bytes left out]\n", self.left_out);
        }
        text.push_str(&String::from_utf8_lossy(self.tail.make_contiguous()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(line: &str) -> Program {
        Program { name: "bash".to_owned(), args: vec!["-c".to_owned(), line.to_owned()] }
    }

    async fn ended(line: &str, limit: Duration) -> (String, Option<String>) {
        let ended = run(&bash(line), &[], None, limit).await.unwrap();
        (ended.output, ended.failure)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn output_and_status_are_told_in_order() {
        assert_eq!(ended("echo a; echo b >&2; echo c", LONG).await, ("a\nb\nc\n".to_owned(), None));
        assert_eq!(ended("echo no; exit 3", LONG).await, ("no\n".to_owned(), Some("exit status 3".to_owned())));
        assert_eq!(ended("kill -9 $$", LONG).await.1.as_deref(), Some("signal: killed"));
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_ends_with_all_that_it_started() {
        let mut limit = Duration::from_millis(100);
        // On a busy machine it may not have begun by then.
        let inner = loop {
            let (output, failure) = ended("sleep 600 & echo $!; wait", limit).await;
            assert_eq!(failure, Some(format!("timed out after {}", duration::format(limit))));
            if let Ok(inner) = output.trim().parse::<u32>() {
                break format!("/proc/{inner}/stat");
            }
            limit *= 2;
        };
        let deadline = tokio::time::Instant::now() + LONG;
        // Somebody else's zombie at most.
        while std::fs::read_to_string(&inner).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(tokio::time::Instant::now() < deadline, "it still runs");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn much_output_is_shortened_in_the_middle() {
        let (output, failure) =
            ended("echo first; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo last", LONG).await;
        assert_eq!(failure, None);
        assert!(output.starts_with("first\n") && output.ends_with("\nlast\n"));
        assert!(output.len() < 3 * OUTPUT_PART_MAX);
        assert!(output.contains(" bytes left out]"));
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_an_error() {
        let program = Program { name: "no-such-program".to_owned(), args: Vec::new() };
        assert_eq!(run(&program, &[], None, LONG).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn commands_get_only_a_few_variables_unless_told_otherwise() {
        let env = Program { name: "env".to_owned(), args: Vec::new() };
        let got = run(&env, &[], None, LONG).await.unwrap().output;
        assert!(got.contains("PATH=") && !got.contains("CARGO_PKG_NAME="), "{got}");
        let got = run(&env, &["CARGO_PKG_NAME".to_owned()], None, LONG).await.unwrap().output;
        assert!(got.contains("CARGO_PKG_NAME=flagger-loadtester") && !got.contains("CARGO_PKG_VERSION="), "{got}");
        let got = run(&env, &["*".to_owned()], None, LONG).await.unwrap().output;
        assert!(got.contains("CARGO_PKG_VERSION="), "{got}");
        let got = run(&env, &[], Some("http://a.b@127.0.0.1:1"), LONG).await.unwrap().output;
        assert!(got.contains("http_proxy=http://a.b@127.0.0.1:1\n"), "{got}");
    }
}
