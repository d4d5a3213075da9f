//! What no source file has.

use super::repository::{Finding, Repository, lines};

/// A macro that no source calls.
struct Banned {
    name: &'static str,
    /// Folders in which it is fine.
    fine: &'static [&'static str],
    advice: &'static str,
}

/// The command line talks to people, and so do the tasks of the repository.
const TALKERS: &[&str] = &["crates/cli/", "xtask/"];

const UNFINISHED: &str = "finish it or leave it out";
const TALKS: &str = "return the text or log it: only crates/cli and xtask print";

const BANNED: &[Banned] = &[
    Banned { name: "dbg", fine: &[], advice: "remove it" },
    Banned { name: "eprint", fine: TALKERS, advice: TALKS },
    Banned { name: "eprintln", fine: TALKERS, advice: TALKS },
    Banned { name: "print", fine: TALKERS, advice: TALKS },
    Banned { name: "println", fine: TALKERS, advice: TALKS },
    Banned { name: "todo", fine: &[], advice: UNFINISHED },
    Banned { name: "unimplemented", fine: &[], advice: UNFINISHED },
];

/// Lines in which a file is hardly one thought any more.
const LINES_MAX: usize = 500;

/// Longer files, each with the reason why it is one thought all the same.
const LONG: &[(&str, &str)] = &[];

/// Nothing is left half done, and nothing prints but those who may.
pub(super) fn banned(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repository.files("", ".rs") {
        for (number, line) in lines(text) {
            let called = BANNED.iter().filter(|banned| calls(code(line), banned.name));
            let wrong = called.filter(|banned| !banned.fine.iter().any(|folder| path.starts_with(folder)));
            findings
                .extend(wrong.map(|banned| Finding::new(path, number, format!("{}!: {}", banned.name, banned.advice))));
        }
    }
    findings
}

/// What is not as it should be says why.
pub(super) fn reasons(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repository.files("", ".rs") {
        for (number, line) in lines(text) {
            let has_reason = || whole(text.lines().skip(number - 1)).contains("reason");
            let advice = match attribute(code(line)) {
                Some("allow") => "write `expect` with a reason instead, or mend it",
                Some("expect") if !has_reason() => "give the reason: `reason = \"…\"`",
                Some("ignore") if !line.contains('=') => "give the reason: `ignore = \"…\"`",
                _ => continue,
            };
            findings.push(Finding::new(path, number, advice));
        }
    }
    findings
}

/// Files past five hundred lines are split, or are in the list that says why not.
pub(super) fn length(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repository.files("", ".rs") {
        let count = text.lines().count();
        let excused = LONG.iter().any(|(long, _)| *long == path);
        let advice = match (LINES_MAX < count, excused) {
            (true, false) => format!("{count} lines: look for the second thought"),
            (false, true) => "short enough: take it off the list in xtask/src/tidy/sources.rs".to_owned(),
            _ => continue,
        };
        findings.push(Finding::new(path, LINES_MAX.min(count), advice));
    }
    findings
}

/// The line without its comment. A string with two slashes loses its end, which hides nothing that is searched for here.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// Whether the macro is called, rather than one whose name ends like it.
fn calls(code: &str, name: &str) -> bool {
    let call = format!("{name}!(");
    let alone = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(&call).any(|(at, _)| alone(at))
}

/// The name of the attribute that the line opens with.
fn attribute(code: &str) -> Option<&str> {
    let code = code.trim_start();
    let name = code.strip_prefix("#[").or_else(|| code.strip_prefix("#!["))?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// The attribute that the first of these lines opens, to its end.
fn whole<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        if line.trim_end().ends_with(']') {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(findings: Vec<Finding>) -> Vec<usize> {
        findings.into_iter().map(|finding| finding.line).collect()
    }

    /// A call, spelled so that this file does not call it.
    fn call(name: &str) -> String {
        format!("    {name}!(\"x\");\n")
    }

    #[test]
    fn what_is_half_done_or_prints_is_found() {
        let text = ["// says: ", &call("todo"), &call("todo"), &call("my_todo"), &call("println")].concat();
        let repository =
            Repository::of(&[("crates/x/src/lib.rs", &text), ("crates/cli/src/main.rs", &call("println"))]);
        assert_eq!(lines_of(banned(&repository)), [2, 4]);
    }

    #[test]
    fn an_exception_without_a_reason_is_found() {
        let text = "#[expect(a,\n    reason = \"b\")]\n#[expect(a)]\n#![allow(a)]\n#[ignore]\n#[ignore = \"b\"]\n";
        assert_eq!(lines_of(reasons(&Repository::of(&[("lib/x/src/lib.rs", text)]))), [3, 4, 5]);
    }

    #[test]
    fn a_file_of_two_thoughts_is_found() {
        let (long, short) = ("x\n".repeat(LINES_MAX + 1), "x\n".repeat(LINES_MAX));
        let repository = Repository::of(&[("a.rs", &long), ("b.rs", &short)]);
        assert_eq!(lines_of(length(&repository)), [LINES_MAX]);
    }
}
