//! What a release does to the `ConfigMap`s and Secrets of its target.

use crate::cluster::{Cluster, but, canary};
use flagger_targets::{Error, Settings, Target, all, configs, revision};
use ports::{Change, Halt, Key, Kind, Seen, kinds};
use serde_json::{Value, json};

fn deployment() -> &'static dyn Target {
    all().into_iter().find(|target| target.kind() == "Deployment").unwrap()
}

/// A Deployment that takes its color from a `ConfigMap`, a token from a Secret, and extras if there are any.
fn cart() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "cart"}},
            "template": {
                "metadata": {"labels": {"app": "cart"}},
                "spec": {
                    "containers": [{
                        "name": "web",
                        "image": "cart:1",
                        "envFrom": [
                            {"configMapRef": {"name": "colors"}},
                            {"configMapRef": {"name": "extras", "optional": true}},
                        ],
                    }],
                    "volumes": [{"name": "token", "secret": {"secretName": "token"}}],
                },
            },
        },
    })
}

fn colors() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "colors", "namespace": "shop", "labels": {"team": "shop", "app": "cart"}, "annotations": {"a": "b"}},
        "data": {"color": "red"},
        "binaryData": {"logo": "AAAA"},
        "immutable": true,
    })
}

fn token() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "namespace": "shop"},
        "type": "Opaque",
        "data": {"apiKey": "dGVzdA=="},
    })
}

fn key(kind: Kind, name: &str) -> Key {
    Key::new(kind, "shop", name)
}

/// The canary, whose status says that these checksums were analysed.
fn analysed(tracked: &Value) -> api::Canary {
    let mut canary = canary(json!({}));
    let status = json!({"phase": "Progressing", "trackedConfigs": tracked});
    canary.status = Some(serde_json::from_value(status).unwrap());
    canary
}

/// What the status would track.
fn tracked(cluster: &Cluster) -> Result<Value, Error> {
    let facts = cluster.ask(&canary(json!({})), |cx, seen| deployment().facts(cx, seen))?;
    let Some(references) = facts.tracked_configs else { return Ok(Value::Null) };
    let tracked = cluster.ask(&canary(json!({})), |_, seen| {
        // As the shell does: digests in place of the objects.
        let mut digests = Seen::default();
        for reference in &references {
            let found: Result<_, Halt<Error>> = seen.get(&reference.key);
            digests.put(reference.key.clone(), found?.map(|object| configs::digest(object).into()));
        }
        configs::tracked(&references, &digests)
    });
    Ok(json!(tracked?))
}

#[test]
fn the_status_tracks_checksums_of_what_there_is() {
    let both = json!({"configmap/colors": "241889ca0604e333", "secret/token": "3930f0692c2295eb"});
    assert_eq!(tracked(&Cluster::with([cart(), colors(), token()])), Ok(both));

    let private = but(colors(), json!({"metadata": {"annotations": {"flagger.app/config-tracking": "disabled"}}}));
    let account = but(token(), json!({"type": "kubernetes.io/service-account-token"}));
    assert_eq!(tracked(&Cluster::with([cart(), private, account])), Ok(json!({})));

    let mut untracked = Cluster::with([cart()]);
    untracked.settings.config_tracking = false;
    assert_eq!(tracked(&untracked), Ok(Value::Null));
}

#[test]
fn what_is_missing_and_mandatory_is_told() {
    let missing = tracked(&Cluster::with([cart(), colors()])).unwrap_err();
    assert_eq!(missing.to_string(), r#"secret token.shop get query error: secrets "token" not found"#);
    let missing = tracked(&Cluster::with([cart(), token()])).unwrap_err();
    assert_eq!(missing.to_string(), r#"configmap colors.shop get query error: configmaps "colors" not found"#);
}

#[test]
fn a_new_primary_refers_to_copies_of_its_own() {
    let mut cluster = Cluster::with([cart(), colors(), token()]);
    cluster.settings = Settings { include_label_prefixes: vec!["team".to_owned()], ..Settings::default() };
    cluster.settle(&canary(json!({})), |cx, seen| deployment().primary(cx, seen, "id"));

    let pod = &cluster.get(&key(kinds::DEPLOYMENT, "cart-primary"))["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["envFrom"][0]["configMapRef"]["name"], "colors-primary");
    assert_eq!(pod["containers"][0]["envFrom"][1]["configMapRef"]["name"], "extras", "there is nothing to copy");
    assert_eq!(pod["volumes"][0]["secret"]["secretName"], "token-primary");
    assert_eq!(
        cluster.get(&key(kinds::CONFIG_MAP, "colors-primary")),
        &json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "colors-primary",
                "namespace": "shop",
                "labels": {"team": "shop"},
                "ownerReferences": [owner("cart", "5d1b", true)],
            },
            "data": {"color": "red"},
            "binaryData": {"logo": "AAAA"},
        })
    );
    let copy = cluster.get(&key(kinds::SECRET, "token-primary"));
    assert_eq!((&copy["type"], &copy["data"]), (&json!("Opaque"), &json!({"apiKey": "dGVzdA=="})));
}

