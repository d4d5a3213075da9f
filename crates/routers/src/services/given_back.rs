//! A user's Service as it was before there was a canary.

use serde_json::Value;

use crate::metadata;

/// The Service with this selector and without our annotations, `None` when there is nothing to change.
///
/// A Service that was applied without a selector gets none; annotations that were applied are the user's.
pub(super) fn service(live: &Value, selector: Option<Value>, applied: Option<&Value>) -> Option<Value> {
    let mut service = live.clone();
    let mut changed = false;
    if live.pointer("/spec/selector") != selector.as_ref() {
        let spec = service.get_mut("spec").and_then(Value::as_object_mut)?;
        match selector {
            Some(selector) => spec.insert("selector".to_owned(), selector),
            None => spec.remove("selector"),
        };
        changed = true;
    }
    changed |= metadata::let_flux_back(&mut service, applied);
    changed.then_some(service)
}

/// The selector of the target's pods, told from that of the primary's.
pub(super) fn selector(primary: &Value) -> Value {
    let mut selector = primary.clone();
    for value in selector.as_object_mut().into_iter().flat_map(|labels| labels.values_mut()) {
        if let Some(target) = value.as_str().and_then(|value| value.strip_suffix("-primary")) {
            *value = target.into();
        }
    }
    selector
}
