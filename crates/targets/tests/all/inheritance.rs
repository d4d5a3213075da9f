//! What a canary makes of what another one left behind.

use std::sync::Arc;

use crate::cluster::canary;
use flagger_targets::{Context, Settings, inherit};
use ports::{Change, Halt, Key, Seen, kinds};
use serde_json::{Value, json};

/// The owners that a primary has afterwards, when its first was the canary `name` with `uid` and these canaries are there.
fn owners(name: &str, uid: &str, there: &[(&str, &str)]) -> Option<Value> {
    let (canary, settings) = (canary(json!({})), Settings::default());
    let cx = Context { canary: &canary, settings: &settings };
    let owner = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": name, "uid": uid, "controller": true,
    });
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "1"});
    let primary = json!({"metadata": {"resourceVersion": "7", "ownerReferences": [theirs, owner]}});
    let mut seen = Seen::default();
    seen.put(Key::new(kinds::DEPLOYMENT, "shop", "cart-primary"), Some(Arc::new(primary)));
    loop {
        match inherit(&cx, &seen) {
            Ok(changes) => {
                return changes.into_iter().next().map(|change| match change {
                    Change::Replace(_, object) => object["metadata"]["ownerReferences"].clone(),
                    other => panic!("{other:?}"),
                });
            }
            Err(Halt::Need(key)) => {
                let found = there.iter().find(|(name, _)| *name == key.name);
                let found = found.map(|(_, uid)| Arc::new(json!({"metadata": {"uid": uid}})));
                seen.put(key, found);
            }
            Err(Halt::Failed(error)) => panic!("{error}"),
        }
    }
}

#[test]
fn the_objects_of_a_canary_that_is_gone_are_taken_over_and_those_of_a_living_one_are_not() {
    let taken = owners("old", "4c2a", &[]).unwrap();
    assert_eq!(
        (&taken[0]["name"], &taken[1]["name"], &taken[1]["uid"]),
        (&json!("theirs"), &json!("cart"), &json!("5d1b"))
    );
    assert!(owners("cart", "4c2a", &[("cart", "5d1b")]).is_some(), "created again under its name");
    assert_eq!(owners("cart", "5d1b", &[]), None, "its own");
    assert_eq!(owners("old", "4c2a", &[("old", "4c2a")]), None);
}
