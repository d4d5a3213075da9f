//! What pages and comments refer to.

use super::repository::{Finding, Repository, lines};

/// Folders that start the paths of this repository in prose.
const FOLDERS: [&str; 11] = [
    ".cargo/",
    ".ci/",
    "alerts/",
    "charts/",
    "crates/",
    "dashboards/",
    "docs/",
    "examples/",
    "lib/",
    "scenarios/",
    "xtask/",
];

/// The page that names a test for each decision about compatibility.
const COMPATIBILITY: &str = "docs/compatibility.md";

/// Links between pages, and to headings in them, lead somewhere.
pub(super) fn links(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repository.files("", ".md") {
        for (number, line) in prose(text) {
            let dead = targets(line).filter(|target| !leads_somewhere(repository, path, target));
            findings.extend(
                dead.map(|target| Finding::new(path, number, format!("{target} leads nowhere: mend the link"))),
            );
        }
    }
    findings
}

/// Paths in backticks, in pages and in comments, are there.
pub(super) fn paths(repository: &Repository) -> Vec<Finding> {
    let pages = repository.files("", ".md").flat_map(|(path, text)| prose(text).map(move |line| (path, line)));
    let comments = repository.files("", ".rs").flat_map(|(path, text)| {
        let comments = lines(text).filter(|(_, line)| line.trim_start().starts_with("//"));
        comments.map(move |line| (path, line))
    });
    let mut findings = Vec::new();
    for (path, (number, line)) in pages.chain(comments) {
        let named = spans(line).filter(|span| is_path(span)).map(|span| span.trim_end_matches('/'));
        let absent = named.filter(|named| !repository.has(named));
        findings
            .extend(absent.map(|named| Finding::new(path, number, format!("{named} does not exist: name what does"))));
    }
    findings
}

/// Tests that are said to pin something are there: those of the page on compatibility, and those that comments name.
pub(super) fn tests(repository: &Repository) -> Vec<Finding> {
    let is_there = |name: &str| {
        let function = format!("fn {name}(");
        repository.files("", ".rs").any(|(_, text)| text.contains(&function))
    };
    let page = prose(repository.text(COMPATIBILITY)).flat_map(|(number, line)| {
        let last = line.trim_end().trim_end_matches('|').rsplit_once('|').map_or("", |(_, cell)| cell);
        spans(last).filter(|span| is_test(span)).map(move |name| (COMPATIBILITY, number, name))
    });
    let comments = repository.files("", ".rs").flat_map(|(path, text)| {
        lines(text).filter_map(move |(number, line)| {
            let (before, _) = line.split_once("` pins")?;
            let (_, name) = before.rsplit_once('`')?;
            is_test(name).then_some((path, number, name))
        })
    });
    let absent = page.chain(comments).filter(|(_, _, name)| !is_there(name));
    absent.map(|(path, number, name)| Finding::new(path, number, format!("no test is called {name}"))).collect()
}

/// The lines of a page that are no code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    lines(text).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Where the links of a line lead.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let outside_of_code = line.split('`').step_by(2);
    outside_of_code.flat_map(|text| text.split("](").skip(1)).filter_map(|rest| {
        let (target, _) = rest.split_once(')')?;
        target.split_whitespace().next()
    })
}

fn leads_somewhere(repository: &Repository, from: &str, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let page = match path {
        "" => Some(from.to_owned()),
        path => resolve(from, path),
    };
    let Some(page) = page.filter(|page| repository.has(page)) else { return false };
    heading.is_empty() || headings(repository.text(&page)).any(|known| known == heading)
}

/// The path that `path` means in the file `from`, if it stays in the repository.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut names: Vec<&str> = from.split('/').collect();
    names.pop();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// The headings of a page as links name them.
fn headings(page: &str) -> impl Iterator<Item = String> {
    prose(page).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// What stands between backticks.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_path(span: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | '_');
    FOLDERS.iter().any(|folder| span.starts_with(folder)) && span.chars().all(plain)
}

fn is_test(span: &str) -> bool {
    span.contains('_') && span.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(findings: Vec<Finding>) -> Vec<(String, usize)> {
        findings.into_iter().map(|finding| (finding.file, finding.line)).collect()
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let page = "# The page\n[a](../README.md) [b](https://x.test/y)\n[c](#the-page) [d](other.md#b-c)\n[e](gone.md)\n\
            [f](#gone)\n```\n[g](gone.md)\n```\n[h](../../gone.md) `[i](gone.md)`\n";
        let pages = [("docs/page.md", page), ("docs/other.md", "## B, `c`!\n"), ("README.md", "")];
        let page = || "docs/page.md".to_owned();
        assert_eq!(lines_of(links(&Repository::of(&pages))), [(page(), 4), (page(), 5), (page(), 9)]);
    }

    #[test]
    fn a_path_that_does_not_exist_is_found() {
        let page = "`crates/x/` and `crates/x/src/lib.rs`, `crates/*/src`\n`docs/gone.md`\n";
        let source = "/// As `docs/page.md` says.\n/// As `docs/gone.md` says.\nlet path = \"`docs/gone.md`\";\n";
        let repository = Repository::of(&[("docs/page.md", page), ("crates/x/src/lib.rs", source)]);
        let found = [("docs/page.md".to_owned(), 2), ("crates/x/src/lib.rs".to_owned(), 2)];
        assert_eq!(lines_of(paths(&repository)), found);
    }

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        let page = "| `some_word` | kept | `a_test` |\n| x | kept | `no_test`, `a_test` |\n";
        let source =
            "/// The test `a_test` pins it; `nobody_knows` pins that.\n/// `gone_too` pins it.\nfn a_test() {}\n";
        let repository = Repository::of(&[(COMPATIBILITY, page), ("a.rs", source)]);
        assert_eq!(lines_of(tests(&repository)), [(COMPATIBILITY.to_owned(), 2), ("a.rs".to_owned(), 2)]);
    }
}
