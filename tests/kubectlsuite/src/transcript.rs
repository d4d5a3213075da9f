//! What commands said, as text to read and to compare.
//!
//! ```text
//! $ kubectl get cm a
//! | configmap/a
//! ! an error
//! exit 1
//! ```
//!
//! A last line that doesn't end is followed by `\`.

use std::collections::BTreeMap;

/// The lines of each case, by its sentence.
pub type Recording = BTreeMap<String, Vec<String>>;

/// What came of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) output: String,
    pub(crate) errors: String,
    /// The exit code; nothing for one that was ended.
    pub(crate) code: Option<i32>,
}

impl Said {
    /// The lines of a transcript.
    pub(crate) fn lines(&self, command: &str) -> Vec<String> {
        let mut lines = vec![format!("$ {command}")];
        for (mark, text) in [('|', &self.output), ('!', &self.errors)] {
            lines.extend(text.lines().map(|line| format!("{mark} {line}").trim_end_matches(' ').to_owned()));
            if !text.is_empty() && !text.ends_with('\n') {
                lines.push("\\".to_owned());
            }
        }
        lines.extend(self.code.filter(|code| *code != 0).map(|code| format!("exit {code}")));
        lines
    }
}

/// Reads a recording.
pub fn parse(text: &str) -> Recording {
    let mut recording = Recording::new();
    let mut case: Option<&mut Vec<String>> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            case = Some(recording.entry(name.to_owned()).or_default());
        } else if let Some(lines) = case.as_deref_mut().filter(|_| !line.is_empty()) {
            lines.push(line.to_owned());
        }
    }
    recording
}

/// Writes a recording, in the order of the cases.
pub fn write<'a>(names: impl IntoIterator<Item = &'a str>, recording: &Recording) -> String {
    let sections = names.into_iter().filter_map(|name| recording.get_key_value(name));
    let texts: Vec<String> = sections.map(|(name, lines)| format!("## {name}\n{}\n", lines.join("\n"))).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let said = Said { output: "a\n\nb".into(), errors: "oh\n".into(), code: Some(1) };
        let recording = Recording::from([("It works".to_owned(), said.lines("kubectl x"))]);
        let text = write(["It works"], &recording);
        assert_eq!(text, "## It works\n$ kubectl x\n| a\n|\n| b\n\\\n! oh\nexit 1\n");
        assert_eq!(parse(&text), recording);
    }
}
