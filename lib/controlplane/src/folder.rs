//! A folder for data, keys and logs, gone with its owner.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Error;

/// What the names of our folders start with; then come the process and a number.
const PREFIX: &str = "controlplane-";

/// The end of a log that is looked at.
const TAIL_BYTES: u64 = 16 * 1024;

/// The lines of it that are quoted.
const TAIL_LINES: usize = 5;

#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn make() -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let temporary = std::env::temp_dir();
        sweep(&temporary);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = temporary.join(format!("{PREFIX}{}-{number}", std::process::id()));
        // Its files hold the keys to everything in this control plane.
        fresh_folder(&path).map_err(|source| Error::Folder { path: path.clone(), source })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and says where it is.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.file(name);
        fs::write(&path, text).map_err(|source| Error::Folder { path: path.clone(), source })?;
        Ok(path)
    }

    /// Where a program's log is.
    pub(crate) fn log(&self, program: &str) -> PathBuf {
        self.file(&format!("{program}.log"))
    }

    /// The end of a program's log, in one line.
    pub(crate) fn last_words(&self, program: &str) -> String {
        let text = tail(&self.log(program)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
        if last.is_empty() { "none".to_owned() } else { last.join(" | ") }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a folder that is this user's alone, with nothing in it, whose name is made of the number of this process.
///
/// # Errors
/// What the system says, when the folder can't be made, or one that was left there can't be taken away.
pub fn fresh_folder(path: &Path) -> io::Result<()> {
    let create = || fs::DirBuilder::new().mode(0o700).create(path);
    match create() {
        // Another process had our number before, and was killed.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_dir_all(path)?;
            create()
        }
        outcome => outcome,
    }
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Removes the folders of processes that were killed before they could: a hundred megabytes each.
fn sweep(temporary: &Path) {
    let proc = Path::new("/proc");
    if !proc.join("self").exists() {
        return;
    }
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
        let gone = owner.is_some_and(|(process, _)| process.parse::<u32>().is_ok() && !proc.join(process).exists());
        if gone {
            // Another process may be sweeping, too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_of_the_same_number_left_is_taken_away() {
        let path = std::env::temp_dir().join(format!("of-a-killed-process-{}", std::process::id()));
        fresh_folder(&path).unwrap();
        fs::write(path.join("ca.key"), "old").unwrap();
        fresh_folder(&path).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        fs::remove_dir(&path).unwrap();
    }
}
