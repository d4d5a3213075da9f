//! The files of the repository that users take.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read or written.
    #[error("failed to use {}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is no YAML.
    #[error("failed to parse {}: {detail}", .path.display())]
    Parse {
        /// Which one.
        path: PathBuf,
        /// What is wrong, and where.
        detail: String,
    },
    /// A scenario does not say how its sandbox is started.
    #[error("failed to understand {}: its first line has to be `{start}…`", .path.display(), start = crate::scenarios::START)]
    Start {
        /// Which one.
        path: PathBuf,
    },
    /// A case of a scenario can't be played.
    #[error("failed to play")]
    Play(#[source] kubectlsuite::Error),
    /// The program can't be started.
    #[error("failed to run {}", .program.display())]
    Run {
        /// Which one.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// There is no port for the Slack channel.
    #[error("failed to listen as a Slack channel")]
    Chat(#[source] std::io::Error),
    /// A query has no answer.
    #[error("failed to ask for {query}: {why}")]
    Query {
        /// The PromQL.
        query: String,
        /// What Prometheus said, or why it did not.
        why: String,
    },
    /// The sandbox ended, or does not get there.
    #[error("the sandbox {what}: {said}")]
    Sandbox {
        /// What it does.
        what: &'static str,
        /// What it said.
        said: String,
    },
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The objects of a manifest, or of all manifests of a folder in the order of their names.
pub fn manifests(path: &Path) -> Result<Vec<Value>, Error> {
    let mut objects = Vec::new();
    for file in if path.is_dir() { listed(path)? } else { vec![path.to_owned()] } {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&read(&file)?)
            .map_err(|error| Error::Parse { path: file.clone(), detail: error.to_string() })?;
        objects.extend(documents.into_iter().filter(|document| !document.is_null()));
    }
    Ok(objects)
}

/// The files and folders in a folder, in the order of their names.
pub(crate) fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Makes or replaces a file.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// A file's text.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}
