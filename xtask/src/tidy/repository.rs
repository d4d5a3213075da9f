//! The repository as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that nobody wrote.
const SKIPPED: [&str; 2] = [".git", "target"];

/// Ends of the names of files that rules read.
const READ: [&str; 3] = [".md", ".rs", ".toml"];

/// All files and folders, and the text of those that rules read.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) root: PathBuf,
    /// Paths from the root with `/` between names, folders included.
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) file: String,
    /// Counted from 1.
    pub(super) line: usize,
    /// What is wrong and what to do about it.
    pub(super) advice: String,
}

impl Finding {
    pub(super) fn new(file: &str, line: usize, advice: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, advice: advice.into() }
    }

    /// Where, against which rule, and what to do.
    pub(super) fn line_about(&self, rule: &str) -> String {
        let Self { file, line, advice } = self;
        format!("{file}:{line}: {rule}: {advice}")
    }
}

impl Repository {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut repository = Self { root: root.to_owned(), ..Self::default() };
        repository.visit(root, "")?;
        Ok(repository)
    }

    /// A file or folder of this path is there.
    pub(super) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains(path)
    }

    /// The text of one file, empty when it is not there.
    pub(super) fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }

    /// Path and text of the files below `folder` whose names end like this.
    pub(super) fn files(&self, folder: &str, end: &str) -> impl Iterator<Item = (&str, &str)> {
        let wanted = move |path: &str| path.starts_with(folder) && path.ends_with(end);
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).filter(move |(path, _)| wanted(path))
    }

    fn visit(&mut self, folder: &Path, path: &str) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("failed to list {}", folder.display()))? {
            let entry = entry.with_context(|| format!("failed to list {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            let child = if path.is_empty() { name } else { format!("{path}/{name}") };
            let kind = entry.file_type().with_context(|| format!("failed to look at {child}"))?;
            if kind.is_dir() {
                self.visit(&entry.path(), &child)?;
            } else if READ.iter().any(|end| child.ends_with(end)) {
                let text = fs::read_to_string(entry.path()).with_context(|| format!("failed to read {child}"))?;
                self.texts.insert(child.clone(), text);
            }
            self.paths.insert(child);
        }
        Ok(())
    }
}

/// The lines of a text, counted from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// The number of the first line that `wanted` holds for, 1 without one.
pub(super) fn line_of(text: &str, wanted: impl Fn(&str) -> bool) -> usize {
    lines(text).find(|(_, line)| wanted(line)).map_or(1, |(number, _)| number)
}

#[cfg(test)]
impl Repository {
    /// One that has these files.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut repository = Self::default();
        for (path, text) in files {
            repository.texts.insert((*path).to_owned(), (*text).to_owned());
            let folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
            repository.paths.extend(folders.chain([*path]).map(str::to_owned));
        }
        repository
    }
}
