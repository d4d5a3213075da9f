//! Which labels and annotations of a user's object go into a copy.

use api::well_known::FLUX;
use serde_json::{Map, Value};

/// The map at `pointer` (such as `/metadata/labels`) without what belongs to Flux, which would collect a copy that carried it
/// as not in its source.
pub(crate) fn without_flux(object: &Value, pointer: &str) -> Map<String, Value> {
    kept(object, pointer, |key| !key.contains(FLUX))
}

/// The map at `pointer`, only keys that start with one of the prefixes; `*` stands for every key, an empty prefix for none.
pub(crate) fn included(object: &Value, pointer: &str, prefixes: &[String]) -> Map<String, Value> {
    let wanted =
        |key: &str| prefixes.iter().any(|prefix| prefix == "*" || (!prefix.is_empty() && key.starts_with(prefix)));
    kept(object, pointer, |key| !key.contains(FLUX) && wanted(key))
}

/// One label or annotation of the map at `pointer`.
pub(crate) fn get<'o>(object: &'o Value, pointer: &str, key: &str) -> Option<&'o str> {
    object.pointer(pointer)?.get(key)?.as_str()
}

/// The entries at `pointer` whose key passes.
pub(crate) fn kept(object: &Value, pointer: &str, keep: impl Fn(&str) -> bool) -> Map<String, Value> {
    let entries = object.pointer(pointer).and_then(Value::as_object);
    entries
        .into_iter()
        .flatten()
        .filter(|(key, _)| keep(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_prefix_includes_nothing_and_a_star_all_but_flux() {
        let object = json!({"metadata": {"labels": {"team": "shop", "kustomize.toolkit.fluxcd.io/name": "apps"}}});
        let included = |prefix: &str| included(&object, "/metadata/labels", &[prefix.to_owned()]);

        assert_eq!(included(""), Map::new());
        assert_eq!(Value::Object(included("*")), json!({"team": "shop"}));
        assert_eq!(Value::Object(included("te")), json!({"team": "shop"}));
        assert_eq!(included("app"), Map::new());
    }
}
