//! What a sandbox tells, written down without what differs from run to run.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::files::Error;

/// Standard errors that a measured share may be off its weight: one in sixteen thousand honest steps is further off.
const SIGMAS: f64 = 4.0;

/// What depends on how fast pods come and go.
const PASSING: [&str; 4] =
    [" not ready: ", "waiting for rollout to finish", "no values found", "Routing all traffic to primary"];

/// A measured value before its bound.
static MEASURED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9.]+(%|m?s)? ([<>]) ").expect("the pattern is a constant"));

/// The files `events` and `shares`.
pub(crate) struct Ledger {
    events: File,
    shares: File,
    last: String,
}

impl Ledger {
    /// Opens both, empty.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let create = |name: &str| {
            let path = folder.join(name);
            File::create(&path).map_err(|source| Error::File { path, source })
        };
        Ok(Self { events: create("events")?, shares: create("shares")?, last: String::new() })
    }

    /// Writes a line down where it belongs.
    pub(crate) fn note(&mut self, line: &Value) {
        let (file, text) = match line["kind"].as_str() {
            Some("event") => (&mut self.events, event(line)),
            Some("step") => (&mut self.shares, Some(step(line))),
            _ => return,
        };
        // How often the same is said of a step depends on the speed of the machine, too.
        if let Some(text) = text.filter(|text| *text != self.last) {
            // What is missing shows in what is compared.
            let _ = writeln!(file, "{text}");
            self.last = text;
        }
    }
}

/// Its type and what it says, unless that depends on the speed of the machine.
fn event(line: &Value) -> Option<String> {
    let message = line["message"].as_str().unwrap_or_default();
    if PASSING.iter().any(|passing| message.contains(passing)) {
        return None;
    }
    let message = MEASURED.replace(message, "<measured> $2 ");
    Some(format!("{:<7}  {}", line["type"].as_str().unwrap_or_default(), message))
}

/// The weight that was held, and whether the requests were shared so.
fn step(line: &Value) -> String {
    let number = |field: &str| line[field].as_f64().unwrap_or_default();
    let (weight, measured) = (number("weight"), number("measured"));
    let share = weight / 100.0;
    let error = SIGMAS * 100.0 * (share * (1.0 - share) / number("requests").max(1.0)).sqrt();
    let verdict = if (measured - weight).abs() <= error { "as configured" } else { "off" };
    let canary = line["canary"].as_str().unwrap_or_default();
    format!("{canary} release {} weight {weight} %: {verdict}", line["release"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_kept_without_what_was_measured_and_without_what_passes() {
        let told = |message: &str| event(&json!({"type": "Warning", "message": message}));
        let halt = told("Halt podinfo.test advancement success rate 69.17% < 99%");
        assert_eq!(halt.as_deref(), Some("Warning  Halt podinfo.test advancement success rate <measured> < 99%"));
        let slow = told("Halt podinfo.test advancement request duration 1.515s > 500ms");
        assert_eq!(slow.as_deref(), Some("Warning  Halt podinfo.test advancement request duration <measured> > 500ms"));
        assert_eq!(told("podinfo-primary.test not ready: waiting for rollout to finish: 1 of 2"), None);
    }

    #[test]
    fn a_share_that_no_chance_explains_is_off() {
        let told = |measured: f64| {
            step(&json!({"canary": "a.b", "release": 1, "weight": 20, "measured": measured, "requests": 1000}))
        };
        assert_eq!(told(22.0), "a.b release 1 weight 20 %: as configured");
        assert_eq!(told(50.0), "a.b release 1 weight 20 %: off");
    }
}
