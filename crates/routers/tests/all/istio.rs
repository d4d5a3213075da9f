//! `VirtualServices`: what their cases do not show.

use api::Canary;
use flagger_routers::{Ability, Router, find, unable};
use ports::kinds::{DESTINATION_RULE, VIRTUAL_SERVICE};
use rollout::traffic::Split;
use serde_json::{Value, json};

use crate::cases::case;
use crate::cluster::{Cluster, canary};

fn router() -> &'static dyn Router {
    find("istio").unwrap()
}

fn cart(service: Value, analysis: Value) -> Canary {
    let (mut service, mut analysis) = (service, analysis);
    service["port"] = json!(80);
    analysis["interval"] = json!("1m");
    canary(json!({"service": service, "analysis": analysis}))
}

/// The `VirtualService` of a cluster in which traffic flows like this.
fn route(canary: &Canary, split: Split) -> Value {
    let mut cluster = Cluster::default();
    cluster.settle(canary, |cx, seen| router().write(cx, seen, split));
    cluster.get(VIRTUAL_SERVICE, "cart").clone()
}

#[test]
fn a_virtual_service_that_flagger_wrote_is_taken_over_without_a_write() {
    let (canary, mut cluster) = case("istio/taken-over");
    assert_eq!(cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen)), vec![]);
    assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::canary(30));
}

#[test]
fn requests_are_copied_to_the_canary_in_the_share_that_is_asked_for() {
    let mirror = |analysis: Value| {
        let rule = route(&cart(json!({}), analysis), Split::MIRROR)["spec"]["http"][0].clone();
        (rule["mirror"].clone(), rule.get("mirrorPercentage").cloned())
    };
    let canary = json!({"host": "cart-canary"});
    assert_eq!(mirror(json!({"mirror": true})), (canary.clone(), None));
    assert_eq!(mirror(json!({"mirror": true, "mirrorWeight": 25})), (canary, Some(json!({"value": 25}))));
}

#[test]
fn who_is_not_chosen_gets_the_primary_and_no_copies() {
    let chosen =
        cart(json!({}), json!({"mirror": true, "iterations": 2, "match": [{"headers": {"x-a": {"exact": "b"}}}]}));
    for split in [Split::CANARY, Split::MIRROR] {
        let others = route(&chosen, split)["spec"]["http"][1].clone();
        assert_eq!(others, json!({"route": [{"destination": {"host": "cart-primary"}, "weight": 100}]}));
    }
}

#[test]
fn connections_are_shared_by_weight_too() {
    let canary = cart(json!({"appProtocol": "tcp"}), json!({"stepWeight": 10}));
    let mut cluster = Cluster::default();
    for weight in [0, 1, 30, 100] {
        cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::canary(weight)));
        assert_eq!(
            cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen)).len(),
            usize::from(weight == 0) * 2
        );
        assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::canary(weight));
    }
    let spec = &cluster.get(VIRTUAL_SERVICE, "cart")["spec"];
    assert_eq!((spec.get("http"), spec["tcp"][0].get("match")), (None, None));
}

#[test]
fn what_the_mesh_has_no_means_for_is_refused_by_the_name_of_its_field() {
    let refused = |service: Value, analysis: Value| {
        let canary = cart(service, analysis);
        Cluster::default().ask(&canary, |cx, seen| router().reconcile(cx, seen)).unwrap_err().to_string()
    };
    let suffix = json!([{"uri": {"prefix": "/"}}, {"headers": {"x-user": {"suffix": "a"}}}]);
    assert_eq!(
        refused(json!({"match": suffix}), json!({})),
        "spec.service.match[1].headers.x-user.suffix is not supported by provider istio"
    );
    assert_eq!(
        refused(json!({}), json!({"match": suffix})),
        "spec.analysis.match[1].headers.x-user.suffix is not supported by provider istio"
    );
    assert_eq!(
        refused(json!({"appProtocol": "tcp"}), json!({"mirror": true})),
        "spec.analysis.mirror with appProtocol tcp is not supported by provider istio"
    );
    for service in [json!({"delegation": true, "hosts": ["a"]}), json!({"delegation": true, "gateways": ["a"]})] {
        assert_eq!(
            refused(service, json!({})),
            "VirtualService cart.shop cannot have hosts and gateways when delegation enabled"
        );
    }
}

#[test]
fn everything_that_an_analysis_can_ask_for_is_there() {
    let everything = cart(
        json!({}),
        json!({
            "stepWeight": 10, "mirror": true, "mirrorWeight": 10,
            "match": [{"headers": {"a": {"exact": "b"}}, "queryParams": {"a": {}}, "sourceLabels": {"a": "b"}}],
            "sessionAffinity": {"cookieName": "canary"},
        }),
    );
    assert_eq!(unable(router(), &everything), Vec::<&str>::new());
    assert_eq!(unable(find("nginx").unwrap(), &everything).len(), 5);
    assert!(router().abilities().contains(&Ability::MatchSourceLabels));
}

