//! The files of the suite: cases to read, recordings to read and write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::fault::Error;
use crate::normal::Exchange;
use crate::script::{self, Case};

/// Transcripts by the sentence of their case.
pub(crate) type Recording = BTreeMap<String, Vec<Exchange>>;

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
        let cases = script::parse(&file, &read(&format!("cases/{file}"))?)?;
        match name {
            "setups" => setups = cases,
            _ => groups.push(Group { name: name.to_owned(), cases }),
        }
    }
    Ok((setups, groups))
}

/// What the real server said to a group; nothing when it was never asked.
pub(crate) fn recorded(group: &str) -> Result<Recording, Error> {
    let path = format!("real/{group}.json");
    if !root().join(&path).exists() {
        return Ok(Recording::new());
    }
    let fault = |error: serde_json::Error| Error::Script { place: path.clone(), why: error.to_string() };
    serde_json::from_str(&read(&path)?).map_err(fault)
}

/// Writes what the real server said to a group.
pub(crate) fn write(group: &str, recording: &Recording) -> Result<(), Error> {
    let path = root().join(format!("real/{group}.json"));
    let mut text = serde_json::to_value(recording).map(|value: Value| format!("{value:#}")).unwrap_or_default();
    text.push('\n');
    fs::write(&path, text).map_err(|source| Error::File { path, source })
}

/// A file of the suite.
pub(crate) fn read(path: &str) -> Result<String, Error> {
    let path = root().join(path);
    fs::read_to_string(&path).map_err(|source| Error::File { path, source })
}

/// The folder of this crate, in which cases and recordings are.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
