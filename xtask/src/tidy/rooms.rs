//! Which room may know which: the table of rooms in ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::repository::{Finding, Repository, line_of};

/// A crate of the workspace, and the crates of the workspace that it may depend on.
type Room = (&'static str, &'static [&'static str]);

/// All rooms, from the bottom to the top. A new arrow is a decision of its own: it goes here and into ARCHITECTURE.md.
const ROOMS: &[Room] = &[
    ("apiserver", &[]),
    ("apisuite", &[]),
    ("metricstore", &[]),
    ("controlplane", &[]),
    ("flagger-api", &[]),
    ("flagger-ports", &[]),
    ("flagger-rollout", &["flagger-api"]),
    ("flagger-targets", &["flagger-api", "flagger-ports"]),
    ("flagger-routers", &["flagger-api", "flagger-ports", "flagger-rollout"]),
    ("flagger-meters", &["flagger-api", "flagger-ports"]),
    ("flagger-hooks", &["flagger-api", "flagger-ports"]),
    ("flagger-notifiers", &["flagger-api", "flagger-ports"]),
    ("flagger-process", &["flagger-api"]),
    (
        "flagger-operator",
        &[
            "flagger-api",
            "flagger-hooks",
            "flagger-meters",
            "flagger-notifiers",
            "flagger-ports",
            "flagger-process",
            "flagger-rollout",
            "flagger-routers",
            "flagger-targets",
        ],
    ),
    ("flagger-loadtester", &["flagger-api", "flagger-ports", "flagger-process"]),
    ("flagger-sandbox", &["apiserver", "flagger-ports", "metricstore"]),
    (
        "flagger",
        &[
            "controlplane",
            "flagger-api",
            "flagger-loadtester",
            "flagger-operator",
            "flagger-ports",
            "flagger-rollout",
            "flagger-sandbox",
        ],
    ),
    ("dataplanes", &[]),
    ("histories", &["apiserver", "flagger-api", "flagger-operator", "flagger-ports"]),
    ("kubectlsuite", &["controlplane", "flagger-sandbox"]),
    ("setups", &["kubectlsuite"]),
    (
        "xtask",
        &[
            "apiserver",
            "apisuite",
            "controlplane",
            "flagger-api",
            "flagger-loadtester",
            "flagger-meters",
            "flagger-operator",
            "flagger-routers",
            "histories",
            "kubectlsuite",
            "setups",
        ],
    ),
];

/// The rooms that decide or translate, and perform nothing.
const PURE: [&str; 8] = [
    "flagger-api",
    "flagger-hooks",
    "flagger-meters",
    "flagger-notifiers",
    "flagger-ports",
    "flagger-rollout",
    "flagger-routers",
    "flagger-targets",
];

/// What touches the world, and may not be below a pure room at any depth.
const WORLDLY: [&str; 7] = ["hyper", "kube-client", "rand", "reqwest", "rustls", "tokio", "tracing-subscriber"];

/// What the decision must not even speak of. Its own dependencies count, not those of `flagger-api`.
const UNSPOKEN: [&str; 4] = ["flagger-ports", "http", "serde_json", "tracing"];

/// A dependency as a manifest has it; those for development alone are left out.
#[derive(Debug)]
struct Arrow {
    from: String,
    to: String,
    /// The key in the manifest.
    key: String,
    /// The manifest's path in the repository.
    manifest: String,
}

/// Crates depend on each other as [`ROOMS`] says.
pub(super) fn arrows(repository: &Repository) -> Result<Vec<Finding>> {
    let metadata = cargo(&repository.root, &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata).context("failed to read the metadata of cargo")?;
    let members = array(&metadata["packages"]);
    let arrows: Vec<Arrow> = members.iter().flat_map(|member| arrows_of(repository, member)).collect();
    let mut findings = wrong(repository, &arrows);
    let known: BTreeSet<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
    let named = members.iter().map(|member| (text(&member["name"]), manifest(repository, member)));
    findings.extend(named.filter(|(name, _)| !known.contains(name)).map(|(name, manifest)| {
        Finding::new(&manifest, 1, format!("give {name} a row in xtask/src/tidy/rooms.rs and in ARCHITECTURE.md"))
    }));
    Ok(findings)
}

/// Nothing worldly is below a pure room, in a build of that room alone.
///
/// `cargo tree` and not `cargo metadata` says what is below: the latter switches on the features that any crate of the
/// workspace asks for, and so shows kube's client below `flagger-api`.
pub(super) fn purity(repository: &Repository) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for room in PURE {
        let arguments =
            ["--package", room, "--edges", "normal", "--all-features", "--prefix", "none", "--format", "{p}"];
        let tree = cargo(&repository.root, &[&["tree", "--locked"], arguments.as_slice()].concat())?;
        let below: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let manifest = format!("crates/{}/Cargo.toml", room.trim_start_matches("flagger-"));
        findings.extend(WORLDLY.iter().filter(|name| below.contains(**name)).map(|name| {
            let how = format!("cargo tree -p {room} --all-features -e normal -i {name}");
            Finding::new(&manifest, 1, format!("keep {name} out of {room}; `{how}` shows how it came in"))
        }));
    }
    Ok(findings)
}

fn wrong(repository: &Repository, arrows: &[Arrow]) -> Vec<Finding> {
    let is_room = |name: &str| ROOMS.iter().any(|(room, _)| *room == name);
    let allowed = |arrow: &Arrow| {
        let (_, below) = ROOMS.iter().find(|(room, _)| *room == arrow.from)?;
        Some(below.contains(&arrow.to.as_str()))
    };
    let broken = arrows.iter().filter_map(|arrow| {
        let Arrow { from, to, key, manifest } = arrow;
        let advice = if is_room(to) && allowed(arrow) == Some(false) {
            format!("{from} may not depend on {to}: move what is shared below both, or change the table of rooms")
        } else if from == "flagger-rollout" && UNSPOKEN.contains(&to.as_str()) {
            format!("the decision does not know {to}: make what it needs an effect")
        } else {
            return None;
        };
        let is_here =
            |line: &str| line.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
        Some(Finding::new(manifest, line_of(repository.text(manifest), is_here), advice))
    });
    broken.collect()
}

fn arrows_of(repository: &Repository, member: &Value) -> Vec<Arrow> {
    let dependencies = array(&member["dependencies"]).iter().filter(|dependency| dependency["kind"] != "dev");
    dependencies
        .map(|dependency| Arrow {
            from: text(&member["name"]).to_owned(),
            to: text(&dependency["name"]).to_owned(),
            key: dependency["rename"].as_str().unwrap_or(text(&dependency["name"])).to_owned(),
            manifest: manifest(repository, member),
        })
        .collect()
}

fn manifest(repository: &Repository, member: &Value) -> String {
    let path = Path::new(text(&member["manifest_path"]));
    path.strip_prefix(&repository.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// What cargo prints, from what is on this machine.
fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    // Set by the cargo that runs this, so that both are of one version.
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let command = format!("cargo {}", arguments.join(" "));
    let output = Command::new(program).arg("--offline").args(arguments).current_dir(root).output();
    let output = output.with_context(|| format!("failed to run `{command}`"))?;
    if !output.status.success() {
        bail!("`{command}` failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{command}` printed something that is no text"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: &str, to: &str, key: &str) -> Arrow {
        Arrow { from: from.into(), to: to.into(), key: key.into(), manifest: "crates/x/Cargo.toml".into() }
    }

    #[test]
    fn an_arrow_that_points_up_is_found_in_its_line() {
        let manifest = "[dependencies]\nportside = \"1\"\nports.workspace = true\n";
        let repository = Repository::of(&[("crates/x/Cargo.toml", manifest)]);
        let found = |from: &str, to: &str| {
            wrong(&repository, &[arrow(from, to, "ports")]).into_iter().map(|finding| finding.line).collect::<Vec<_>>()
        };
        assert!(found("flagger-targets", "flagger-ports").is_empty());
        assert_eq!(found("flagger-rollout", "flagger-ports"), [3]);
        assert_eq!(found("apiserver", "flagger-ports"), [3]);
        assert!(found("flagger-targets", "serde_json").is_empty());
        assert_eq!(found("flagger-rollout", "serde_json"), [3]);
    }

    #[test]
    fn rooms_only_know_rooms_that_stand_before_them() {
        for (at, (room, below)) in ROOMS.iter().enumerate() {
            for name in *below {
                assert!(ROOMS[..at].iter().any(|(earlier, _)| earlier == name), "{room} knows {name}");
            }
        }
    }
}
