//! A real Prometheus, and a page of metrics for it.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sandbox::ScrapeTarget;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

/// The program on this machine, `None` where there is none, which is said.
///
/// # Panics
/// With `DATAPLANES=required` in the environment, when there is none.
pub(super) fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join("prometheus")).find(|file| file.is_file());
    if found.is_none() {
        let missing = "there is no program prometheus; Debian's package of that name has it";
        assert!(env::var_os("DATAPLANES").is_none_or(|value| value != "required"), "{missing}");
        // Past the test harness, which hides what passing tests print. A closed stderr has nobody to be told.
        let _ = writeln!(io::stderr(), "left out: the metrics store beside a real Prometheus; {missing}");
    }
    found
}

/// A running Prometheus; it ends when this is dropped.
pub(super) struct Prometheus {
    child: Child,
    folder: PathBuf,
    addr: SocketAddr,
}

impl Prometheus {
    /// Starts it with these targets, which it scrapes as often as the sandbox does.
    pub(super) fn start(program: &Path, targets: &[ScrapeTarget]) -> Self {
        let folder = env::temp_dir().join(format!("setups-prometheus-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let listed: Value = targets.iter().map(target).collect();
        fs::write(folder.join("targets.json"), listed.to_string()).unwrap();
        let config = json!({
            "global": {"scrape_interval": "5s", "scrape_timeout": "4s"},
            "scrape_configs": [{"job_name": "sandbox", "file_sd_configs": [{"files": [folder.join("targets.json")]}]}],
        });
        fs::write(folder.join("prometheus.yaml"), config.to_string()).unwrap();
        // Nobody can tell it to take any free port and to say which.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let log = File::create(folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", folder.join("prometheus.yaml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
        command.arg(format!("--web.listen-address={addr}"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child, folder, addr }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What it has said, for a test that fails.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // One that has ended can't be killed, which is as good; nobody is left to be told.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn target(target: &ScrapeTarget) -> Value {
    let mut labels: serde_json::Map<String, Value> =
        target.labels.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    labels.insert("__metrics_path__".to_owned(), target.path.clone().into());
    json!({"targets": [target.addr.to_string()], "labels": labels})
}

/// A page that is served to whoever asks; it ends when this is dropped.
pub(super) struct Page {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Page {
    pub(super) async fn serve(text: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            while let Ok((mut stream, _)) = listener.accept().await {
                // Who asks is not looked at, and may have left.
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { addr, task }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.task.abort();
    }
}
