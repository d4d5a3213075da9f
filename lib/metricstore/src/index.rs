//! Finds series by the values of their labels, without looking at every series.

use std::collections::HashMap;

use promql_parser::label::{MatchOp, Matcher};

use crate::database::SeriesId;
use crate::labels::Labels;

/// For each label and each of its values, the series that have it.
#[derive(Debug, Default)]
pub(crate) struct Index(HashMap<Box<str>, HashMap<Box<str>, Vec<SeriesId>>>);

impl Index {
    pub(crate) fn add(&mut self, id: SeriesId, labels: &Labels) {
        for (name, value) in labels.iter() {
            self.0.entry(name.into()).or_default().entry(value.into()).or_default().push(id);
        }
    }

    /// Forgets the series that are not to be kept.
    pub(crate) fn retain(&mut self, kept: impl Fn(SeriesId) -> bool) {
        self.0.retain(|_, values| {
            values.retain(|_, ids| {
                ids.retain(|id| kept(*id));
                !ids.is_empty()
            });
            !values.is_empty()
        });
    }

    /// Series among which are all that the matchers accept: those that the most selective matcher accepts. None when no
    /// matcher asks for the presence of a label, so that any series may be accepted.
    pub(crate) fn candidates(&self, matchers: &[Matcher]) -> Option<Vec<SeriesId>> {
        let demanding = matchers.iter().filter(|matcher| !matcher.is_match(""));
        let fewest = demanding
            .map(|matcher| self.accepted(matcher))
            .min_by_key(|lists| lists.iter().map(|ids| ids.len()).sum::<usize>())?;
        Some(fewest.concat())
    }

    fn accepted(&self, matcher: &Matcher) -> Vec<&[SeriesId]> {
        let Some(values) = self.0.get(matcher.name.as_str()) else { return Vec::new() };
        match matcher.op {
            MatchOp::Equal => values.get(matcher.value.as_str()).map(Vec::as_slice).into_iter().collect(),
            MatchOp::NotEqual | MatchOp::Re(_) | MatchOp::NotRe(_) => {
                values.iter().filter(|(value, _)| matcher.is_match(value)).map(|(_, ids)| ids.as_slice()).collect()
            }
        }
    }
}
