//! `HTTPRoutes`: what their cases do not show.

use crate::cases::case;
use crate::cluster::{Cluster, canary};
use api::Canary;
use flagger_routers::{Router, find};
use ports::kinds::HTTP_ROUTE;
use rollout::traffic::Split;
use serde_json::{Value, json};

fn router() -> &'static dyn Router {
    find("gatewayapi:v1").unwrap()
}

/// A canary with a gateway.
fn cart(service: Value) -> Canary {
    let mut canary: Canary = canary(json!({"analysis": {"interval": "1m"}, "service": {"port": 80}}));
    let mut service = service;
    service["port"] = json!(80);
    service["gatewayRefs"] = json!([{"name": "public", "namespace": "infra"}]);
    canary.spec.service = serde_json::from_value(service).unwrap();
    canary
}

#[test]
fn a_route_that_flagger_wrote_is_taken_over_without_a_write() {
    let (canary, mut cluster) = case("gatewayapi/taken-over");
    assert_eq!(cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen)), vec![]);
    assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::canary(30));
}

#[test]
fn a_users_route_is_given_back_as_it_was_applied_or_leads_to_the_apex() {
    let canary = cart(json!({}));
    let mut applied = json!({
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"parentRefs": [{"name": "private"}], "rules": [{"backendRefs": [{"name": "front", "port": 8080}]}]},
    });
    let given_back = |live: &Value| {
        let mut cluster = Cluster::with(HTTP_ROUTE, live.clone());
        cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen));
        cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::MIRROR));
        cluster.settle(&canary, |cx, seen| router().finalize(cx, seen));
        cluster.get(HTTP_ROUTE, "cart").clone()
    };
    let route = given_back(&applied);
    let rule = &route["spec"]["rules"][0];
    assert_eq!(rule["backendRefs"], json!([{"group": "", "kind": "Service", "name": "cart", "port": 80, "weight": 1}]));
    assert_eq!((rule.get("filters"), route["metadata"].get("annotations")), (None, Some(&json!({}))));

    applied["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()});
    let route = given_back(&applied);
    assert_eq!(route["spec"]["parentRefs"][0]["name"], "private");
    assert_eq!(route["spec"]["rules"][0]["backendRefs"][0]["name"], "front");
}

#[test]
fn conditions_without_a_counterpart_are_refused_by_the_name_of_their_field() {
    let refused = |canary: Canary| {
        Cluster::default().ask(&canary, |cx, seen| router().reconcile(cx, seen)).unwrap_err().to_string()
    };

    assert_eq!(
        refused(cart(json!({"match": [{"uri": {"prefix": "/"}}, {"headers": {"x-user": {"prefix": "a"}}}]}))),
        "spec.service.match[1].headers.x-user is not supported by provider gatewayapi:v1"
    );
    let mut labelled = cart(json!({}));
    labelled.spec.analysis.match_ = serde_json::from_value(json!([{"sourceLabels": {"app": "web"}}])).unwrap();
    assert_eq!(refused(labelled), "spec.analysis.match[0].sourceLabels is not supported by provider gatewayapi:v1");
    let mut detached = cart(json!({}));
    detached.spec.service.gateway_refs.clear();
    assert_eq!(refused(detached), "GatewayRefs must be specified when using Gateway API as a provider.");
}

#[test]
fn a_route_is_read_once_its_gateway_has_taken_it_over() {
    let read = |generation: i64, status: &str, observed: Option<i64>| {
        let canary = cart(json!({}));
        let mut cluster = Cluster::default();
        cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen));
        let route = cluster.objects.values_mut().next().unwrap();
        route["metadata"]["generation"] = json!(generation);
        route["status"] = json!({"parents": [
            {
                "parentRef": {"name": "somebody-elses"},
                "conditions": [{"type": "Accepted", "status": "False", "observedGeneration": 0}],
            },
            {
                "parentRef": {"name": "public", "namespace": "infra"},
                "conditions": [{"type": "Accepted", "status": status, "observedGeneration": observed}],
            },
        ]});
        cluster.ask(&canary, |cx, seen| router().read(cx, seen)).map_err(|error| error.to_string())
    };

    assert_eq!(read(2, "True", Some(2)), Ok(Split::PRIMARY));
    assert_eq!(read(2, "True", None), Ok(Split::PRIMARY), "Linkerd does not say what it has observed");
    assert_eq!(
        read(2, "True", Some(1)).unwrap_err(),
        "HTTPRoute cart.shop parent public is not ready (status: True, observed generation: 1, current generation: 2)"
    );
    assert_eq!(
        read(2, "False", Some(2)).unwrap_err(),
        "HTTPRoute cart.shop parent public is not ready (status: False, observed generation: 2, current generation: 2)"
    );
}

#[test]
fn weights_that_somebody_edited_are_read_as_shares() {
    for (primary, canary_weight, share) in [(1, 1, 50), (2, 1, 33), (0, 7, 100)] {
        let canary = cart(json!({}));
        let mut cluster = Cluster::default();
        cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen));
        let route = cluster.objects.values_mut().next().unwrap();
        route["spec"]["rules"][0]["backendRefs"][0]["weight"] = json!(primary);
        route["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(canary_weight);
        assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::canary(share));
    }
}