#[test]
fn without_tracking_nothing_is_copied_or_renamed() {
    let mut cluster = Cluster::with([cart(), colors(), token()]);
    cluster.settings.config_tracking = false;
    let changes = cluster.settle(&canary(json!({})), |cx, seen| deployment().primary(cx, seen, "id"));
    assert_eq!(changes.len(), 1);
    let primary = cluster.get(&key(kinds::DEPLOYMENT, "cart-primary"));
    assert_eq!(primary["spec"]["template"]["spec"], cart()["spec"]["template"]["spec"]);
}

/// A cluster in which the primary was made, and the color changed since.
fn recolored() -> Cluster {
    let mut cluster = Cluster::with([cart(), colors(), token()]);
    cluster.settle(&canary(json!({})), |cx, seen| deployment().primary(cx, seen, "one"));
    cluster.put(but(colors(), json!({"data": {"color": "blue"}})));
    cluster
}

fn promote(cluster: &mut Cluster, canary: &api::Canary) -> Vec<Change> {
    let revision = revision::of(&cart()["spec"]["template"]);
    cluster.settle(canary, |cx, seen| deployment().promote(cx, seen, &revision, "two"))
}

#[test]
fn promotion_brings_copies_up_to_date_before_the_pods_that_use_them() {
    let mut cluster = recolored();
    let sums = tracked(&cluster).unwrap();
    let changes = promote(&mut cluster, &analysed(&sums));
    let names: Vec<_> = changes.iter().map(|change| change.key().name.as_str()).collect();
    assert_eq!(names, ["colors-primary", "cart-primary"]);
    assert_eq!(cluster.get(&key(kinds::CONFIG_MAP, "colors-primary"))["data"]["color"], "blue");
}

#[test]
fn configs_that_were_not_analysed_are_not_promoted() {
    let mut cluster = recolored();
    let sums = tracked(&cluster).unwrap();
    cluster.put(but(colors(), json!({"data": {"color": "green"}})));
    let revision = revision::of(&cart()["spec"]["template"]);
    let canary = analysed(&sums);
    let ask =
        |cluster: &Cluster, id: &str| cluster.ask(&canary, |cx, seen| deployment().promote(cx, seen, &revision, id));
    assert!(matches!(ask(&cluster, "two"), Err(Error::ConfigsMoved { .. })));
    assert_eq!(ask(&cluster, "one"), Ok(vec![]), "the promotion was made before they changed");
}

#[test]
fn canaries_that_share_a_config_own_its_copy_together() {
    let mut cluster = recolored();
    let others = json!([
        owner("cart", "of-a-former-canary", true),
        owner("basket", "77aa", true),
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "parent", "uid": "99"},
    ]);
    let copy = cluster.get(&key(kinds::CONFIG_MAP, "colors-primary")).clone();
    cluster.put(but(copy, json!({"metadata": {"ownerReferences": others}})));
    let sums = tracked(&cluster).unwrap();
    promote(&mut cluster, &analysed(&sums));
    assert_eq!(
        cluster.get(&key(kinds::CONFIG_MAP, "colors-primary"))["metadata"]["ownerReferences"],
        json!([
            owner("cart", "5d1b", true),
            owner("basket", "77aa", false),
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "parent", "uid": "99", "controller": false},
        ])
    );
}

fn owner(canary: &str, uid: &str, controls: bool) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "name": canary,
        "uid": uid,
        "controller": controls,
        "blockOwnerDeletion": true,
    })
}
