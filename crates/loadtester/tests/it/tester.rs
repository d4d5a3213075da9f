//! The program as a process, and somebody who calls it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use http::Request;
use process::web::{Options, Web};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long anything may take on a machine that builds at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running load tester; it is killed with its test.
pub(crate) struct Tester {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
}

/// The lines that it has logged.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<Value>>,
    more: Condvar,
}

/// Status and body of an answer.
pub(crate) type Answer = (u16, String);

impl Tester {
    /// Starts it on a free port, with further words for its command line.
    pub(crate) fn start(words: &[&str]) -> Self {
        Self::start_with(words, |_| {})
    }

    pub(crate) fn start_with(words: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtester"));
        command.args(words).args(["-port", "0"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().expect("the program starts");
        let log = Arc::new(Log::default());
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in lines.map_while(Result::ok) {
                    let line = serde_json::from_str(&line).unwrap_or_else(|_| json!({ "msg": line }));
                    log.lines.lock().unwrap().push(line);
                    log.more.notify_all();
                }
            }
        });
        let mut tester = Self { child, address: ([127, 0, 0, 1], 0).into(), log };
        let started = tester.logged(|line| line["msg"].as_str().is_some_and(|said| said.starts_with("starting")));
        tester.address.set_port(started["port"].as_u64().unwrap().try_into().unwrap());
        tester
    }

    /// The first logged line that is as asked, once there is one.
    pub(crate) fn logged(&self, what: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| what(line)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no such line among {lines:#?}");
            lines = self.log.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// How many logged lines say this.
    pub(crate) fn said(&self, msg: &str) -> usize {
        self.log.lines.lock().unwrap().iter().filter(|line| line["msg"] == msg).count()
    }

    /// Posts a webhook of canary `cart` in namespace `shop`.
    pub(crate) fn hook(&self, path: &str, metadata: &Value) -> Answer {
        self.post(path, &payload("shop", metadata).to_string())
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.ask(Request::post(path), body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path), "")
    }

    /// Sends a request whose URI is a path.
    pub(crate) fn ask(&self, request: http::request::Builder, body: &str) -> Answer {
        let mut request = request.body(body.as_bytes().to_vec()).unwrap();
        *request.uri_mut() = format!("http://{}{}", self.address, request.uri()).parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let response = runtime.block_on(Web::new().send(request, &Options::within(PATIENCE))).unwrap();
        (response.status().as_u16(), String::from_utf8(response.into_body()).unwrap())
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        assert!(Command::new("sh").args(["-c", &format!("kill {}", self.child.id())]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        until(|| self.child.try_wait().unwrap())
    }
}

impl Drop for Tester {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a webhook of canary `cart` says.
pub(crate) fn payload(namespace: &str, metadata: &Value) -> Value {
    json!({"name": "cart", "namespace": namespace, "phase": "Progressing", "checksum": "1a", "metadata": metadata})
}

/// Looks until there is something to be seen.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A folder that nobody else uses, not even another test of this name.
pub(crate) fn folder(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
