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

/// A file's text.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}
