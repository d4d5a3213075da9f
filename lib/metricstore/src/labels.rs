//! The identity of a series: a sorted, shared list of label names and values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The label that holds a series' metric name.
pub const METRIC_NAME: &str = "__name__";

/// Name and value, shared between a series and what queries make of it.
type Label = (Arc<str>, Arc<str>);

/// Label names and values, sorted by name and cheap to clone.
///
/// A label without a value is the same as no label, as everywhere in Prometheus.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

impl Labels {
    /// Labels from pairs in any order; of two pairs with one name the later counts.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Arc<str>>,
        V: Into<Arc<str>>,
    {
        let sorted: BTreeMap<Arc<str>, Arc<str>> = pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        Self(sorted.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of a label, empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        match self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name)) {
            Ok(found) => self.0.get(found).map_or("", |(_, value)| value),
            Err(_) => "",
        }
    }

    /// Names and values in the order of the names, the metric name included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// The same labels with one set, or removed when `value` is empty.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        Self::new(self.iter().chain([(name, value)]))
    }

    /// Only the named labels.
    pub(crate) fn only(&self, names: &[String]) -> Self {
        self.filtered(|name| names.iter().any(|kept| kept == name))
    }

    /// All labels but the named ones.
    pub(crate) fn without(&self, names: &[String]) -> Self {
        self.filtered(|name| !names.iter().any(|dropped| dropped == name))
    }

    /// All labels but the metric name: what arithmetic leaves of a series' identity.
    pub(crate) fn nameless(&self) -> Self {
        if self.get(METRIC_NAME).is_empty() { self.clone() } else { self.filtered(|name| name != METRIC_NAME) }
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (position, (label, value)) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{label}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Whether `name` may be a label's name: a letter or underscore, then letters, digits and underscores.
pub(crate) fn is_label_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn labels_are_the_same_in_any_order_and_without_empty_values() {
        let one = Labels::new([("b", "2"), ("a", "1"), ("c", "")]);
        let other = Labels::new([("a", "0"), ("a", "1"), ("b", "2")]);
        assert_eq!(one, other);
        assert_eq!(one.get("c"), "");
    }

    #[test]
    fn labels_are_shown_as_prometheus_shows_them() {
        let labels = Labels::new([("__name__", "up"), ("job", "a\"b")]);
        assert_eq!(labels.to_string(), r#"{__name__="up", job="a\"b"}"#);
        assert_eq!(Labels::default().to_string(), "{}");
    }
}
