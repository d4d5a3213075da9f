//! What a container's environment says about how it behaves.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::duration;

/// How one copy behaves.
///
/// | Variable | Meaning |
/// |---|---|
/// | `FAIL_RATE` | share of requests answered 500, as `0.3` or `30%`; probes and metrics are spared |
/// | `LATENCY` | added to every answer, as `250ms`; probes and metrics are spared |
/// | `CPU` | cores that it says to use, as `0.2` or `200m` |
/// | `MEMORY` | memory that it says to use, as `64Mi` |
/// | `CRASH` | `true`: the container exits with code 1 soon after its start |
/// | `PODINFO_UI_MESSAGE`, `PODINFO_UI_COLOR` | shown at `/` |
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) hostname: String,
    pub(crate) version: String,
    pub(crate) fail_rate: f64,
    pub(crate) latency: Duration,
    pub(crate) crash: bool,
    pub(crate) usage: Usage,
    message: String,
    color: String,
}

/// What a copy says that it takes of its machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    pub(crate) cores: f64,
    pub(crate) memory_bytes: f64,
}

/// A variable that the application can't read, so that it exits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSetting {
    /// Not a share.
    #[error("FAIL_RATE must be a share such as 0.3 or 30%, not \"{0}\"")]
    FailRate(String),
    /// Not a duration.
    #[error("LATENCY must be a duration such as 250ms, not \"{0}\"")]
    Latency(String),
    /// Not a number of cores.
    #[error("CPU must be a number of cores such as 0.2 or 200m, not \"{0}\"")]
    Cpu(String),
    /// Not a number of bytes.
    #[error("MEMORY must be a number of bytes such as 64Mi, not \"{0}\"")]
    Memory(String),
    /// Neither true nor false.
    #[error("CRASH must be true or false, not \"{0}\"")]
    Crash(String),
}

impl Settings {
    /// Reads the environment of the copy `hostname`, whose image says which version it is.
    pub(crate) fn read(hostname: &str, version: &str, env: &BTreeMap<String, String>) -> Result<Self, BadSetting> {
        let get = |name: &str| env.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let or = |name: &str, default: &str| get(name).unwrap_or(default).to_owned();
        Ok(Self {
            hostname: hostname.to_owned(),
            version: version.to_owned(),
            fail_rate: get("FAIL_RATE").map_or(Ok(0.0), |text| share(text).ok_or(BadSetting::FailRate(text.into())))?,
            latency: get("LATENCY")
                .map_or(Ok(Duration::ZERO), |text| duration::parse(text).ok_or(BadSetting::Latency(text.into())))?,
            crash: get("CRASH").map_or(Ok(false), |text| text.parse().map_err(|_| BadSetting::Crash(text.into())))?,
            usage: Usage {
                cores: quantity(&or("CPU", "10m")).ok_or_else(|| BadSetting::Cpu(or("CPU", "")))?,
                memory_bytes: quantity(&or("MEMORY", "24Mi")).ok_or_else(|| BadSetting::Memory(or("MEMORY", "")))?,
            },
            message: or("PODINFO_UI_MESSAGE", &format!("greetings from podinfo v{version}")),
            color: or("PODINFO_UI_COLOR", "#34577c"),
        })
    }

    /// What `/` shows.
    pub(crate) fn about(&self) -> Value {
        json!({
            "hostname": self.hostname,
            "version": self.version,
            "revision": "sandbox",
            "color": self.color,
            "logo": "https://raw.githubusercontent.com/stefanprodan/podinfo/gh-pages/cuddle_clap.gif",
            "message": self.message,
            "runtime": "sandbox",
        })
    }
}

fn share(text: &str) -> Option<f64> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent, 100.0));
    let share = number.trim().parse::<f64>().ok()? / scale;
    (0.0..=1.0).contains(&share).then_some(share)
}

/// An amount as resources of containers are written; a negative one is none.
fn quantity(text: &str) -> Option<f64> {
    const SCALES: [(&str, f64); 7] =
        [("m", 1e-3), ("Ki", 1024.0), ("Mi", 1_048_576.0), ("Gi", 1_073_741_824.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];
    let scaled = SCALES.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
    let (number, scale) = scaled.unwrap_or((text, 1.0));
    let amount = number.parse::<f64>().ok()? * scale;
    (0.0..1e18).contains(&amount).then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, BadSetting> {
        Settings::read("podinfo-a", "6.0.0", &BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn a_fail_rate_is_a_share_or_a_percentage() {
        for (text, rate) in [("0.3", 0.3), ("30%", 0.3), ("0", 0.0), ("100%", 1.0), ("", 0.0)] {
            assert!((read("FAIL_RATE", text).unwrap().fail_rate - rate).abs() < 1e-9, "{text}");
        }
        for text in ["30", "-1", "NaN", "many"] {
            assert_eq!(read("FAIL_RATE", text), Err(BadSetting::FailRate(text.into())), "{text}");
        }
    }

    #[test]
    fn usage_is_written_as_resources_are() {
        let usage = |name, value| read(name, value).unwrap().usage;
        for (text, cores) in [("0.2", 0.2), ("200m", 0.2), ("2", 2.0)] {
            assert!((usage("CPU", text).cores - cores).abs() < 1e-9, "{text}");
        }
        assert!((usage("MEMORY", "64Mi").memory_bytes - 67_108_864.0).abs() < 1e-3);
        for text in ["-1", "NaN", "much", "1e30"] {
            assert_eq!(read("MEMORY", text), Err(BadSetting::Memory(text.into())), "{text}");
        }
    }

    #[test]
    fn a_wrong_variable_is_named() {
        assert!(read("LATENCY", "slow").unwrap_err().to_string().starts_with("LATENCY must be"));
        assert!(read("CRASH", "yes").unwrap_err().to_string().starts_with("CRASH must be"));
    }
}
