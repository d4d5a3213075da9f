//! Values by namespace and name, in little memory: each namespace is kept once, and the kind of the objects not at all.

use std::collections::BTreeMap;

/// One value for each of many objects of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Places<V>(BTreeMap<Box<str>, BTreeMap<Box<str>, V>>);

impl<V> Default for Places<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> Places<V> {
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&V> {
        self.0.get(namespace)?.get(name)
    }

    /// The value of an object, a default one when there was none.
    pub(crate) fn entry(&mut self, namespace: &str, name: &str) -> &mut V
    where
        V: Default,
    {
        self.0.entry(namespace.into()).or_default().entry(name.into()).or_default()
    }

    pub(crate) fn insert(&mut self, namespace: &str, name: &str, value: V) {
        self.0.entry(namespace.into()).or_default().insert(name.into(), value);
    }

    pub(crate) fn remove(&mut self, namespace: &str, name: &str) -> Option<V> {
        let names = self.0.get_mut(namespace)?;
        let value = names.remove(name);
        if names.is_empty() {
            self.0.remove(namespace);
        }
        value
    }

    /// Namespace, name and value of each, in this order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &V)> {
        self.0.iter().flat_map(|(namespace, names)| {
            names.iter().map(move |(name, value)| (namespace.as_ref(), name.as_ref(), value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_namespace_and_name_until_it_is_removed() {
        let mut places = Places::default();
        for (namespace, name) in [("b", "x"), ("a", "y"), ("a", "x"), ("a", "y")] {
            *places.entry(namespace, name) += 1;
        }
        assert_eq!(places.iter().collect::<Vec<_>>(), [("a", "x", &1), ("a", "y", &2), ("b", "x", &1)]);
        assert_eq!((places.remove("a", "y"), places.remove("a", "y"), places.get("a", "x")), (Some(2), None, Some(&1)));
        assert_eq!(places.get("b", "y"), None);
    }
}
