//! The command line of the load tester: the original's flags, and ours.

use std::time::Duration;

use process::flags::Takes::{Bool, Duration as Time, Text};
use process::flags::{Flag, Flags, Misread, Typed, filled, list, time, wrong};

use crate::serving::{Common, HasCommon, LOG_LEVEL, NAMESPACES, VERSION_FLAG, ZAP_ENCODING, port_flag};
use crate::store::Place;
use crate::tasks::Policy;

/// All flags.
pub(crate) const FLAGS: Flags = Flags { program: "loadtester", rows: ROWS };

const ROWS: &[Flag] = &[
    Flag::new("allowed-commands", Text, "", "programs that tasks may run, comma separated; all without it"),
    Flag::new(
        "command-env",
        Text,
        "",
        "environment variables that commands get besides the usual ones, comma separated; * for all",
    ),
    Flag::new("gate-configmap", Text, "", "keep gates in this ConfigMap, as namespace/name"),
    Flag::new("gate-file", Text, "", "keep gates in this file"),
    Flag::new("kubeconfig", Text, "", "path of a kubeconfig, for -gate-configmap"),
    LOG_LEVEL,
    NAMESPACES,
    port_flag("9090"),
    Flag::new("timeout", Time, "1h", "how long a task may take"),
    VERSION_FLAG,
    ZAP_ENCODING,
    Flag::new("zap-replace-globals", Bool, "false", "setting of the original's logging library").never(),
];

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) common: Common,
    /// How long a task may take.
    pub(crate) timeout: Duration,
    pub(crate) policy: Policy,
    /// Where gates are kept.
    pub(crate) gates: Place,
}

impl Settings {
    /// What the typed flags mean.
    pub(crate) fn read(typed: &Typed) -> Result<Self, Misread> {
        Ok(Self {
            common: Common::read(typed)?,
            timeout: time(typed, "timeout")?,
            policy: Policy {
                allowed: list(typed, "allowed-commands"),
                env: list(typed, "command-env"),
                ..Policy::default()
            },
            gates: place(typed, "gate-file", "gate-configmap")?,
        })
    }
}

impl HasCommon for Settings {
    fn common(&self) -> &Common {
        &self.common
    }
}

/// Where something is kept, by two flags of which one may be given.
pub(crate) fn place(typed: &Typed, file: &'static str, config_map: &'static str) -> Result<Place, Misread> {
    match (filled(typed, file), filled(typed, config_map)) {
        (None, None) => Ok(Place::Memory),
        (Some(path), None) => Ok(Place::File(path.into())),
        (None, Some(name)) => match name.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Place::ConfigMap { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(wrong(typed, config_map, "must be namespace/name")),
        },
        (Some(_), Some(_)) => Err(wrong(typed, config_map, &format!("can't be given together with -{file}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Settings, String> {
        let typed = Typed::read(&FLAGS, line.split_whitespace().map(str::to_owned), |_| None);
        typed.and_then(|typed| Settings::read(&typed)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_of_the_original_have_its_defaults() {
        for (flag, default) in [
            ("log-level", "debug"),
            ("port", "9090"),
            ("timeout", "1h"),
            ("namespace-regexp", ""),
            ("zap-replace-globals", "false"),
            ("zap-encoding", "json"),
        ] {
            assert_eq!(FLAGS.find(flag).unwrap().default, default, "{flag}");
        }
        let settings = read("").unwrap();
        assert_eq!(settings.timeout, Duration::from_secs(3600));
        assert_eq!(settings.gates, Place::Memory);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |line| read(line).unwrap_err();
        assert_eq!(
            refused("--namespace-regexp=("),
            r#"invalid value "(" for flag -namespace-regexp: must be a regular expression"#
        );
        assert_eq!(
            refused("-gate-configmap gates"),
            r#"invalid value "gates" for flag -gate-configmap: must be namespace/name"#
        );
        assert_eq!(
            refused("-gate-configmap a/b -gate-file c"),
            r#"invalid value "a/b" for flag -gate-configmap: can't be given together with -gate-file"#
        );
        assert_eq!(
            refused("-timeout 0s"),
            r#"invalid value "0s" for flag -timeout: must be a duration above 0, such as 1m30s"#
        );
    }
}