/// A canary that keeps its users on their side, whose run has the cookie `canary=abc`.
fn sticky() -> Canary {
    let mut canary = cart(json!({"headers": {"response": {"set": {"x-shop": "cart"}}}}));
    let affinity = json!({"cookieName": "canary", "primaryCookieName": "primary", "domain": "example.com"});
    canary.spec.analysis.session_affinity = serde_json::from_value(affinity).unwrap();
    canary.status = Some(api::CanaryStatus { session_affinity_cookie: "canary=abc".into(), ..Default::default() });
    canary
}

/// Of each rule: the cookie that it asks for, its weights, the cookies that its answers set, by the rule and by its backends.
fn cookies(route: &Value) -> Vec<(String, [i64; 2], Vec<String>)> {
    let set = |filters: &Value| -> Vec<String> {
        let filters = filters.as_array().into_iter().flatten();
        let added = filters.flat_map(|filter| filter["responseHeaderModifier"]["add"].as_array().into_iter().flatten());
        added.map(|header| header["value"].as_str().unwrap().to_owned()).collect()
    };
    let rules = route["spec"]["rules"].as_array().unwrap().iter();
    rules
        .map(|rule| {
            let asked = rule["matches"][0]["headers"][0]["value"].as_str().unwrap_or_default().to_owned();
            let weight = |side: usize| rule["backendRefs"][side]["weight"].as_i64().unwrap();
            let mut gifts = set(&rule["filters"]);
            gifts.extend([0, 1].into_iter().flat_map(|side| set(&rule["backendRefs"][side]["filters"])));
            (asked, [weight(0), weight(1)], gifts)
        })
        .collect()
}

#[test]
fn users_of_the_canary_are_told_to_forget_its_cookie_once_it_has_no_traffic() {
    let canary = sticky();
    let mut cluster = Cluster::default();
    cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::canary(30)));
    cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::PRIMARY));
    let forget = "canary=abc; Max-Age=-1; Domain=example.com".to_owned();
    let expected = [(".*canary.*abc.*".to_owned(), [100, 0], vec![forget]), (String::new(), [100, 0], Vec::new())];
    assert_eq!(cookies(cluster.get(HTTP_ROUTE, "cart")), expected);

    // The status moves the cookie to where the next run leaves it, and the route stays as it is.
    let previous = api::CanaryStatus { previous_session_affinity_cookie: "canary=abc".into(), ..Default::default() };
    let later = Canary { status: Some(previous), ..canary };
    assert_eq!(cluster.settle(&later, |cx, seen| router().reconcile(cx, seen)), vec![]);
}

#[test]
fn nobody_is_kept_on_a_primary_that_all_traffic_has_left() {
    let canary = sticky();
    let mut cluster = Cluster::default();
    cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::CANARY));
    let weights: Vec<_> = cookies(cluster.get(HTTP_ROUTE, "cart")).into_iter().map(|(_, weights, _)| weights).collect();
    assert_eq!(weights, [[0, 100], [0, 100]]);
}

#[test]
fn cookies_do_not_hide_how_traffic_is_shared() {
    for name in ["gatewayapi:v1", "gatewayapi:v1beta1"] {
        let (canary, router) = (sticky(), find(name).unwrap());
        let mut cluster = Cluster::default();
        for weight in [0, 1, 30, 99, 100, 0] {
            cluster.settle(&canary, |cx, seen| router.write(cx, seen, Split::canary(weight)));
            assert_eq!(cluster.settle(&canary, |cx, seen| router.reconcile(cx, seen)), vec![]);
            let read = cluster.ask(&canary, |cx, seen| router.read(cx, seen)).unwrap();
            assert_eq!(read, Split::canary(weight), "{name}");
        }
    }
}

#[test]
fn a_route_that_leads_nowhere_is_led_to_the_primary() {
    let canary = cart(json!({}));
    let mut cluster = Cluster::default();
    cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen));
    cluster.objects.values_mut().next().unwrap()["spec"]["rules"] = json!([]);

    let lost = cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap_err();
    assert_eq!(lost.to_string(), "HTTPRoute cart.shop does not contain routes for cart-primary and cart-canary");
    cluster.settle(&canary, |cx, seen| router().reconcile(cx, seen));
    assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), Split::PRIMARY);
}

#[test]
fn a_mirror_that_the_user_set_up_is_not_the_releases() {
    let canary = cart(json!({"mirror": [{"backendRef": {"name": "cart-canary", "port": 80}}]}));
    let mut cluster = Cluster::default();
    for split in [Split::PRIMARY, Split::MIRROR] {
        cluster.settle(&canary, |cx, seen| router().write(cx, seen, split));
        assert_eq!(cluster.ask(&canary, |cx, seen| router().read(cx, seen)).unwrap(), split);
    }
}
