use http::Request;
use serde_json::{Value, json};

use super::super::super::matching::Asked;
use super::super::super::table::tests::{cluster, find, object};
use super::super::super::table::{Found, Objects, Table};
use super::*;

fn split(primary: u32, canary: u32) -> Value {
    json!([{"destination": {"host": "podinfo-primary"}, "weight": primary},
           {"destination": {"host": "podinfo-canary"}, "weight": canary}])
}

fn with(virtual_services: &[(&str, Value)]) -> Objects {
    let objects = virtual_services.iter().map(|(name, spec)| object(name, spec)).collect();
    Objects { virtual_services: objects, ..cluster() }
}

#[test]
fn hosts_are_asked_for_through_gateways_and_services_in_the_mesh() {
    let http = json!([{"route": split(90, 10)}]);
    let hosts = json!(["app.example.com", "podinfo"]);
    for (gateways, host, expected) in [
        (json!(["public"]), "app.example.com", "vs podinfo-primary:90 podinfo-canary:10"),
        (json!(["public"]), "podinfo.test", "service podinfo at [(10.244.0.2, 9898)]"),
        (json!(["public", "mesh"]), "podinfo.test", "vs podinfo-primary:90 podinfo-canary:10"),
        (json!([]), "podinfo.test.svc.cluster.local", "vs podinfo-primary:90 podinfo-canary:10"),
        (json!([]), "podinfo-canary.test", "service podinfo-canary at []"),
    ] {
        let spec = json!({"hosts": hosts, "gateways": gateways, "http": http});
        let table = Table::build(&with(&[("vs", spec)]));
        assert_eq!(find(&table, host, Request::get("/")), expected, "{gateways} {host}");
    }
}

#[test]
fn routes_are_asked_in_the_order_that_they_are_written_in() {
    let to = |host: &str| json!([{"destination": {"host": host}, "weight": 0}]);
    let spec = json!({"hosts": ["*"], "gateways": ["public"], "http": [
        {"match": [{"headers": {"cookie": {"regex": ".*canary=1.*"}}},
                   {"uri": {"prefix": "/API"}, "ignoreUriCase": true, "method": {"exact": "GET"}}], "route": to("podinfo-canary")},
        {"match": [{"uri": {"exact": "/"}, "withoutHeaders": {"x-skip": {}}, "queryParams": {"q": {"exact": "1"}}}],
            "route": to("podinfo-primary")},
        {"match": [{"gateways": ["mesh"]}, {"sourceLabels": {"app": "x"}}, {"port": 9090}], "route": to("nobody")},
        {"match": [{"uri": {"prefix": "/"}}], "route": to("podinfo")},
    ]});
    let table = Table::build(&with(&[("vs", spec)]));
    let asked = |request| find(&table, "a.com", request);
    assert_eq!(asked(Request::get("/").header("cookie", "canary=1")), "vs podinfo-canary:100");
    assert_eq!(asked(Request::get("/apis")), "vs podinfo-canary:100");
    assert_eq!(asked(Request::post("/apis")), "vs podinfo:100");
    assert_eq!(asked(Request::get("/?q=1")), "vs podinfo-primary:100");
    assert_eq!(asked(Request::get("/?q=1").header("x-skip", "")), "vs podinfo:100");
}

#[test]
fn a_delegate_answers_where_both_match() {
    let root = json!({"hosts": ["app.example.com"], "gateways": ["public"], "http": [
        {"match": [{"uri": {"prefix": "/shop"}}], "delegate": {"name": "shop"}}]});
    let shop = json!({"http": [
        {"match": [{"headers": {"x-user": {"exact": "insider"}}}], "route": split(0, 100)}, {"route": split(100, 0)}]});
    let table = Table::build(&with(&[("root", root), ("shop", shop)]));
    let insider = Request::get("/shop/1").header("x-user", "insider");
    assert_eq!(find(&table, "app.example.com", insider), "shop podinfo-primary:0 podinfo-canary:100");
    assert_eq!(find(&table, "app.example.com", Request::get("/shop")), "shop podinfo-primary:100 podinfo-canary:0");
    assert_eq!(find(&table, "app.example.com", Request::get("/")), "nowhere");
}

#[test]
fn a_subset_has_the_endpoints_whose_pods_have_its_labels() {
    let spec = json!({"hosts": ["a.com"], "http": [{"route": [
        {"destination": {"host": "podinfo", "subset": "v1"}, "weight": 50},
        {"destination": {"host": "podinfo", "subset": "v2"}, "weight": 50}]}]});
    let rule =
        json!({"host": "podinfo.test.svc.cluster.local", "subsets": [{"name": "v1", "labels": {"version": "1"}}]});
    let pod = json!({"metadata": {"name": "a", "namespace": "test", "labels": {"version": "1"}}, "status": {"podIP": "10.244.0.2"}});
    let objects = Objects {
        destination_rules: vec![object("podinfo", &rule)],
        pods: vec![Arc::new(serde_json::from_value(pod).unwrap())],
        ..with(&[("vs", spec)])
    };
    let table = Table::build(&objects);
    let expected = "vs podinfo:50 (subset \"v2\" of service \"test/podinfo\" not found):50";
    assert_eq!(find(&table, "a.com", Request::get("/")), expected);
}

#[test]
fn a_rule_has_all_that_is_written_about_it() {
    let spec = json!({"hosts": ["a.com"], "http": [{
        "route": split(100, 0), "timeout": "15s", "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "5xx"},
        "mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {"value": 25.0},
        "corsPolicy": {"allowOrigin": ["example.com"], "maxAge": "24h"},
        "rewrite": {"uriRegexRewrite": {"match": "^/(.*)/old$", "rewrite": "/new/\\1"}},
    }]});
    let table = Table::build(&with(&[("vs", spec)]));
    let parts = Request::get("/x/old").body(()).unwrap().into_parts().0;
    let Found::Rule(rule, prefix) =
        table.find(&Asked { parts: &parts, host: "a.com", port: None, is_proxied: false, source: None })
    else {
        panic!("no rule");
    };
    assert_eq!(rule.timeout, Some(Duration::from_secs(15)));
    assert_eq!(rule.retries, Some(Retries::read(3, Some(Duration::from_secs(1)), "5xx")));
    assert_eq!(rule.mirrors.iter().map(|mirror| mirror.share).collect::<Vec<_>>(), [0.25]);
    assert_eq!(rule.cors.as_ref().and_then(|cors| cors.max_age), Some(Duration::from_secs(24 * 60 * 60)));
    let (mut headers, mut uri) = (http::HeaderMap::new(), parts.uri.clone());
    rule.filters.on_request(&mut headers, &mut uri, prefix);
    assert_eq!(uri, "/new/x");
}
