//! A user's Service as it was before there was a canary.

use serde_json::{Value, json};

use crate::{Context, metadata};

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

/// The selector of the target's pods; where their label is not known, told from that of the primary's.
pub(super) fn selector(cx: &Context<'_>, live: &Value) -> Option<Value> {
    if !cx.label.value.is_empty() {
        return Some(json!({cx.label.key: cx.label.value}));
    }
    let mut selector = live.pointer("/spec/selector")?.clone();
    for value in selector.as_object_mut()?.values_mut() {
        if let Some(target) = value.as_str().and_then(|value| value.strip_suffix("-primary")) {
            *value = target.into();
        }
    }
    Some(selector)
}

#[cfg(test)]
mod tests {
    use api::Canary;

    use super::*;
    use crate::{Label, Settings};

    #[test]
    fn the_selector_of_a_target_that_is_gone_is_told_from_the_primarys() {
        let given_back = |value: &str| {
            let canary = Canary::default();
            let label = Label { key: "app", value };
            let cx = Context { canary: &canary, label, ports: &[], settings: &Settings::default() };
            selector(&cx, &json!({"spec": {"selector": {"name": "cart-primary"}}})).unwrap()
        };
        assert_eq!(given_back(""), json!({"name": "cart"}));
        assert_eq!(given_back("shop"), json!({"app": "shop"}));
    }
}
