//! Where the programs are.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Where the build leaves the binary.
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/controlplane/bin/controlplane");

/// The programs of a control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    pub(crate) etcd: Program,
    pub(crate) apiserver: Program,
    pub(crate) controller_manager: Program,
}

impl Programs {
    /// The programs of this machine: those in the folder `KUBEBUILDER_ASSETS` if it has all three, or else the binary that
    /// `tests/controlplane/build` has made, at `CONTROLPLANE_BIN` or in the workspace's target folder.
    pub fn find() -> Result<Self, Error> {
        Self::find_by(|name| env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn find_by(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let folder = variable("KUBEBUILDER_ASSETS").map(|folder| Self::of_folder(Path::new(&folder)));
        // The original envtest has no controllers; then the binary is the better choice, if it is there.
        if let Some(programs) = folder.filter(|programs| programs.missing().is_none()) {
            return Ok(programs);
        }
        let programs = Self::of_binary(variable("CONTROLPLANE_BIN").map_or_else(|| BUILT.into(), PathBuf::from));
        match programs.missing() {
            None => Ok(programs),
            Some(path) => Err(Error::Missing(path)),
        }
    }

    /// One binary that is all of them, by its first argument.
    pub fn of_binary(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let program = |name| Program { name, path: path.clone(), is_alone: false };
        Self::each(program)
    }

    /// One file for each, in a folder.
    pub fn of_folder(folder: &Path) -> Self {
        Self::each(|name| Program { name, path: folder.join(name), is_alone: true })
    }

    /// `kubectl` of the same release, `None` where it was not found.
    pub fn kubectl(&self) -> Option<Program> {
        let Program { path, is_alone, .. } = &self.apiserver;
        let path = if *is_alone { path.with_file_name("kubectl") } else { path.clone() };
        path.is_file().then_some(Program { name: "kubectl", path, is_alone: *is_alone })
    }

    fn each(program: impl Fn(&'static str) -> Program) -> Self {
        Self {
            etcd: program("etcd"),
            apiserver: program("kube-apiserver"),
            controller_manager: program("kube-controller-manager"),
        }
    }

    fn missing(&self) -> Option<PathBuf> {
        let mut all = [&self.etcd, &self.apiserver, &self.controller_manager].into_iter();
        all.find(|program| !program.path.is_file()).map(|program| program.path.clone())
    }
}

/// One program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    /// Whether the file is this program only.
    is_alone: bool,
}

impl Program {
    /// A command that runs it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args((!self.is_alone).then_some(self.name));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_binary_is_named_with_the_way_to_build_it() {
        let variable = |name: &str| (name == "CONTROLPLANE_BIN").then(|| "/nowhere/controlplane".into());
        let said = Programs::find_by(variable).unwrap_err().to_string();
        assert!(
            said.starts_with("there is no /nowhere/controlplane; build it with tests/controlplane/build"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1);
    }

    #[test]
    fn a_folder_without_controllers_does_not_hide_the_binary() {
        // A file that is certainly there.
        let binary = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let variable = |name: &str| match name {
            "KUBEBUILDER_ASSETS" => Some(env!("CARGO_MANIFEST_DIR").into()),
            "CONTROLPLANE_BIN" => Some(binary.into()),
            _ => None,
        };
        assert_eq!(Programs::find_by(variable).unwrap(), Programs::of_binary(binary));
    }
}
