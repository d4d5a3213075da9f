//! What has to survive a restart: a few texts by name, in memory, in a file or in a `ConfigMap`.
//!
//! An edit reads all that there is, changes it and writes it, and nothing of another edit is lost in between. Replicas share
//! a `ConfigMap`; a file belongs to one process.

mod config_map;
mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use self::config_map::ConfigMap;
use self::file::File;
use crate::cluster;
use crate::world::World;

/// Texts by name. Names are those that the keys of a `ConfigMap` may have: letters, digits, `-`, `_` and `.`.
pub(crate) type Entries = BTreeMap<String, String>;

/// So many entries are kept; one more is refused. A `ConfigMap` has room for about as many.
const ENTRIES_MAX: usize = 5000;

/// Where something is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Until the process ends.
    Memory,
    File(PathBuf),
    ConfigMap {
        namespace: String,
        name: String,
    },
}

/// Keeps entries.
#[derive(Debug)]
pub(crate) enum Store {
    Memory(Mutex<Entries>),
    File(File),
    ConfigMap(Box<ConfigMap>),
}

/// Why entries can't be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the file {path}")]
    ReadFile { path: String, source: std::io::Error },
    #[error("failed to understand the file {path}")]
    ParseFile { path: String, source: serde_json::Error },
    #[error("failed to write the file {path}")]
    WriteFile { path: String, source: std::io::Error },
    #[error("failed to read the ConfigMap {place}")]
    ReadConfigMap { place: String, source: Box<kube::Error> },
    #[error("failed to write the ConfigMap {place}")]
    WriteConfigMap { place: String, source: Box<kube::Error> },
    #[error("failed to reach the ConfigMap {place} in time")]
    Late { place: String },
    #[error("failed to write the ConfigMap {place}: others changed it each time")]
    Contended { place: String },
    #[error("there are {ENTRIES_MAX} entries already")]
    Full,
}

impl Store {
    /// Opens the place, and reads it once so that what is wrong is found now.
    pub(crate) async fn open(place: &Place, kubeconfig: Option<&Path>, world: &World) -> Result<Self, OpenError> {
        let store = match place {
            Place::Memory => Self::Memory(Mutex::default()),
            Place::File(path) => Self::File(File::new(path.clone())),
            Place::ConfigMap { namespace, name } => {
                Self::ConfigMap(Box::new(ConfigMap::new(world.client(kubeconfig).await?, namespace, name)))
            }
        };
        store.entries().await?;
        Ok(store)
    }

    /// All entries, as they are now.
    pub(crate) async fn entries(&self) -> Result<Entries, Error> {
        match self {
            Self::Memory(entries) => Ok(entries.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            Self::File(file) => file.read().await,
            Self::ConfigMap(config_map) => config_map.read().await,
        }
    }

    /// Changes entries. The change may be made several times, on what others have written meanwhile; the last one counts.
    pub(crate) async fn edit<T>(&self, mut change: impl FnMut(&mut Entries) -> T) -> Result<T, Error> {
        let bounded = |entries: &mut Entries| {
            let before = entries.len();
            let answer = change(entries);
            if before < entries.len() && ENTRIES_MAX < entries.len() { Err(Error::Full) } else { Ok(answer) }
        };
        match self {
            Self::Memory(entries) => in_memory(&mut entries.lock().unwrap_or_else(PoisonError::into_inner), bounded),
            Self::File(file) => file.edit(bounded).await,
            Self::ConfigMap(config_map) => config_map.edit(bounded).await,
        }
    }
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    #[error(transparent)]
    Store(#[from] Error),
}

fn in_memory<T>(entries: &mut Entries, mut change: impl FnMut(&mut Entries) -> Result<T, Error>) -> Result<T, Error> {
    let mut fresh = entries.clone();
    let answer = change(&mut fresh)?;
    *entries = fresh;
    Ok(answer)
}
