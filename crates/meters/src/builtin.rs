//! The queries of the two checks that need no query from the user.
//!
//! An *observer* is the mesh or ingress whose metrics tell how requests to the canary fare. Which metrics those are is data,
//! one row an observer, in `rows.rs`; this file turns a row into PromQL.
//!
//! Unlike in Flagger a dot in a name matches a dot only, and the rows that are about Services use the Service's name, not the
//! target's.

mod observer;
mod rows;

use api::MetricProviderType;

use crate::{Names, NoData};
pub use observer::{Observer, provider};
use rows::{Latency, Matcher, Row};

/// The provider that answers built-in checks.
pub const PROVIDER: MetricProviderType = MetricProviderType::Prometheus;

/// A check that needs no query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `request-success-rate`: the percentage of requests that were not answered by a server error.
    SuccessRate,
    /// `request-duration`: the time within which 99 of 100 requests are answered, or the mean where no more is known.
    RequestDuration,
}

/// The PromQL for a check over the last `interval`, such as `1m`.
pub fn query(observer: Observer, check: Check, names: &Names, interval: &str) -> String {
    let row = rows::of(observer);
    let rate = |metric: &str, matchers: &[&[Matcher]]| {
        let matchers: Vec<_> = matchers.iter().copied().flatten().map(|matcher| matcher.text(row, names)).collect();
        format!("rate({metric}{{{}}}[{interval}])", matchers.join(","))
    };
    match (check, row.latency) {
        (Check::SuccessRate, _) => {
            let good = rate(row.requests, &[row.base, row.requests_only, &[row.success]]);
            let all = rate(row.requests, &[row.base, row.requests_only]);
            format!("sum({good}) / sum({all}) * 100")
        }
        (Check::RequestDuration, Latency::Quantile { buckets, .. }) => {
            let buckets = rate(buckets, &[row.latency_only, row.base]);
            format!("histogram_quantile(0.99, sum({buckets}) by (le))")
        }
        (Check::RequestDuration, Latency::Mean { sum, count }) => {
            format!("sum({}) / sum({})", rate(sum, &[row.base]), rate(count, &[row.base]))
        }
    }
}

/// What the answer to a check's query means: percent for the success rate, whole milliseconds for the duration.
pub fn value(observer: Observer, check: Check, answer: f64) -> f64 {
    let millis = match rows::of(observer).latency {
        Latency::Quantile { seconds: false, .. } => 1.0,
        Latency::Quantile { seconds: true, .. } | Latency::Mean { .. } => 1000.0,
    };
    match check {
        Check::SuccessRate => answer,
        Check::RequestDuration => (answer * millis).trunc(),
    }
}

/// Why a built-in check has no reading, in the words that users see.
pub fn no_data(reason: NoData) -> String {
    format!("running query failed: {reason}")
}

