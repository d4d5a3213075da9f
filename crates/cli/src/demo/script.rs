//! What is played: files and folders of manifests, applied one after the other.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The largest manifest file that is read; a cluster takes no object larger than 1.5 MiB.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The ends of the names of those files in a folder that are read, as `kubectl apply -f` has it.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// One file or folder: what somebody applies at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    /// Where it comes from.
    pub(crate) name: String,
    /// Its objects in order.
    pub(crate) objects: Vec<Value>,
}

/// Why a file can't be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It can't be read.
    #[error("failed to read {}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is larger than any manifest.
    #[error("{} has more than {} MiB", .0.display(), FILE_BYTES_MAX / 1024 / 1024)]
    Size(PathBuf),
    /// A folder has no manifests.
    #[error("no manifests in {}", .0.display())]
    Empty(PathBuf),
    /// It is not YAML.
    #[error("failed to parse {name}: {detail}")]
    Parse {
        /// Which file.
        name: String,
        /// What is wrong, and where.
        detail: String,
    },
    /// A document is no Kubernetes object.
    #[error("{name}, document {index}: {field} is missing")]
    Incomplete {
        /// Which file.
        name: String,
        /// Which document, from 1.
        index: usize,
        /// What is missing.
        field: &'static str,
    },
}

/// The built-in example: a first version, a good one, and one that fails 30 % of its requests.
///
/// # Errors
/// Never, as the example is part of the program and tested.
pub(crate) fn example() -> Result<Vec<Act>, Error> {
    [
        ("1-podinfo.yaml", include_str!("example/1-podinfo.yaml")),
        ("2-good-version.yaml", include_str!("example/2-good-version.yaml")),
        ("3-bad-version.yaml", include_str!("example/3-bad-version.yaml")),
    ]
    .into_iter()
    .map(|(name, text)| act(name, text))
    .collect()
}

/// Files and folders of the user, in the order given.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Act>, Error> {
    paths.iter().map(|path| if path.is_dir() { folder(path) } else { file(path) }).collect()
}

/// The manifests of a folder, in the order of their names; those of folders in it are left out.
fn folder(path: &Path) -> Result<Act, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed)?;
    let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    files.retain(|file| file.extension().is_some_and(|end| ENDINGS.iter().any(|known| end == *known)));
    files.sort();
    if files.is_empty() {
        return Err(Error::Empty(path.to_owned()));
    }
    let acts = files.iter().map(|path| file(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(Act { name: path.display().to_string(), objects: acts.into_iter().flat_map(|act| act.objects).collect() })
}

fn file(path: &Path) -> Result<Act, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    if FILE_BYTES_MAX < std::fs::metadata(path).map_err(failed)?.len() {
        return Err(Error::Size(path.to_owned()));
    }
    act(&path.display().to_string(), &std::fs::read_to_string(path).map_err(failed)?)
}

/// The objects of one file; a `List` stands for its items.
fn act(name: &str, text: &str) -> Result<Act, Error> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|error| Error::Parse { name: name.to_owned(), detail: error.to_string() })?;
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        let mut members = match document {
            Value::Null => continue,
            Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
                list.remove("items").and_then(|items| items.as_array().cloned()).unwrap_or_default()
            }
            object => vec![object],
        };
        for object in &members {
            for (field, pointer) in
                [("apiVersion", "/apiVersion"), ("kind", "/kind"), ("metadata.name", "/metadata/name")]
            {
                if object.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
                    return Err(Error::Incomplete { name: name.to_owned(), index: index + 1, field });
                }
            }
        }
        objects.append(&mut members);
    }
    Ok(Act { name: name.to_owned(), objects })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_playable() {
        let acts = example().unwrap();
        assert_eq!(acts.iter().map(|act| act.objects.len()).collect::<Vec<_>>(), [4, 1, 1]);
    }

    #[test]
    fn a_folder_is_one_act_in_the_order_of_its_names() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/example");
        let acts = read(&[example]).unwrap();
        assert_eq!(acts.iter().map(|act| act.objects.len()).collect::<Vec<_>>(), [6]);
        assert_eq!(acts[0].objects[0]["kind"], "Namespace");
        let none = read(&[Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()]).unwrap_err().to_string();
        assert!(none.starts_with("no manifests in "), "{none}");
    }

    #[test]
    fn a_manifest_that_does_not_parse_says_where() {
        let error = act("broken.yaml", "kind: Canary\nmetadata: [\n").unwrap_err().to_string();
        assert!(error.starts_with("failed to parse broken.yaml: "), "{error}");
        assert!(error.contains("line"), "{error}");
    }

    #[test]
    fn an_object_without_a_name_is_refused() {
        let error =
            act("nameless.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\n");
        assert_eq!(error.unwrap_err().to_string(), "nameless.yaml, document 2: metadata.name is missing");
    }
}
