//! The operator as a process of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::stage::Stage;

/// Clock ticks in a second as `/proc` counts them.
const TICKS_PER_SEC: f64 = 100.0;

/// Builds the program as it is shipped; its path.
pub(super) fn build(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--profile", "dist", "--package", "flagger", "--no-default-features"])
        .current_dir(root)
        .status();
    if !status.context("failed to start cargo")?.success() {
        bail!("failed to build flagger");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("dist/flagger"))
}

/// It ends with this value.
pub(super) struct Operator {
    process: Child,
    log: PathBuf,
}

impl Operator {
    pub(super) fn start(flagger: &Path, stage: &Stage, flags: &[&str]) -> Result<Self> {
        let log = stage.folder().join("flagger.log");
        let process = Command::new(flagger)
            .arg(format!("-kubeconfig={}", stage.kubeconfig().display()))
            .arg(format!("-metrics-server={}", stage.prometheus()))
            .args(["-mesh-provider=gatewayapi:v1", "-log-level=info", "-port=0"])
            .args(flags)
            .stdout(Stdio::null())
            .stderr(File::create(&log).context("failed to open a log")?)
            .spawn()
            .with_context(|| format!("failed to start {}", flagger.display()))?;
        Ok(Self { process, log })
    }

    /// Its resident memory.
    pub(super) fn memory_mib(&self) -> Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS is no number")?;
        Ok(kibibytes / 1024.0)
    }

    /// The processor time that it took so far.
    pub(super) fn cpu_secs(&self) -> Result<f64> {
        let stat = self.read("stat")?;
        let fields = stat.rsplit_once(')').context("no process")?.1.split_whitespace();
        let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
        Ok(ticks / TICKS_PER_SEC)
    }

    /// Ends it in order.
    pub(super) fn stop(mut self) -> Result<()> {
        let status = Command::new("kill").arg(self.process.id().to_string()).status();
        status.context("failed to send a signal")?;
        let status = self.process.wait().context("failed to wait for the operator")?;
        if status.success() { Ok(()) } else { bail!("the operator ended with {status}, see {}", self.log.display()) }
    }

    fn read(&self, what: &str) -> Result<String> {
        fs::read_to_string(format!("/proc/{}/{what}", self.process.id()))
            .with_context(|| format!("the operator has ended, see {}", self.log.display()))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // One that has ended already can't be ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
