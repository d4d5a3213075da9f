//! The files of the suite: cases to read, recordings to read and write.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fault::Error;
use crate::script::{self, Case};
use crate::transcript::{self, Recording};

/// A file of cases.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The file's name without its ending.
    pub(crate) name: String,
    pub(crate) cases: Vec<Case>,
}

/// The setups, and all groups in the order of their names.
pub(crate) fn groups() -> Result<(Vec<Case>, Vec<Group>), Error> {
    let folder = root().join("cases");
    let entries = fs::read_dir(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let (mut setups, mut groups) = (Vec::new(), Vec::new());
    for file in names {
        let Some(name) = file.strip_suffix(".txt") else { continue };
        let cases = script::parse(&file, &read(&folder.join(&file))?)?;
        match name {
            "setups" => setups = cases,
            _ => groups.push(Group { name: name.to_owned(), cases }),
        }
    }
    Ok((setups, groups))
}

/// What the real one said to a group; nothing when it was never asked.
pub(crate) fn recorded(group: &str) -> Result<Recording, Error> {
    let path = recording(group);
    if path.exists() { Ok(transcript::parse(&read(&path)?)) } else { Ok(Recording::new()) }
}

/// Writes what the real one said to a group.
pub(crate) fn record(group: &Group, said: &Recording) -> Result<(), Error> {
    let names = group.cases.iter().map(|case| case.name.as_str());
    write(&recording(&group.name), &transcript::write(names, said))
}

/// A file's text.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Makes or replaces a file.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// The folder of this crate, in which cases and recordings are.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn recording(group: &str) -> PathBuf {
    root().join(format!("real/{group}.txt"))
}