impl Matcher {
    /// The matcher in PromQL, with the names filled in.
    fn text(self, row: &Row, names: &Names) -> String {
        let Self(label, operator, pattern) = self;
        let quote = |name: &str| match (operator, row.words_only) {
            (_, true) => name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect(),
            // Twice, since the pattern is inside a string in which a backslash stands for itself only when doubled.
            ("=~" | "!~", false) => name.replace('.', r"\\."),
            (_, false) => name.to_owned(),
        };
        let fillings = [
            ("<namespace>", &names.namespace),
            ("<target>", &names.target),
            ("<service>", &names.service),
            ("<ingress>", &names.ingress),
            ("<route>", &names.route),
        ];
        let filled = fillings.iter().fold(pattern.to_owned(), |text, (gap, name)| text.replace(gap, &quote(name)));
        format!("{label}{operator}\"{filled}\"")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn names() -> Names {
        let text = |text: &str| text.to_owned();
        Names {
            name: text("cart"),
            namespace: text("shop"),
            target: text("cart.v2"),
            service: text("cart-svc"),
            ingress: text("front.door"),
            route: text("path"),
        }
    }

    #[test]
    fn every_observer_has_its_queries() {
        let both = |observer| [(observer, Check::SuccessRate), (observer, Check::RequestDuration)];
        let queries = Observer::ALL.into_iter().flat_map(both).map(|(observer, check)| {
            let query = query(observer, check, &names(), "1m");
            let value = value(observer, check, 0.0625);
            format!("{observer:?} {check:?} (0.0625 is {value})\n  {query}\n")
        });
        expect![[r#"
            Apisix SuccessRate (0.0625 is 0.0625)
              sum(rate(apisix_http_status{route=~"shop_path-cart-svc-canary_.+",code!~"5.."}[1m])) / sum(rate(apisix_http_status{route=~"shop_path-cart-svc-canary_.+"}[1m])) * 100
            Apisix RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(apisix_http_latency_bucket{type=~"request",route=~"shop_path-cart-svc-canary_.+"}[1m])) by (le))
            AppMesh SuccessRate (0.0625 is 0.0625)
              sum(rate(envoy_cluster_upstream_rq{kubernetes_namespace="shop",kubernetes_pod_name=~"cart\\.v2-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",envoy_response_code!~"5.*"}[1m])) / sum(rate(envoy_cluster_upstream_rq{kubernetes_namespace="shop",kubernetes_pod_name=~"cart\\.v2-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"}[1m])) * 100
            AppMesh RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(envoy_cluster_upstream_rq_time_bucket{kubernetes_namespace="shop",kubernetes_pod_name=~"cart\\.v2-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"}[1m])) by (le))
            Contour SuccessRate (0.0625 is 0.0625)
              sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"shop_cart-svc-canary_[0-9a-zA-Z-]+",envoy_response_code!~"5.*"}[1m])) / sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"shop_cart-svc-canary_[0-9a-zA-Z-]+"}[1m])) * 100
            Contour RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"shop_cart-svc-canary_[0-9a-zA-Z-]+"}[1m])) by (le))
            Gloo SuccessRate (0.0625 is 0.0625)
              sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"shop-cart-svc-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+",envoy_response_code!~"5.*"}[1m])) / sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"shop-cart-svc-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+"}[1m])) * 100
            Gloo RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"shop-cart-svc-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+"}[1m])) by (le))
            Http SuccessRate (0.0625 is 0.0625)
              sum(rate(http_request_duration_seconds_count{kubernetes_namespace="shop",kubernetes_pod_name=~"cart\\.v2-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",status!~"5.*"}[1m])) / sum(rate(http_request_duration_seconds_count{kubernetes_namespace="shop",kubernetes_pod_name=~"cart\\.v2-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"}[1m])) * 100
            Http RequestDuration (0.0625 is 62)
              histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{kubernetes_namespace="shop",kubernetes_pod_name=~"cart\\.v2-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"}[1m])) by (le))
            Istio SuccessRate (0.0625 is 0.0625)
              sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="shop",destination_workload=~"cart\\.v2",response_code!~"5.*"}[1m])) / sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="shop",destination_workload=~"cart\\.v2"}[1m])) * 100
            Istio RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="shop",destination_workload=~"cart\\.v2"}[1m])) by (le))
            Knative SuccessRate (0.0625 is 0.0625)
              sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"shop/path",envoy_response_code!~"5.*"}[1m])) / sum(rate(envoy_cluster_upstream_rq{envoy_cluster_name=~"shop/path"}[1m])) * 100
            Knative RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"shop/path"}[1m])) by (le))
            Kuma SuccessRate (0.0625 is 0.0625)
              sum(rate(envoy_cluster_upstream_rq{service=~"cart-svc-canary_shop_svc_[0-9a-zA-Z-]+",envoy_response_code!~"5.*"}[1m])) / sum(rate(envoy_cluster_upstream_rq{service=~"cart-svc-canary_shop_svc_[0-9a-zA-Z-]+"}[1m])) * 100
            Kuma RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(envoy_cluster_upstream_rq_time_bucket{service=~"cart-svc-canary_shop_svc_[0-9a-zA-Z-]+"}[1m])) by (le))
            Linkerd SuccessRate (0.0625 is 0.0625)
              sum(rate(response_total{namespace="shop",deployment=~"cart\\.v2",direction="inbound",classification!="failure"}[1m])) / sum(rate(response_total{namespace="shop",deployment=~"cart\\.v2",direction="inbound"}[1m])) * 100
            Linkerd RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(response_latency_ms_bucket{namespace="shop",deployment=~"cart\\.v2",direction="inbound"}[1m])) by (le))
            Nginx SuccessRate (0.0625 is 0.0625)
              sum(rate(nginx_ingress_controller_requests{namespace="shop",ingress="front.door",canary!="",status!~"5.*"}[1m])) / sum(rate(nginx_ingress_controller_requests{namespace="shop",ingress="front.door",canary!=""}[1m])) * 100
            Nginx RequestDuration (0.0625 is 62)
              sum(rate(nginx_ingress_controller_response_duration_seconds_sum{namespace="shop",ingress="front.door",canary!=""}[1m])) / sum(rate(nginx_ingress_controller_response_duration_seconds_count{namespace="shop",ingress="front.door",canary!=""}[1m]))
            Osm SuccessRate (0.0625 is 0.0625)
              sum(rate(osm_request_total{destination_namespace="shop",destination_kind="Deployment",destination_name="cart.v2",response_code!~"5.*"}[1m])) / sum(rate(osm_request_total{destination_namespace="shop",destination_kind="Deployment",destination_name="cart.v2"}[1m])) * 100
            Osm RequestDuration (0.0625 is 0)
              histogram_quantile(0.99, sum(rate(osm_request_duration_ms_bucket{destination_namespace="shop",destination_kind="Deployment",destination_name="cart.v2"}[1m])) by (le))
            Skipper SuccessRate (0.0625 is 0.0625)
              sum(rate(skipper_response_duration_seconds_bucket{route=~"kube(ew)?_shop__front_door_canary__.*__cart_svc_canary(_[0-9]+)?",le="+Inf",code!~"5.."}[1m])) / sum(rate(skipper_response_duration_seconds_bucket{route=~"kube(ew)?_shop__front_door_canary__.*__cart_svc_canary(_[0-9]+)?",le="+Inf"}[1m])) * 100
            Skipper RequestDuration (0.0625 is 62)
              sum(rate(skipper_serve_route_duration_seconds_sum{route=~"kube(ew)?_shop__front_door_canary__.*__cart_svc_canary(_[0-9]+)?"}[1m])) / sum(rate(skipper_serve_route_duration_seconds_count{route=~"kube(ew)?_shop__front_door_canary__.*__cart_svc_canary(_[0-9]+)?"}[1m]))
            Traefik SuccessRate (0.0625 is 0.0625)
              sum(rate(traefik_service_request_duration_seconds_bucket{service=~"shop-cart-svc-canary-[0-9a-zA-Z-]+@kubernetescrd",le="+Inf",code!~"5.."}[1m])) / sum(rate(traefik_service_request_duration_seconds_bucket{service=~"shop-cart-svc-canary-[0-9a-zA-Z-]+@kubernetescrd",le="+Inf"}[1m])) * 100
            Traefik RequestDuration (0.0625 is 62)
              histogram_quantile(0.99, sum(rate(traefik_service_request_duration_seconds_bucket{service=~"shop-cart-svc-canary-[0-9a-zA-Z-]+@kubernetescrd"}[1m])) by (le))
        "#]].assert_eq(&queries.collect::<String>());
    }
}
