//! What containers wrote, for `kubectl logs`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use crate::cluster::Id;

/// Lines kept of each container; older ones are forgotten.
const LINES: usize = 1000;

/// The logs of all pods. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<HashMap<Id, Containers>>>);

/// The logs of a pod, by container.
type Containers = BTreeMap<String, Written>;

/// A line and when it was written.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) text: String,
}

/// One container's log.
struct Written {
    lines: VecDeque<Line>,
    /// How many lines there ever were; whoever follows the log hears of each, and of its end.
    count: watch::Sender<usize>,
}

impl Default for Written {
    fn default() -> Self {
        Self { lines: VecDeque::new(), count: watch::Sender::new(0) }
    }
}

/// Lines of a log, and how to hear of more.
pub(crate) struct Excerpt {
    pub(crate) lines: Vec<Line>,
    /// How many lines there have been up to the end of this excerpt.
    pub(crate) end: usize,
    /// Changes with each line, and closes when the pod is gone.
    pub(crate) news: watch::Receiver<usize>,
}

/// One container's log, to write to.
#[derive(Clone)]
pub(crate) struct Log {
    logs: Logs,
    pod: Id,
    container: String,
}

impl Logs {
    /// Everything that is kept of the logs of a pod.
    pub(crate) fn read(&self, namespace: &str, name: &str) -> Option<String> {
        self.with(|logs| {
            let lines = logs.get(&Id::new(namespace, name))?.values().flat_map(|written| &written.lines);
            Some(lines.flat_map(|line| [line.text.as_str(), "\n"]).collect())
        })
    }

    /// What is kept of a container's log after its first `skip` lines; `None` when there is no such container.
    pub(super) fn excerpt(&self, pod: &Id, container: &str, skip: usize) -> Option<Excerpt> {
        self.with(|logs| {
            let written = logs.get(pod)?.get(container)?;
            let (end, news) = (*written.count.borrow(), written.count.subscribe());
            let forgotten = end - written.lines.len();
            let lines = written.lines.iter().skip(skip.saturating_sub(forgotten)).cloned().collect();
            Some(Excerpt { lines, end, news })
        })
    }

    pub(super) fn of(&self, pod: Id, container: &str) -> Log {
        Log { logs: self.clone(), pod, container: container.to_owned() }
    }

    pub(super) fn forget(&self, pod: &Id) {
        self.with(|logs| logs.remove(pod));
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<Id, Containers>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Log {
    /// Writes a line as podinfo does: a JSON object.
    pub(crate) fn write(&self, now: Timestamp, level: &str, message: &str, about: &str) {
        let text = json!({"level": level, "ts": now.to_string(), "msg": message, "about": about}).to_string();
        self.logs.with(|logs| {
            let containers = logs.entry(self.pod.clone()).or_default();
            let written = containers.entry(self.container.clone()).or_default();
            if written.lines.len() == LINES {
                written.lines.pop_front();
            }
            written.lines.push_back(Line { at: now, text });
            written.count.send_modify(|count| *count += 1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_end() {
        let logs = Logs::default();
        let pod = Id::new("test", "a");
        let log = logs.of(pod.clone(), "podinfo");
        (0..=LINES).for_each(|number| log.write(Timestamp::UNIX_EPOCH, "info", &format!("line {number}"), ""));
        let text = logs.read("test", "a").unwrap();
        assert!(!text.contains("line 0\"") && text.contains(&format!("line {LINES}\"")));
        let excerpt = logs.excerpt(&pod, "podinfo", LINES).unwrap();
        assert_eq!((excerpt.lines.len(), excerpt.end), (1, LINES + 1));
        logs.forget(&pod);
        assert_eq!(logs.read("test", "a"), None);
        assert!(excerpt.news.has_changed().is_err(), "who follows the log hears of its end");
    }
}
