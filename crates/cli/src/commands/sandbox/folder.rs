//! The folder of a sandbox: a kubeconfig to join in with, and what a real control plane keeps.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A folder of this process that goes with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes a new one.
    pub(super) fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("flagger-sandbox-{}", std::process::id()));
        // A kubeconfig may open everything in it.
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
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
