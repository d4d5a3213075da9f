//! What is left of an output when everything is taken out that differs from run to run.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::transcript::Said;

/// What a case's own namespace is called in recordings. It is as long as those that are played in, so that columns stay.
const SPACE: &str = "team-namespace";

/// What a case has shown so far, by which the rest is named.
pub(crate) struct Names {
    space: String,
    uids: Vec<String>,
    hashes: Vec<String>,
}

impl Names {
    pub(crate) fn new(space: &str) -> Self {
        Self { space: space.to_owned(), uids: Vec::new(), hashes: Vec::new() }
    }

    /// The same without what differs from run to run.
    pub(crate) fn plain(&mut self, said: &Said) -> Said {
        Said { output: self.text(&said.output), errors: self.text(&said.errors), code: said.code }
    }

    fn text(&mut self, text: &str) -> String {
        let text = NOISE.replace_all(text, "").replace(&self.space, SPACE);
        let text = numbered(&UID, &text, "uid", &mut self.uids);
        let text = POD.replace_all(&text, "${1}-<random>");
        let text = numbered(&HASH, &text, "hash", &mut self.hashes);
        let replaced = [(&*FOLDER, "<folder>/"), (&*TIME, "<time>"), (&*REVISION, "${1}<revision>")]
            .into_iter()
            .fold(text, |text, (pattern, with)| pattern.replace_all(&text, with).into_owned());
        let replaced = ADDRESS.replace_all(&replaced, "<address>");
        let lines = replaced.split('\n').map(|line| without_ages(line, AGES.is_match(&replaced)));
        let lines: Vec<String> = lines.collect();
        // Where columns are as wide as what was taken out, only their order is left.
        let lines = if lines.iter().any(|line| UNEVEN.is_match(line)) {
            lines.iter().map(|line| without_gaps(line)).collect()
        } else {
            lines
        };
        lines.join("\n")
    }
}

/// Replaces what is found, in its first group or all of it, by a name and a number from 1, in the order of appearance.
fn numbered(pattern: &Regex, text: &str, name: &str, known: &mut Vec<String>) -> String {
    let number = |found: &Captures<'_>| {
        let (whole, one) = (&found[0], found.get(1).map_or(&found[0], |group| group.as_str()));
        let place = known.iter().position(|known| known == one).unwrap_or_else(|| {
            known.push(one.to_owned());
            known.len() - 1
        });
        whole.replace(one, &format!("<{name} {}>", place + 1))
    };
    pattern.replace_all(text, number).into_owned()
}

/// Replaces what is said to be an age, and what stands in a column by itself if there are columns of ages.
fn without_ages(line: &str, columns: bool) -> String {
    let line = ELSEWHERE.replace_all(line, "${1}<age>${2})");
    if !columns {
        return line.into_owned();
    }
    // Neighbours share the space between them, which one pass can't see twice.
    let once = AGE.replace_all(&line, "${1}<age>${2}");
    AGE.replace_all(&once, "${1}<age>${2}").into_owned()
}

/// Cuts the space between columns to three blanks; the indentation stays.
fn without_gaps(line: &str) -> String {
    let (indentation, rest) = line.split_at(line.len() - line.trim_start().len());
    format!("{indentation}{}", GAP.replace_all(rest, "   "))
}

macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $pattern:expr;)*) => {$(
        $(#[$doc])*
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("the pattern is a constant"));
    )*};
}

patterns! {
    /// What the client logs when its own deadline ends a watch: now this, now that, or nothing.
    NOISE = r"(?m)^[EIW]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ reflector\.go:.*\n";
    UID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    /// The generated end of a pod's name, after the hash of its template.
    POD = "(-[bcdfghjklmnpqrstvwxz2456789]{8,10})-[bcdfghjklmnpqrstvwxz2456789]{5}\\b";
    /// The hash of a template, at the end of a name or in a label.
    HASH = "(?:[a-z]-|pod-template-hash[\":= ]+)([bcdfghjklmnpqrstvwxz2456789]{8,10})\\b";
    /// What `kubectl diff` compares.
    FOLDER = r"\S*/(?:LIVE|MERGED)-\d+/";
    /// Times as in objects, in descriptions, and of files.
    TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000";
    REVISION = r#"(resourceVersion"?: ?"|Resource Version: +)\d+"#;
    ADDRESS = r"\b10\.\d+\.\d+\.\d+\b";
    /// A table, or a part of a description, with columns of ages.
    AGES = r"(?m)(^| )(AGE|LAST SEEN|Age)( |$)";
    /// An age in a column: not what follows the name of a field.
    AGE = r"(^|[^: ] {2,})(?:\d+[ydhms])+( {2,}| \(x|$)";
    /// Ages that stand elsewhere, and say so.
    ELSEWHERE = r"(\(| over )(?:\d+[ydhms])+( ago)?\)";
    /// Something that was taken out, with more columns behind it.
    UNEVEN = r"(?:<(?:age|address|random|time|hash \d+)>|<age>(?: ago)?\))  ";
    GAP = " {2,}";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        Names::new("team-000000001").text(text)
    }

    #[test]
    fn what_differs_from_run_to_run_is_taken_out() {
        let text = "NAME                  IP          AGE\nweb-7d9f8b6c5d-x7k2p  10.64.0.12  1m5s\n";
        assert_eq!(plain(text), "NAME   IP   AGE\nweb-<hash 1>-<random>   <address>   <age>\n");
        assert_eq!(plain("uid: 00000000-0000-0000-0000-00000000000a"), "uid: <uid 1>");
        assert_eq!(plain("LAST SEEN          N\n2s (x3 over 1m)    a\n"), "LAST SEEN   N\n<age> (x3 over <age>)   a\n");
        assert_eq!(plain("resourceVersion: \"12\""), "resourceVersion: \"<revision>\"");
        assert_eq!(plain("Started: Sat, 21 Nov 2026 18:46:03 +0000"), "Started: <time>");
        assert_eq!(plain("in team-000000001"), "in team-namespace");
    }

    #[test]
    fn everything_else_stays_with_its_columns() {
        let text = "NAME   DATA   AGE\na      1      5s\n";
        assert_eq!(plain(text), "NAME   DATA   AGE\na      1      <age>\n");
        assert_eq!(plain("interval: 10s"), "interval: 10s");
        assert_eq!(plain("  cpu:      100m\n  Age  B\n  a    10s\n"), "  cpu:      100m\n  Age  B\n  a    <age>\n");
        assert_eq!(plain("NAME   INTERVAL\nweb    10s\n"), "NAME   INTERVAL\nweb    10s\n");
    }
}
