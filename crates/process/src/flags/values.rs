//! Values of flags, read as what they are: an error names the flag and what it takes.

use std::time::Duration;

use api::duration;
use http::Uri;
use regex::Regex;

use super::{Effect, Misread, Typed, parse_bool};
use crate::log::{Encoding, Level};

/// The value, unless it is empty.
pub fn filled(typed: &Typed, name: &str) -> Option<String> {
    Some(typed.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Whether the flag is on.
pub fn flag(typed: &Typed, name: &str) -> bool {
    parse_bool(typed.text(name)).unwrap_or_default()
}

/// The items of a list with commas.
pub fn list(typed: &Typed, name: &str) -> Vec<String> {
    typed.text(name).split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// A number above 0.
pub fn number(typed: &Typed, name: &'static str) -> Result<u32, Misread> {
    let number = typed.text(name).parse().ok().filter(|number| 0 < *number);
    number.ok_or_else(|| wrong(typed, name, "must be a number above 0"))
}

/// A port; 0 is any that is free.
pub fn port(typed: &Typed, name: &'static str) -> Result<u16, Misread> {
    typed.text(name).parse().map_err(|_| wrong(typed, name, "must be a port from 0 to 65535"))
}

/// A duration above 0.
pub fn time(typed: &Typed, name: &'static str) -> Result<Duration, Misread> {
    let time = duration::parse(typed.text(name)).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| wrong(typed, name, "must be a duration above 0, such as 1m30s"))
}

/// A URL with scheme and host.
pub fn url(typed: &Typed, name: &'static str) -> Result<String, Misread> {
    let text = typed.text(name);
    let absolute = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    match text.parse::<Uri>() {
        Ok(uri) if absolute(&uri) => Ok(text.to_owned()),
        _ => Err(wrong(typed, name, "must be a URL such as http://prometheus:9090")),
    }
}

/// A URL with scheme and host, unless nothing is said.
pub fn optional_url(typed: &Typed, name: &'static str) -> Result<Option<String>, Misread> {
    filled(typed, name).map(|_| url(typed, name)).transpose()
}

/// A regular expression, unless nothing is said.
pub fn regexp(typed: &Typed, name: &'static str) -> Result<Option<Regex>, Misread> {
    let read = |text: String| Regex::new(&text).map_err(|_| wrong(typed, name, "must be a regular expression"));
    filled(typed, name).map(read).transpose()
}

/// Quirk: a word that is no level means info, as in the original; unlike there it is warned about.
/// `a_documented_level_is_understood_and_a_wrong_one_is_info_with_a_warning` pins it.
pub fn log_level(typed: &Typed, warnings: &mut Vec<String>) -> Level {
    let text = typed.text("log-level");
    Level::parse(text).unwrap_or_else(|| {
        warnings.push(format!("-log-level {text:?} is not a level, using info"));
        Level::Info
    })
}

/// The form of log lines.
pub fn log_encoding(typed: &Typed) -> Result<Encoding, Misread> {
    Encoding::parse(typed.text("zap-encoding")).ok_or_else(|| wrong(typed, "zap-encoding", "must be json or console"))
}

/// What of the command line has no effect, in sentences for the log.
pub fn warnings(typed: &Typed) -> Vec<String> {
    let mut warnings: Vec<_> = typed
        .without_effect()
        .map(|(name, effect)| match effect {
            Effect::Later => format!("-{name} is accepted and has no effect yet"),
            Effect::Now | Effect::Never => format!("-{name} is accepted and ignored"),
        })
        .collect();
    if let Some(first) = typed.rest.first() {
        warnings.push(format!(
            "arguments from {first:?} on are ignored; a boolean flag takes its value after =, as in -x=true"
        ));
    }
    warnings
}

/// The value of this flag is not one that it takes.
pub fn wrong(typed: &Typed, name: &'static str, problem: &str) -> Misread {
    Misread::Value { name, value: typed.text(name).to_owned(), problem: problem.to_owned() }
}
