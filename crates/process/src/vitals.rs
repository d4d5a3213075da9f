//! What the kernel says about this process, under the names that Prometheus' clients use.
//!
//! Read from `/proc`; elsewhere than on Linux the series stay at zero.

use std::fs;

use prometheus::core::Collector;
use prometheus::{Counter, Gauge, Registry};

/// Clock ticks in a second as `/proc` counts them: a constant of the kernel's interface (`USER_HZ`).
const TICKS_PER_SEC: f64 = 100.0;

/// The process's own series.
#[derive(Debug)]
pub struct Process {
    cpu_secs: Counter,
    memory: Gauge,
    virtual_memory: Gauge,
    threads: Gauge,
    files: Gauge,
    files_max: Gauge,
    started: Gauge,
}

impl Process {
    /// Adds the series to `registry`.
    pub fn new(registry: &Registry) -> Self {
        let gauge = |name, help| {
            let gauge = Gauge::new(name, help).expect("the name is valid");
            register(registry, Box::new(gauge.clone()));
            gauge
        };
        let cpu_secs = Counter::new("process_cpu_seconds_total", "User and system CPU time spent in seconds")
            .expect("the name is valid");
        register(registry, Box::new(cpu_secs.clone()));
        Self {
            cpu_secs,
            memory: gauge("process_resident_memory_bytes", "Resident memory in bytes"),
            virtual_memory: gauge("process_virtual_memory_bytes", "Virtual memory in bytes"),
            threads: gauge("process_threads", "Operating system threads"),
            files: gauge("process_open_fds", "Open file descriptors"),
            files_max: gauge("process_max_fds", "Most file descriptors that may be open"),
            started: gauge("process_start_time_seconds", "Start of the process in seconds since the epoch"),
        }
    }

    /// Looks again.
    pub fn refresh(&self) {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
            self.cpu_secs.inc_by((stat.cpu_secs - self.cpu_secs.get()).max(0.0));
            self.threads.set(stat.threads);
            self.started.set(boot_time().unwrap_or_default() + stat.started_secs);
        }
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            self.memory.set(kibibytes(&status, "VmRSS:").unwrap_or_default());
            self.virtual_memory.set(kibibytes(&status, "VmSize:").unwrap_or_default());
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            self.files.set(float(files.count()));
        }
        if let Ok(limits) = fs::read_to_string("/proc/self/limits") {
            self.files_max.set(open_files(&limits).unwrap_or_default());
        }
    }
}

/// Adds a series to a registry of the program's own, in which there is none of its name.
pub fn register(registry: &Registry, collector: Box<dyn Collector>) {
    registry.register(collector).expect("each series is registered once, in a registry of our own");
}

/// The numbers of `/proc/self/stat` that we tell.
struct Stat {
    cpu_secs: f64,
    threads: f64,
    /// Since the machine was booted.
    started_secs: f64,
}

impl Stat {
    /// The fields are counted after the program's name, which is in parentheses and may contain anything.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<f64> =
            text.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
        let (user, system) = (fields.get(11)?, fields.get(12)?);
        Some(Self {
            cpu_secs: (user + system) / TICKS_PER_SEC,
            threads: *fields.get(17)?,
            started_secs: fields.get(19)? / TICKS_PER_SEC,
        })
    }
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn kibibytes(status: &str, field: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kibibytes| kibibytes * 1024.0)
}

fn open_files(limits: &str) -> Option<f64> {
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?;
    soft.parse().ok()
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let text =
            "7 (odd) name) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 123400 1000 200 18446744073709551615";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.cpu_secs, stat.threads, stat.started_secs), (3.0, 9.0, 1234.0));
    }

    #[test]
    fn sizes_and_limits_are_read() {
        assert_eq!(kibibytes("VmSize:\t  100 kB\nVmRSS:\t   12 kB\n", "VmRSS:"), Some(12288.0));
        assert_eq!(
            open_files("Max cpu time  unlimited unlimited seconds\nMax open files  1024  4096  files\n"),
            Some(1024.0)
        );
    }
}
