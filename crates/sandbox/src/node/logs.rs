//! What containers wrote, for `kubectl logs`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::json;

use crate::cluster::Id;

/// Lines kept of each pod; older ones are forgotten.
const LINES: usize = 1000;

/// The logs of all pods. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<HashMap<Id, VecDeque<String>>>>);

/// One pod's log, to write to.
#[derive(Clone)]
pub(crate) struct Log {
    logs: Logs,
    pod: Id,
}

impl Logs {
    /// Everything that is kept of a pod's log.
    pub(crate) fn read(&self, namespace: &str, name: &str) -> Option<String> {
        let lines = |log: &VecDeque<String>| log.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        self.with(|logs| logs.get(&Id::new(namespace, name)).map(lines))
    }

    pub(super) fn of(&self, pod: Id) -> Log {
        Log { logs: self.clone(), pod }
    }

    pub(super) fn forget(&self, pod: &Id) {
        self.with(|logs| logs.remove(pod));
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<Id, VecDeque<String>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Log {
    /// Writes a line as podinfo does: a JSON object.
    pub(crate) fn write(&self, now: Timestamp, level: &str, message: &str, about: &str) {
        let line = json!({"level": level, "ts": now.to_string(), "msg": message, "about": about}).to_string();
        self.logs.with(|logs| {
            let log = logs.entry(self.pod.clone()).or_default();
            if log.len() == LINES {
                log.pop_front();
            }
            log.push_back(line);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_end() {
        let logs = Logs::default();
        let log = logs.of(Id::new("test", "a"));
        (0..=LINES).for_each(|number| log.write(Timestamp::UNIX_EPOCH, "info", &format!("line {number}"), ""));
        let text = logs.read("test", "a").unwrap();
        assert!(!text.contains("line 0\"") && text.contains(&format!("line {LINES}\"")));
        logs.forget(&Id::new("test", "a"));
        assert_eq!(logs.read("test", "a"), None);
    }
}
