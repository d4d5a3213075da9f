//! Where the programs are.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the build leaves what it brings.
const BROUGHT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/dataplanes");

/// The programs of a control plane and of data planes.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) plane: controlplane::Programs,
    pub(crate) contour: PathBuf,
    pub(crate) envoy: PathBuf,
    pub(crate) prometheus: PathBuf,
    /// The folder with the definitions of kinds.
    pub(crate) kinds: PathBuf,
}

impl Programs {
    /// The programs of this machine, `None` where some are missing, which is said.
    ///
    /// # Panics
    /// With `DATAPLANES=required` in the environment, when some are missing.
    pub(crate) fn for_tests() -> Option<Self> {
        let required = env::var_os("DATAPLANES").is_some_and(|value| value == "required");
        match Self::find() {
            Ok(programs) => Some(programs),
            Err(missing) if required => panic!("{missing}"),
            Err(missing) => {
                // Past the test harness, which hides what passing tests print. A closed stderr has nobody to be told.
                let _ = writeln!(io::stderr(), "left out: tests on data planes of others; {missing}");
                None
            }
        }
    }

    fn find() -> Result<Self, String> {
        let plane = controlplane::Programs::find().map_err(|error| error.to_string())?;
        let folder = env::var_os("DATAPLANES_DIR").map_or_else(|| BROUGHT.into(), PathBuf::from);
        let brought = |name: &str| {
            let path = folder.join(name);
            if path.exists() {
                return Ok(path);
            }
            Err(format!("there is no {}; bring it with tests/dataplanes/build", path.display()))
        };
        let prometheus = in_search_path("prometheus")
            .ok_or_else(|| "there is no program prometheus; Debian's package of that name has it".to_owned())?;
        let (contour, envoy, kinds) = (brought("contour")?, brought("envoy")?, brought("kinds")?);
        Ok(Self { plane, contour, envoy, prometheus, kinds })
    }
}

fn in_search_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| Path::is_file(file))
}
