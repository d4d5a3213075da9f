//! Canary Ingresses: what their cases do not show.

use api::Canary;
use flagger_routers::{Router, Settings, find};
use ports::kinds::INGRESS;
use rollout::traffic::Split;
use serde_json::{Value, json};

use crate::cases::case;
use crate::cluster::{Cluster, canary};

fn router() -> &'static dyn Router {
    find("nginx").unwrap()
}

fn cart(analysis: Value) -> Canary {
    let mut analysis = analysis;
    analysis["interval"] = json!("1m");
    canary(json!({"service": {"port": 80}, "analysis": analysis}))
}

/// A cluster with the Ingress of the user's that leads to this Service.
fn cluster(service: &str) -> Cluster {
    let path =
        json!({"path": "/", "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}});
    let ingress = json!({
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"rules": [{"host": "cart.example.com", "http": {"paths": [path]}}]},
    });
    Cluster::with(INGRESS, ingress)
}

/// The canary annotations, by what comes after the prefix.
fn annotations(cluster: &Cluster) -> Value {
    let all = cluster.get(INGRESS, "cart-canary")["metadata"]["annotations"].as_object().unwrap();
    all.iter().filter_map(|(name, value)| Some((name.split_once("/canary")?.1.to_owned(), value.clone()))).collect()
}

#[test]
fn an_ingress_that_flagger_wrote_is_taken_over_without_a_write() {
    let (canary, mut cluster) = case("nginx/taken-over");
    assert_eq!(cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen)), vec![]);
    assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::canary(30));
}

#[test]
fn the_canary_has_the_chosen_requests_or_none() {
    let chosen = cart(json!({"iterations": 2, "match": [{"headers": {"x-user": {"exact": "insider"}}}]}));
    let mut cluster = cluster("cart");
    for (split, expected) in [
        (Split::PRIMARY, json!({"": "true", "-weight": "0"})),
        (Split::CANARY, json!({"": "true", "-by-header": "x-user", "-by-header-value": "insider"})),
        (Split::PRIMARY, json!({"": "true", "-weight": "0"})),
    ] {
        cluster.settle(&chosen, |cx, seen| router().write(cx, seen, split));
        assert_eq!(cluster.settle(&chosen, |cx, seen| router().reconcile(cx, seen)), vec![]);
        assert_eq!(cluster.ask(&chosen, |cx, seen| router().read(cx, seen)).unwrap(), split);
        assert_eq!(annotations(&cluster), expected);
    }
}

#[test]
fn annotations_begin_as_the_operator_was_told() {
    let mut cluster = cluster("cart");
    cluster.settings = Settings { ingress_annotations_prefix: "custom.example.com".to_owned(), ..Settings::default() };
    cluster.settle(&cart(json!({"stepWeight": 10})), |cx, seen| router().write(cx, seen, Split::canary(10)));
    let annotations = &cluster.get(INGRESS, "cart-canary")["metadata"]["annotations"];
    assert_eq!(annotations["custom.example.com/canary-weight"], "10");
    assert_eq!(annotations.get("nginx.ingress.kubernetes.io/canary"), None);
}

#[test]
fn annotations_that_somebody_broke_send_the_canary_nothing_and_are_put_right() {
    let canary = cart(json!({"stepWeight": 10}));
    for (name, value) in [("canary-weight", "half"), ("canary", "false")] {
        let mut cluster = cluster("cart");
        cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::canary(10)));
        let key = cluster.objects.keys().find(|key| key.name == "cart-canary").unwrap().clone();
        let ingress = cluster.objects.get_mut(&key).unwrap();
        ingress["metadata"]["annotations"][format!("nginx.ingress.kubernetes.io/{name}")] = json!(value);
        assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::PRIMARY);
        cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen));
        assert_eq!(annotations(&cluster), json!({"": "true", "-weight": "0"}));
    }
}

#[test]
fn the_canarys_ingress_follows_the_users_and_keeps_the_weight() {
    let canary = cart(json!({"stepWeight": 10}));
    let mut cluster = cluster("cart");
    cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::canary(10)));
    let mut edited = cluster.get(INGRESS, "cart").clone();
    edited["spec"]["rules"][0]["host"] = json!("shop.example.com");
    cluster.add(INGRESS, edited);
    cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen));
    assert_eq!(cluster.get(INGRESS, "cart-canary")["spec"]["rules"][0]["host"], "shop.example.com");
    assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::canary(10));
}

#[test]
fn the_later_of_two_canaries_behind_one_ingress_is_refused() {
    let first = cart(json!({"stepWeight": 10}));
    let mut cluster = cluster("cart");
    cluster.settle(&first, |cx, seen| router().reconcile(cx, seen));
    let mut second = first;
    second.metadata.name = Some("till".to_owned());
    let refused = cluster.ask(&second, |cx, seen| router().reconcile(cx, seen)).unwrap_err();
    assert_eq!(refused.to_string(), "Ingress cart-canary.shop belongs to canary cart");
}

#[test]
fn what_annotations_can_not_say_is_refused_by_the_name_of_its_field() {
    let refused = |analysis: Value| {
        let cluster = cluster("cart");
        cluster.ask(&cart(analysis), |cx, seen| router().reconcile(cx, seen)).unwrap_err().to_string()
    };
    let header = |name: &str, way: &str| json!({"headers": {name: {way: "a"}}});
    for (conditions, said) in [
        (
            json!([header("x-a", "exact"), header("x-b", "exact")]),
            "[1].headers.x-b beside another condition of its kind",
        ),
        (json!([{"headers": {"x-a": {"exact": "a"}, "x-b": {"exact": "b"}}}]), "[0] with other than one header"),
        (json!([header("x-a", "prefix")]), "[0].headers.x-a"),
        (json!([header("cookie", "regex")]), "[0].headers.cookie"),
        (json!([{}]), "[0] with other than one header"),
    ] {
        let said = format!("spec.analysis.match{said} is not supported by provider nginx");
        assert_eq!(refused(json!({"iterations": 2, "match": conditions})), said);
    }
    assert_eq!(
        refused(json!({"stepWeight": 10, "match": [header("x-a", "exact")]})),
        "spec.analysis.stepWeight with spec.analysis.match is not supported by provider nginx"
    );
}

#[test]
fn an_ingress_that_is_missing_or_leads_elsewhere_is_told_by_its_name() {
    let reconcile = |cluster: Cluster, reference: Option<&str>| {
        let mut canary = cart(json!({"stepWeight": 10}));
        canary.spec.ingress_ref = reference.map(|name| api::ObjectRef { name: name.to_owned(), ..Default::default() });
        cluster.ask(&canary, |cx, seen| router().reconcile(cx, seen)).unwrap_err().to_string()
    };
    assert_eq!(
        reconcile(Cluster::default(), None),
        "ingress selector is empty: set spec.ingressRef, there is no Ingress cart.shop"
    );
    assert_eq!(
        reconcile(Cluster::default(), Some("front")),
        "Ingress front.shop get query error: ingresses.networking.k8s.io \"front\" not found"
    );
    assert_eq!(reconcile(cluster("docs"), None), "backend cart not found in ingress cart");
}
