//! Differences between `lib/apiserver` and the recorded server that are kept, each with its reason.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::compare::Difference;
use crate::fault::Error;
use crate::record;

/// A difference that is meant to be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// What is different, as a sentence for the README.
    pub(crate) difference: String,
    /// Why it stays so.
    pub(crate) reason: String,
    /// Where it shows.
    pub(crate) shows: Vec<Place>,
}

/// Where a kept difference shows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The sentence of the case.
    pub(crate) case: String,
    /// Paths into its transcript; `*` stands for one segment, and everything below a path belongs to it.
    pub(crate) at: Vec<String>,
}

/// All of them.
pub(crate) fn all() -> Result<Vec<Kept>, Error> {
    let text = record::read("kept.yaml")?;
    let fault = |error: serde_saphyr::Error| Error::Script { place: "kept.yaml".into(), why: error.to_string() };
    serde_saphyr::from_str(&text).map_err(fault)
}

/// The differences of a case that nobody wants, and the paths that were kept for it in vain.
pub(crate) fn unwanted(kept: &[Kept], case: &str, found: Vec<Difference>) -> (Vec<Difference>, Vec<String>) {
    let places = kept.iter().flat_map(|one| &one.shows).filter(|place| place.case == case);
    let paths: Vec<&String> = places.flat_map(|place| &place.at).collect();
    let mut used = BTreeSet::new();
    let mut unwanted = Vec::new();
    for difference in found {
        let covering: Vec<&&String> = paths.iter().filter(|path| covers(path, &difference.at)).collect();
        if covering.is_empty() {
            unwanted.push(difference);
        }
        used.extend(covering.into_iter().map(|path| path.as_str()));
    }
    let idle = paths.iter().filter(|path| !used.contains(path.as_str())).map(|path| (*path).clone());
    (unwanted, idle.collect())
}

/// The list for the README.
///
/// # Panics
///
/// If the list of this repository can't be read.
pub fn markdown() -> String {
    let entry = |one: Kept| {
        let cases: Vec<String> = one.shows.iter().map(|place| format!("“{}”", place.case)).collect();
        let Kept { difference, reason, .. } = one;
        format!("* **{difference}**\n  {reason}\n  Seen in {}.\n", cases.join(", "))
    };
    all().expect("the list is committed and was read by the tests").into_iter().map(entry).collect()
}

fn covers(pattern: &str, at: &str) -> bool {
    let mut segments = at.split('/');
    pattern.split('/').all(|wanted| segments.next().is_some_and(|segment| wanted == "*" || wanted == segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_what_is_below_it() {
        assert!(covers("*/answer/spec", "3/answer/spec/a"));
        assert!(covers("3/answer/spec", "3/answer/spec"));
        assert!(!covers("3/answer/spec", "3/answer"));
        assert!(!covers("3/answer/spec", "3/answer/specs"));
    }
}
