//! Entries in a file: one JSON object, replaced as a whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

use super::{Entries, Error};

/// A file that need not exist yet; its folder has to.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    /// Edits come one after another.
    turn: Mutex<()>,
}

impl File {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, turn: Mutex::new(()) }
    }

    pub(super) async fn read(&self) -> Result<Entries, Error> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || fs::read(path)).await;
        let shown = || self.path.display().to_string();
        match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(text) => serde_json::from_slice(&text).map_err(|source| Error::ParseFile { path: shown(), source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Entries::new()),
            Err(source) => Err(Error::ReadFile { path: shown(), source }),
        }
    }

    pub(super) async fn edit<T>(&self, mut change: impl FnMut(&mut Entries) -> Result<T, Error>) -> Result<T, Error> {
        let _turn = self.turn.lock().await;
        let before = self.read().await?;
        let mut entries = before.clone();
        let answer = change(&mut entries)?;
        if entries == before {
            return Ok(answer);
        }
        let text = serde_json::to_vec(&entries).expect("texts can be written as JSON");
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || replace(&path, &text)).await;
        let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|source| Error::WriteFile { path: self.path.display().to_string(), source })?;
        Ok(answer)
    }
}

/// Replaces the file in one go, so that a crash leaves the old or the new one.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let mut file = fs::File::create(&fresh)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}
