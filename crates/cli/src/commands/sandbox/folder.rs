//! The folder of a sandbox: a kubeconfig to join in with, and what a real control plane keeps.

use std::io;
use std::path::{Path, PathBuf};

/// A folder of this process that goes with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes a new one.
    pub(super) fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("flagger-sandbox-{}", std::process::id()));
        // A kubeconfig may open everything in it.
        controlplane::fresh_folder(&path)?;
        Ok(Self(path))
    }

    /// Takes over one that is there.
    pub(super) fn adopt(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_of_the_same_number_left_is_taken_away() {
        let left = Folder::make().expect("a folder");
        std::fs::write(left.path().join("kubeconfig"), "old").expect("a file");
        std::mem::forget(left);
        let folder = Folder::make().expect("another folder");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