/// A `VirtualService` of the user's, given back after a release was cut off.
fn given_back(live: &Value, canary: &Canary) -> Value {
    let mut cluster = Cluster::with(VIRTUAL_SERVICE, live.clone());
    cluster.settle(canary, |cx, seen| router().reconcile(cx, seen));
    cluster.settle(canary, |cx, seen| router().write(cx, seen, Split::canary(30)));
    cluster.settle(canary, |cx, seen| router().write(cx, seen, Split::MIRROR));
    cluster.settle(canary, |cx, seen| router().finalize(cx, seen));
    cluster.get(VIRTUAL_SERVICE, "cart").clone()
}

#[test]
fn a_users_virtual_service_is_given_back_as_it_was_applied_or_noted() {
    let canary = cart(json!({"hosts": ["cart.example.com"]}), json!({"stepWeight": 10}));
    let spec = json!({"hosts": ["cart.example.com"], "http": [{"route": [{"destination": {"host": "cart"}}], "fault": {"abort": {"httpStatus": 418}}}]});
    let live = json!({"metadata": {"name": "cart", "namespace": "shop", "annotations": {"example.com/note": "kept"}}, "spec": spec});
    assert_eq!(given_back(&live, &canary), live);

    let mut applied = live.clone();
    let configuration = json!({"spec": {"hosts": ["applied.example.com"]}}).to_string();
    applied["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json!(configuration);
    let route = given_back(&applied, &canary);
    assert_eq!(route["spec"], json!({"hosts": ["applied.example.com"]}));
    assert_eq!(route["metadata"], applied["metadata"]);
}

#[test]
fn a_virtual_service_that_leads_to_the_sides_is_led_to_the_apex_whatever_was_noted() {
    let canary = cart(json!({}), json!({"stepWeight": 10, "sessionAffinity": {"cookieName": "canary"}}));
    let sides = json!({"hosts": ["cart"], "http": [{"route": [{"destination": {"host": "cart-primary"}}]}]});
    for noted in [json!({}), json!({"flagger.kubernetes.io/original-configuration": sides.to_string()})] {
        let live = json!({"metadata": {"name": "cart", "namespace": "shop", "annotations": noted}, "spec": sides});
        let route = given_back(&live, &canary);
        assert_eq!(
            route["spec"],
            json!({
                "hosts": ["cart"],
                "gateways": ["mesh"],
                "http": [{"route": [{"destination": {"host": "cart"}, "weight": 100}]}],
            })
        );
        assert_eq!(route["metadata"]["annotations"], json!({}));
    }
}

#[test]
fn cookies_keep_users_on_their_side_and_do_not_hide_how_traffic_is_shared() {
    let affinity = json!({"cookieName": "canary", "primaryCookieName": "primary", "domain": "example.com"});
    let mut canary = cart(json!({"headers": {"request": {"set": {"a": "b"}}}}), json!({"sessionAffinity": affinity}));
    canary.status = Some(api::CanaryStatus { session_affinity_cookie: "canary=abc".into(), ..Default::default() });
    let mut cluster = Cluster::default();
    for weight in [0, 1, 30, 99, 100, 0] {
        cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::canary(weight)));
        cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen));
        assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::canary(weight));
    }
    let rules = cluster.get(VIRTUAL_SERVICE, "cart")["spec"]["http"].as_array().unwrap().clone();
    let forget = json!({"Set-Cookie": "canary=abc; Max-Age=-1; Domain=example.com"});
    assert_eq!(rules[0]["match"], json!([{"headers": {"Cookie": {"regex": ".*canary.*abc.*"}}}]));
    assert_eq!(rules[0]["headers"], json!({"request": {"set": {"a": "b"}}, "response": {"add": forget}}));
    assert_eq!(rules[1]["headers"], json!({"request": {"set": {"a": "b"}}}), "others are told nothing");
}

#[test]
fn the_traffic_policy_of_both_sides_follows_the_canary() {
    let policy = |mode: &str| json!({"trafficPolicy": {"tls": {"mode": mode}}});
    let mut cluster = Cluster::default();
    for (service, expected) in
        [(policy("SIMPLE"), Some("SIMPLE")), (policy("DISABLE"), Some("DISABLE")), (json!({}), None)]
    {
        cluster.settle(&cart(service, json!({})), |cx, seen| router().reconcile(cx, seen));
        for side in ["cart-primary", "cart-canary"] {
            let spec = &cluster.get(DESTINATION_RULE, side)["spec"];
            assert_eq!(spec["host"], side);
            let mode = spec.pointer("/trafficPolicy/tls/mode").and_then(Value::as_str);
            assert_eq!((mode, spec.get("trafficPolicy").is_some()), (expected, expected.is_some()));
        }
    }
}
