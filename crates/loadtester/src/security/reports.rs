//! Where reports are handed in: files of a folder, or entries of a `ConfigMap`. They are read anew for each question.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use process::cause;

use super::report::{self, Report};

/// The largest report that is read, and how many of them.
const REPORT_MAX: u64 = 32 * 1024 * 1024;
const REPORTS_MAX: usize = 500;

/// How long the request for the `ConfigMap` may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A place for reports.
pub(super) enum Reports {
    Folder(PathBuf),
    ConfigMap { api: Box<Api<ConfigMap>>, namespace: String, name: String },
}

impl Reports {
    pub(super) fn config_map(client: Client, namespace: &str, name: &str) -> Self {
        let api = Box::new(Api::namespaced(client, namespace));
        Self::ConfigMap { api, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// All reports. What is none is left out and told in the log: an image without a report is refused.
    pub(super) async fn read(&self) -> Result<Vec<Report>, String> {
        match self {
            Self::Folder(folder) => {
                let shown = folder.display().to_string();
                let folder = folder.clone();
                let read = tokio::task::spawn_blocking(move || in_folder(&folder)).await;
                let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
                read.map_err(|error| format!("failed to read the folder {shown}: {error}"))
            }
            Self::ConfigMap { api, namespace, name } => {
                let failed = |reason: String| format!("failed to read the ConfigMap {namespace}/{name}: {reason}");
                let got = tokio::time::timeout(REQUEST_TIMEOUT, api.get_opt(name)).await;
                let got = got.map_err(|_| failed("no answer in time".to_owned()))?;
                let got = got.map_err(|error| failed(cause::chain(&error)))?;
                let data = got.and_then(|object| object.data).unwrap_or_default();
                Ok(data.iter().filter_map(|(key, text)| understood(key, text)).collect())
            }
        }
    }
}

fn in_folder(folder: &Path) -> io::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for entry in fs::read_dir(folder)?.take(REPORTS_MAX) {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let shown = path.display().to_string();
        if REPORT_MAX < fs::metadata(&path)?.len() {
            tracing::warn!(report = shown, "a report is too large to be read");
            continue;
        }
        reports.extend(understood(&shown, &fs::read_to_string(&path)?));
    }
    Ok(reports)
}

fn understood(name: &str, text: &str) -> Option<Report> {
    report::parse(text).inspect_err(|reason| tracing::warn!(report = name, reason, "a report can't be understood")).ok()
}
