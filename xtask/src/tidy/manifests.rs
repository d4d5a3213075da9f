//! What manifests have from the workspace.

use super::repository::{Finding, Repository, lines};

/// What every crate has in common: lines that its manifest holds.
const INHERITED: [&str; 5] = [
    "version.workspace = true",
    "edition.workspace = true",
    "rust-version.workspace = true",
    "license.workspace = true",
    "publish.workspace = true",
];

/// Crates take version, lints and dependencies from the workspace.
pub(super) fn inherit(repository: &Repository) -> Vec<Finding> {
    let members = repository.files("", "/Cargo.toml");
    members.flat_map(|(path, text)| missing(path, text).into_iter().chain(own_versions(path, text))).collect()
}

fn missing(path: &str, text: &str) -> Vec<Finding> {
    let lints = !text.contains("[lints]\nworkspace = true\n");
    let lints = lints.then(|| Finding::new(path, 1, "add `[lints]` with `workspace = true`"));
    let absent = INHERITED.iter().filter(|line| !text.lines().any(|written| written == **line));
    absent.map(|line| Finding::new(path, 1, format!("add `{line}`"))).chain(lints).collect()
}

fn own_versions(path: &str, text: &str) -> Vec<Finding> {
    let mut section = "";
    let mut findings = Vec::new();
    for (number, line) in lines(text) {
        if line.starts_with('[') {
            section = line;
        }
        let names_a_crate = section.ends_with("dependencies]") && line.contains('=') && !line.starts_with('#');
        if names_a_crate && !line.contains("workspace = true") {
            let advice = "name the version in the workspace's table and write `workspace = true` here";
            findings.push(Finding::new(path, number, advice));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_inherited_is_found() {
        let good = format!("[package]\n{}\n[lints]\nworkspace = true\n", INHERITED.join("\n"));
        let bad =
            good.replace("license.workspace = true\n", "") + "[dev-dependencies]\na.workspace = true\nb = \"1\"\n";
        let found = |text: &str| {
            let repository = Repository::of(&[("crates/x/Cargo.toml", text), ("Cargo.toml", "[workspace]")]);
            inherit(&repository).into_iter().map(|finding| (finding.line, finding.advice)).collect::<Vec<_>>()
        };
        assert_eq!(found(&good), []);
        let [(_, license), (line, version)] = &found(&bad)[..] else { panic!("{:?}", found(&bad)) };
        assert_eq!((license.as_str(), *line), ("add `license.workspace = true`", bad.lines().count()));
        assert!(version.contains("workspace's table"));
    }
}
