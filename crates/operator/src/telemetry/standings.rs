//! How every canary stands, as series in Prometheus' text format.
//!
//! Each canary of a fleet has these four whether it does anything or not. As gauges of the library they would take some
//! kilobytes, most of it copies of their names, labels and help, so they are kept as what they say.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::Phase;

use crate::places::Places;

/// The standing of each target.
#[derive(Debug, Default)]
pub(super) struct Standings(Mutex<Places<Standing>>);

/// What has been told of one target.
#[derive(Debug, Default)]
struct Standing {
    status: Option<i64>,
    phase: Option<Phase>,
    /// Of the primary and of the canary.
    weights: Option<(i64, i64)>,
}

impl Standings {
    pub(super) fn status(&self, name: &str, namespace: &str, value: i64) {
        self.lock().entry(namespace, name).status = Some(value);
    }

    pub(super) fn phase(&self, name: &str, namespace: &str, phase: Phase) {
        self.lock().entry(namespace, name).phase = Some(phase);
    }

    pub(super) fn weights(&self, name: &str, namespace: &str, primary: i64, canary: i64) {
        self.lock().entry(namespace, name).weights = Some((primary, canary));
    }

    pub(super) fn forget(&self, name: &str, namespace: &str) {
        self.lock().remove(namespace, name);
    }

    /// Adds all series to `text`.
    pub(super) fn write(&self, text: &mut String) {
        let standings = self.lock();
        family(text, "canary_status", "Last known status: 0 running, 1 successful, 2 failed");
        for (namespace, name, standing) in standings.iter() {
            if let Some(value) = standing.status {
                series(text, "canary_status", [("name", name, ""), ("namespace", namespace, "")], value);
            }
        }
        family(text, "canary_phase", "1 for the phase that the canary is in");
        for (namespace, name, standing) in standings.iter() {
            if let Some(phase) = standing.phase {
                let labels = [("name", name, ""), ("namespace", namespace, ""), ("phase", phase.as_str(), "")];
                series(text, "canary_phase", labels, 1);
            }
        }
        family(text, "canary_weight", "Share of the traffic in percent");
        for (namespace, name, standing) in standings.iter() {
            if let Some((primary, canary)) = standing.weights {
                series(text, "canary_weight", [("namespace", namespace, ""), ("workload", name, "-primary")], primary);
                series(text, "canary_weight", [("namespace", namespace, ""), ("workload", name, "")], canary);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places<Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn family(text: &mut String, name: &str, help: &str) {
    // Writing to a `String` can't fail.
    let _ = write!(text, "# HELP flagger_{name} {help}\n# TYPE flagger_{name} gauge\n");
}

/// One line. A label has a name, a value and what follows the value.
fn series<const N: usize>(text: &mut String, name: &str, labels: [(&str, &str, &str); N], value: i64) {
    let _ = write!(text, "flagger_{name}");
    for (at, (label, start, end)) in labels.into_iter().enumerate() {
        let _ = write!(text, "{}{label}=\"", if at == 0 { '{' } else { ',' });
        for letter in start.chars().chain(end.chars()) {
            match letter {
                '\\' | '"' => text.extend(['\\', letter]),
                '\n' => text.push_str("\\n"),
                _ => text.push(letter),
            }
        }
        text.push('"');
    }
    let _ = writeln!(text, "}} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_none_break_no_line() {
        let standings = Standings::default();
        standings.status("a\"b\\c\nd", "test", 1);
        let mut text = String::new();
        standings.write(&mut text);
        assert!(text.contains("flagger_canary_status{name=\"a\\\"b\\\\c\\nd\",namespace=\"test\"} 1\n"), "{text}");
    }
}
