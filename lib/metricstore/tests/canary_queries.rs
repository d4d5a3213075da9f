//! The queries by which canaries are judged: those of every observer, and those that people wrote.
//!
//! The expected answers are Prometheus 2.42's own, at a moment when no sample lies on the edge of a window.

mod common;

use common::check;

#[test]
fn the_queries_of_the_istio_observer() {
    let series = &[
        r#"istio_requests_total{reporter="destination",destination_workload_namespace="test",destination_workload="podinfo",response_code="200"} 0+9x40"#,
        r#"istio_requests_total{reporter="destination",destination_workload_namespace="test",destination_workload="podinfo",response_code="503"} 0+1x40"#,
        r#"istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="test",destination_workload="podinfo",le="100"} 0+5x40"#,
        r#"istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="test",destination_workload="podinfo",le="500"} 0+9x40"#,
        r#"istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="test",destination_workload="podinfo",le="1000"} 0+10x40"#,
        r#"istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="test",destination_workload="podinfo",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( istio_requests_total{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo", response_code!~"5.*" }[1m] ) ) / sum( rate( istio_requests_total{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo" }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( istio_request_duration_milliseconds_bucket{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo" }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_app_mesh_observer() {
    let series = &[
        r#"envoy_cluster_upstream_rq{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",envoy_response_code="200"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",envoy_response_code="503"} 0+1x40"#,
        r#"envoy_cluster_upstream_rq{kubernetes_namespace="test",kubernetes_pod_name="podinfo-primary-7d9f-x2x",envoy_response_code="500"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq{kubernetes_namespace="test",kubernetes_pod_name="podinfo-primary-7d9f-x2x",envoy_response_code="503"} 0+1x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",le="100"} 0+5x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",le="500"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",le="1000"} 0+10x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( envoy_cluster_upstream_rq{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)", envoy_response_code!~"5.*" }[1m] ) ) / sum( rate( envoy_cluster_upstream_rq{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_http_observer() {
    let series = &[
        r#"http_request_duration_seconds_count{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",status="200"} 0+9x40"#,
        r#"http_request_duration_seconds_count{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",status="503"} 0+1x40"#,
        r#"http_request_duration_seconds_count{kubernetes_namespace="test",kubernetes_pod_name="podinfo-primary-7d9f-x2x",status="500"} 0+9x40"#,
        r#"http_request_duration_seconds_count{kubernetes_namespace="test",kubernetes_pod_name="podinfo-primary-7d9f-x2x",status="503"} 0+1x40"#,
        r#"http_request_duration_seconds_bucket{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",le="0.1"} 0+5x40"#,
        r#"http_request_duration_seconds_bucket{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",le="0.5"} 0+9x40"#,
        r#"http_request_duration_seconds_bucket{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",le="1"} 0+10x40"#,
        r#"http_request_duration_seconds_bucket{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( http_request_duration_seconds_count{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)", status!~"5.*" }[1m] ) ) / sum( rate( http_request_duration_seconds_count{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( http_request_duration_seconds_bucket{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m] ) ) by (le) ) * 1000"#,
        &["{} 949.9999999999998"],
    );
}

#[test]
fn the_queries_of_the_contour_observer() {
    let series = &[
        r#"envoy_cluster_upstream_rq{envoy_cluster_name="test_podinfo-canary_9898",envoy_response_code="200"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq{envoy_cluster_name="test_podinfo-canary_9898",envoy_response_code="503"} 0+1x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test_podinfo-canary_9898",le="100"} 0+5x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test_podinfo-canary_9898",le="500"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test_podinfo-canary_9898",le="1000"} 0+10x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test_podinfo-canary_9898",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~"test_podinfo-canary_[0-9a-zA-Z-]+", envoy_response_code!~"5.*" }[1m] ) ) / sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~"test_podinfo-canary_[0-9a-zA-Z-]+", }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ envoy_cluster_name=~"test_podinfo-canary_[0-9a-zA-Z-]+", }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_gloo_observer() {
    let series = &[
        r#"envoy_cluster_upstream_rq{envoy_cluster_name="test-podinfo-canaryupstream-9898_gloo-system",envoy_response_code="200"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq{envoy_cluster_name="test-podinfo-canaryupstream-9898_gloo-system",envoy_response_code="503"} 0+1x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test-podinfo-canaryupstream-9898_gloo-system",le="100"} 0+5x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test-podinfo-canaryupstream-9898_gloo-system",le="500"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test-podinfo-canaryupstream-9898_gloo-system",le="1000"} 0+10x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test-podinfo-canaryupstream-9898_gloo-system",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~"test-podinfo-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+", envoy_response_code!~"5.*" }[1m] ) ) / sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~"test-podinfo-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+", }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ envoy_cluster_name=~"test-podinfo-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+", }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_kuma_observer() {
    let series = &[
        r#"envoy_cluster_upstream_rq{service="podinfo-canary_test_svc_9898",envoy_response_code="200"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq{service="podinfo-canary_test_svc_9898",envoy_response_code="503"} 0+1x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{service="podinfo-canary_test_svc_9898",le="100"} 0+5x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{service="podinfo-canary_test_svc_9898",le="500"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{service="podinfo-canary_test_svc_9898",le="1000"} 0+10x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{service="podinfo-canary_test_svc_9898",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( envoy_cluster_upstream_rq{ service=~"podinfo-canary_test_svc_[0-9a-zA-Z-]+", envoy_response_code!~"5.*" }[1m] ) ) / sum( rate( envoy_cluster_upstream_rq{ service=~"podinfo-canary_test_svc_[0-9a-zA-Z-]+", }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ service=~"podinfo-canary_test_svc_[0-9a-zA-Z-]+", }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_knative_observer() {
    let series = &[
        r#"envoy_cluster_upstream_rq{envoy_cluster_name="test/podinfo-00002",envoy_response_code="200"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq{envoy_cluster_name="test/podinfo-00002",envoy_response_code="503"} 0+1x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test/podinfo-00002",le="100"} 0+5x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test/podinfo-00002",le="500"} 0+9x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test/podinfo-00002",le="1000"} 0+10x40"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test/podinfo-00002",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~"test/podinfo-00002", envoy_response_code!~"5.*" }[1m] ) ) / sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~"test/podinfo-00002", }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ envoy_cluster_name=~"test/podinfo-00002", }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_linkerd_observer() {
    let series = &[
        r#"response_total{namespace="test",deployment="podinfo",direction="inbound",classification="success"} 0+9x40"#,
        r#"response_total{namespace="test",deployment="podinfo",direction="inbound",classification="failure"} 0+1x40"#,
        r#"response_latency_ms_bucket{namespace="test",deployment="podinfo",direction="inbound",le="100"} 0+5x40"#,
        r#"response_latency_ms_bucket{namespace="test",deployment="podinfo",direction="inbound",le="500"} 0+9x40"#,
        r#"response_latency_ms_bucket{namespace="test",deployment="podinfo",direction="inbound",le="1000"} 0+10x40"#,
        r#"response_latency_ms_bucket{namespace="test",deployment="podinfo",direction="inbound",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( response_total{ namespace="test", deployment=~"podinfo", direction="inbound", classification!="failure" }[1m] ) ) / sum( rate( response_total{ namespace="test", deployment=~"podinfo", direction="inbound" }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( response_latency_ms_bucket{ namespace="test", deployment=~"podinfo", direction="inbound" }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_nginx_observer() {
    let series = &[
        r#"nginx_ingress_controller_requests{namespace="test",ingress="podinfo",canary="podinfo-canary",status="200"} 0+9x40"#,
        r#"nginx_ingress_controller_requests{namespace="test",ingress="podinfo",canary="podinfo-canary",status="503"} 0+1x40"#,
        r#"nginx_ingress_controller_requests{namespace="test",ingress="podinfo",status="500"} 0+9x40"#,
        r#"nginx_ingress_controller_requests{namespace="test",ingress="podinfo",status="503"} 0+1x40"#,
        r#"nginx_ingress_controller_response_duration_seconds_sum{namespace="test",ingress="podinfo",canary="podinfo-canary"} 0+2x40"#,
        r#"nginx_ingress_controller_response_duration_seconds_count{namespace="test",ingress="podinfo",canary="podinfo-canary"} 0+8x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( nginx_ingress_controller_requests{ namespace="test", ingress="podinfo", canary!="", status!~"5.*" }[1m] ) ) / sum( rate( nginx_ingress_controller_requests{ namespace="test", ingress="podinfo", canary!="" }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" sum( rate( nginx_ingress_controller_response_duration_seconds_sum{ namespace="test", ingress="podinfo", canary!="" }[1m] ) ) / sum( rate( nginx_ingress_controller_response_duration_seconds_count{ namespace="test", ingress="podinfo", canary!="" }[1m] ) ) * 1000"#,
        &["{} 250"],
    );
}

#[test]
fn the_queries_of_the_skipper_observer() {
    let series = &[
        r#"skipper_response_duration_seconds_bucket{route="kube_test__podinfo_canary__app_example_com____podinfo_canary_80",code="200",le="+Inf"} 0+9x40"#,
        r#"skipper_response_duration_seconds_bucket{route="kube_test__podinfo_canary__app_example_com____podinfo_canary_80",code="502",le="+Inf"} 0+1x40"#,
        r#"skipper_response_duration_seconds_bucket{route="kube_test__podinfo_canary__app_example_com____podinfo_canary_80",code="200",le="1"} 0+5x40"#,
        r#"skipper_serve_route_duration_seconds_sum{route="kube_test__podinfo_canary__app_example_com____podinfo_canary_80"} 0+2x40"#,
        r#"skipper_serve_route_duration_seconds_count{route="kube_test__podinfo_canary__app_example_com____podinfo_canary_80"} 0+8x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( skipper_response_duration_seconds_bucket{ route=~"kube(ew)?_test__podinfo_canary__.*__podinfo_canary(_[0-9]+)?", le="+Inf", code!~"5.." }[1m] ) ) / sum( rate( skipper_response_duration_seconds_bucket{ route=~"kube(ew)?_test__podinfo_canary__.*__podinfo_canary(_[0-9]+)?", le="+Inf" }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" sum( rate( skipper_serve_route_duration_seconds_sum{ route=~"kube(ew)?_test__podinfo_canary__.*__podinfo_canary(_[0-9]+)?" }[1m] ) ) / sum( rate( skipper_serve_route_duration_seconds_count{ route=~"kube(ew)?_test__podinfo_canary__.*__podinfo_canary(_[0-9]+)?" }[1m] ) ) * 1000"#,
        &["{} 250"],
    );
}

#[test]
fn the_queries_of_the_traefik_observer() {
    let series = &[
        r#"traefik_service_request_duration_seconds_bucket{service="test-podinfo-canary-80@kubernetescrd",code="200",le="0.1"} 0+5x40"#,
        r#"traefik_service_request_duration_seconds_bucket{service="test-podinfo-canary-80@kubernetescrd",code="200",le="0.5"} 0+9x40"#,
        r#"traefik_service_request_duration_seconds_bucket{service="test-podinfo-canary-80@kubernetescrd",code="200",le="1"} 0+10x40"#,
        r#"traefik_service_request_duration_seconds_bucket{service="test-podinfo-canary-80@kubernetescrd",code="200",le="+Inf"} 0+10x40"#,
        r#"traefik_service_request_duration_seconds_bucket{service="test-podinfo-canary-80@kubernetescrd",code="502",le="+Inf"} 0+1x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( traefik_service_request_duration_seconds_bucket{ service=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd", le="+Inf", code!~"5.." }[1m] ) ) / sum( rate( traefik_service_request_duration_seconds_bucket{ service=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd", le="+Inf" }[1m] ) )"#,
        &["{} 90.9090909090909"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( traefik_service_request_duration_seconds_bucket{ service=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd" }[1m] ) ) by (le) ) * 1000"#,
        &["{} 1000"],
    );
}

#[test]
fn the_queries_of_the_apisix_observer() {
    let series = &[
        r#"apisix_http_status{route="test_podinfo-podinfo-canary_0",code="200"} 0+9x40"#,
        r#"apisix_http_status{route="test_podinfo-podinfo-canary_0",code="503"} 0+1x40"#,
        r#"apisix_http_latency_bucket{route="test_podinfo-podinfo-canary_0",type="request",le="100"} 0+5x40"#,
        r#"apisix_http_latency_bucket{route="test_podinfo-podinfo-canary_0",type="request",le="500"} 0+9x40"#,
        r#"apisix_http_latency_bucket{route="test_podinfo-podinfo-canary_0",type="request",le="1000"} 0+10x40"#,
        r#"apisix_http_latency_bucket{route="test_podinfo-podinfo-canary_0",type="request",le="+Inf"} 0+10x40"#,
        r#"apisix_http_latency_bucket{route="test_podinfo-podinfo-canary_0",type="upstream",le="1"} 0+5x40"#,
        r#"apisix_http_latency_bucket{route="test_podinfo-podinfo-canary_0",type="upstream",le="2"} 0+9x40"#,
        r#"apisix_http_latency_bucket{route="test_podinfo-podinfo-canary_0",type="upstream",le="3"} 0+10x40"#,
        r#"apisix_http_latency_bucket{route="test_podinfo-podinfo-canary_0",type="upstream",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( apisix_http_status{ route=~"test_podinfo-podinfo-canary_.+", code!~"5.." }[1m] ) ) / sum( rate( apisix_http_status{ route=~"test_podinfo-podinfo-canary_.+" }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( apisix_http_latency_bucket{ type=~"request", route=~"test_podinfo-podinfo-canary_.+" }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_osm_observer() {
    let series = &[
        r#"osm_request_total{destination_namespace="test",destination_kind="Deployment",destination_name="podinfo",response_code="200"} 0+9x40"#,
        r#"osm_request_total{destination_namespace="test",destination_kind="Deployment",destination_name="podinfo",response_code="503"} 0+1x40"#,
        r#"osm_request_duration_ms_bucket{destination_namespace="test",destination_kind="Deployment",destination_name="podinfo",le="100"} 0+5x40"#,
        r#"osm_request_duration_ms_bucket{destination_namespace="test",destination_kind="Deployment",destination_name="podinfo",le="500"} 0+9x40"#,
        r#"osm_request_duration_ms_bucket{destination_namespace="test",destination_kind="Deployment",destination_name="podinfo",le="1000"} 0+10x40"#,
        r#"osm_request_duration_ms_bucket{destination_namespace="test",destination_kind="Deployment",destination_name="podinfo",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#" 100 * sum( rate( osm_request_total{ destination_namespace="test", destination_kind="Deployment", destination_name="podinfo", response_code!~"5.*" }[1m] ) ) / sum( rate( osm_request_total{ destination_namespace="test", destination_kind="Deployment", destination_name="podinfo" }[1m] ) )"#,
        &["{} 90"],
    );
    check(
        series,
        r#" histogram_quantile( 0.99, sum( rate( osm_request_duration_ms_bucket{ destination_namespace="test", destination_kind="Deployment", destination_name="podinfo" }[1m] ) ) by (le) )"#,
        &["{} 949.9999999999997"],
    );
}

#[test]
fn the_queries_of_the_five_documents() {
    let series = &[
        r#"podinfo_requests_total{deployment="podinfo-primary"} 0+9x40"#,
        r#"http_requests_total{deployment="podinfo-primary"} 0+10x40"#,
        r#"istio_requests_total{response_code="200",destination_service_name="podinfo"} 0+9x40"#,
        r#"istio_requests_total{response_code="503",destination_service_name="podinfo"} 0+1x40"#,
        r#"istio_request_duration_milliseconds_bucket{le="100"} 0+9x40"#,
        r#"istio_request_duration_milliseconds_bucket{le="500"} 0+10x40"#,
        r#"istio_request_duration_milliseconds_bucket{le="+Inf"} 0+10x40"#,
        r#"flagger_canary_status{name="podinfo"} 1+0x40"#,
        r#"flagger_canary_weight{workload="podinfo"} 10+0x40"#,
        r#"custom_requests_total{kubernetes_namespace="test",kubernetes_pod_name="podinfo-7d9f-x2x"} 0+15x40"#,
        r#"nginx_ingress_controller_requests{exported_namespace="applications",ingress="load-harness",status="200"} 0+9x40"#,
        r#"nginx_ingress_controller_requests{exported_namespace="applications",ingress="load-harness",status="502"} 0+1x40"#,
        r#"nginx_ingress_controller_request_duration_seconds_bucket{exported_namespace="applications",ingress="load-harness",le="0.1"} 0+9x40"#,
        r#"nginx_ingress_controller_request_duration_seconds_bucket{exported_namespace="applications",ingress="load-harness",le="0.5"} 0+10x40"#,
        r#"nginx_ingress_controller_request_duration_seconds_bucket{exported_namespace="applications",ingress="load-harness",le="+Inf"} 0+10x40"#,
    ];
    check(
        series,
        r#"sum(rate(podinfo_requests_total{deployment=~"podinfo.*"}[1m])) / sum(rate(http_requests_total{deployment=~"podinfo.*"}[1m])) * 100"#,
        &["{} 90"],
    );
    check(
        series,
        r#"sum(rate(istio_requests_total{response_code!~"5.*"}[1m])) / sum(rate(istio_requests_total[1m])) * 100"#,
        &["{} 90"],
    );
    check(
        series,
        "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket[1m])) by (le) )",
        &["{} 459.9999999999997"],
    );
    check(series, "flagger_canary_status == 0", &[]);
    check(
        series,
        "flagger_canary_status == 1 and increase(flagger_canary_status[30m]) == 0",
        &[r#"{__name__="flagger_canary_status", name="podinfo"} 1"#],
    );
    check(
        series,
        r#"sum(rate(istio_requests_total{response_code=~"5.*"}[5m])) / sum(rate(istio_requests_total[5m])) * 100 > 5"#,
        &["{} 10"],
    );
    check(series, "flagger_canary_status", &[r#"{__name__="flagger_canary_status", name="podinfo"} 1"#]);
    check(
        series,
        r#"sum(rate(istio_requests_total{response_code!~"5.*"}[5m])) by (destination_service_name) / sum(rate(istio_requests_total[5m])) by (destination_service_name) * 100"#,
        &[r#"{destination_service_name="podinfo"} 90"#],
    );
    check(series, "flagger_canary_weight", &[r#"{__name__="flagger_canary_weight", workload="podinfo"} 10"#]);
    check(
        series,
        r#"rate( custom_requests_total{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m] )"#,
        &[r#"{kubernetes_namespace="test", kubernetes_pod_name="podinfo-7d9f-x2x"} 0.9999999999999999"#],
    );
    check(
        series,
        r#"sum( rate( nginx_ingress_controller_requests{ exported_namespace="applications", ingress="load-harness", status!~"5.." }[1m] ) ) / sum( rate( nginx_ingress_controller_requests{ exported_namespace="applications", ingress="load-harness" }[1m] ) ) * 100"#,
        &["{} 90"],
    );
    check(
        series,
        r#"histogram_quantile(0.99, sum( rate( nginx_ingress_controller_request_duration_seconds_bucket{ exported_namespace="applications", ingress="load-harness" }[1m] ) ) by (le) ) * 1000"#,
        &["{} 459.9999999999997"],
    );
    check(series, "flagger_canary_status > 1", &[]);
}
