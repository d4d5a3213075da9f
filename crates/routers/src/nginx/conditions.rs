//! Conditions of an analysis as annotations: one header with a value or a pattern, one cookie, and who meets either is chosen.

use api::{HttpMatch, StringMatch};
use serde_json::{Map, Value};

use super::{NAME, named};
use crate::{Context, Error};

/// The header whose value names a cookie.
const COOKIE: &str = "cookie";

/// The annotations by which the canary's requests are chosen; none when the analysis chooses none.
pub(super) fn annotations(cx: &Context<'_>) -> Result<Map<String, Value>, Error> {
    let mut annotations = Map::new();
    for (index, condition) in cx.canary.spec.analysis.match_.iter().enumerate() {
        let field = format!("spec.analysis.match[{index}]");
        let (header, text) = only_header(&field, condition)?;
        let field = format!("{field}.headers.{header}");
        let chosen = if header.eq_ignore_ascii_case(COOKIE) {
            cookie(text).map(|cookie| vec![("canary-by-cookie", cookie)])
        } else {
            value(text).map(|(name, value)| vec![("canary-by-header", header), (name, value)])
        };
        for (name, value) in chosen.ok_or_else(|| unsupported(field.clone()))? {
            if annotations.insert(named(cx, name), value.into()).is_some() {
                return Err(unsupported(format!("{field} beside another condition of its kind")));
            }
        }
    }
    Ok(annotations)
}

/// Conditions of one entry have to hold together, for which there is no annotation.
fn only_header<'a>(field: &str, condition: &'a HttpMatch) -> Result<(&'a str, &'a StringMatch), Error> {
    let mut headers = condition.headers.iter();
    let (Some((header, text)), None) = (headers.next(), headers.next()) else {
        return Err(unsupported(format!("{field} with other than one header")));
    };
    let rest = HttpMatch { headers: condition.headers.clone(), ..HttpMatch::default() };
    if rest != *condition {
        return Err(unsupported(format!("{field} with more than headers")));
    }
    Ok((header, text))
}

fn cookie(text: &StringMatch) -> Option<&str> {
    text.exact.as_deref().filter(|name| !name.is_empty())
}

fn value(text: &StringMatch) -> Option<(&'static str, &str)> {
    match (text.exact.as_deref(), text.regex.as_deref()) {
        (Some(exact), _) if !exact.is_empty() => Some(("canary-by-header-value", exact)),
        (_, Some(regex)) if !regex.is_empty() => Some(("canary-by-header-pattern", regex)),
        _ => None,
    }
}

fn unsupported(field: String) -> Error {
    Error::Unsupported { field, provider: NAME }
}
