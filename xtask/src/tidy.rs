//! The rules of the house that no lint can see, checked.
//!
//! Runs as `cargo xtask tidy`, and as a test of this crate, so that `cargo test --workspace` runs it too. A rule is a function
//! from the repository to what breaks it; most read nothing but text, so that their tests need no disk.
//!
//! It does not know what `rustc`, clippy and rustfmt know: what one of them can check is theirs, but for a few things that no
//! `#[expect]` may wave through.
//!
//! Start reading at [`RULES`].

mod docs;
mod manifests;
mod providers;
mod repository;
mod rooms;
mod sources;

use std::path::Path;

use anyhow::{Result, bail};

use repository::{Finding, Repository};

/// What it is called, and what breaks it.
type Rule = (&'static str, fn(&Repository) -> Result<Vec<Finding>>);

/// Every rule.
const RULES: &[Rule] = &[
    ("arrows follow the table of rooms", rooms::arrows),
    ("pure rooms stay pure", rooms::purity),
    ("crates inherit from the workspace", |repository| Ok(manifests::inherit(repository))),
    ("providers are listed", |repository| Ok(providers::listed(repository))),
    ("providers are documented alike", |repository| Ok(providers::documented(repository))),
    ("providers of traffic have pages alike", |repository| Ok(providers::paged(repository))),
    ("nothing is left half done or hidden", |repository| Ok(sources::banned(repository))),
    ("exceptions have reasons", |repository| Ok(sources::reasons(repository))),
    ("a file is one thought", |repository| Ok(sources::length(repository))),
    ("links lead somewhere", |repository| Ok(docs::links(repository))),
    ("paths that are named exist", |repository| Ok(docs::paths(repository))),
    ("tests that are named exist", |repository| Ok(docs::tests(repository))),
    ("generated files are fresh", |repository| Ok(generated(repository))),
];

/// Prints what breaks a rule, and fails if anything does.
#[expect(clippy::print_stdout, reason = "a task tells whoever runs it what it found")]
pub(crate) fn run(root: &Path) -> Result<()> {
    let (text, failed) = report(&Repository::read(root)?);
    print!("{text}");
    if 0 < failed {
        bail!("the repository is not tidy");
    }
    Ok(())
}

/// Every finding in a line, then how many rules passed and failed; and the latter number.
fn report(repository: &Repository) -> (String, usize) {
    let mut report = Vec::new();
    let mut failed = 0;
    for (name, rule) in RULES {
        let lines = match rule(repository) {
            Ok(findings) => findings.iter().map(|finding| finding.line_about(name)).collect(),
            Err(error) => vec![format!("{name}: failed to check: {error:#}")],
        };
        failed += usize::from(!lines.is_empty());
        report.extend(lines);
    }
    report.push(format!("{} passed, {failed} failed\n", RULES.len() - failed));
    (report.join("\n"), failed)
}

fn generated(repository: &Repository) -> Vec<Finding> {
    let stale = crate::generate::stale(&repository.root).into_iter();
    stale.map(|file| Finding::new(file, 1, "run `cargo xtask generate` and commit the result")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let (text, failed) = report(&Repository::read(crate::repository().unwrap()).unwrap());
        assert_eq!(failed, 0, "\n{text}");
    }
}
