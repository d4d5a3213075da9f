//! What each observer calls its metrics and labels.
//!
//! In patterns `<namespace>`, `<target>`, `<service>`, `<ingress>` and `<route>` stand for the canary's names.

use super::Observer;

/// A label, an operator and a value or pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matcher(pub(super) &'static str, pub(super) &'static str, pub(super) &'static str);

/// The metrics of one observer.
#[derive(Debug)]
pub(super) struct Row {
    /// Counts requests.
    pub(super) requests: &'static str,
    /// Which series are about the canary.
    pub(super) base: &'static [Matcher],
    /// What else is asked of the series that count requests.
    pub(super) requests_only: &'static [Matcher],
    /// Which requests are good.
    pub(super) success: Matcher,
    /// Measures durations.
    pub(super) latency: Latency,
    /// What else is asked of the series that measure durations.
    pub(super) latency_only: &'static [Matcher],
    /// Whether names stand in labels with everything but letters, digits and `_` replaced by `_`.
    pub(super) words_only: bool,
}

/// How durations are measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Latency {
    /// A histogram, in seconds or in milliseconds.
    Quantile {
        /// Its buckets.
        buckets: &'static str,
        /// Whether it is in seconds.
        seconds: bool,
    },
    /// A sum of seconds and a count.
    Mean {
        /// The sum.
        sum: &'static str,
        /// The count.
        count: &'static str,
    },
}

pub(super) const fn of(observer: Observer) -> &'static Row {
    match observer {
        Observer::Apisix => &APISIX,
        Observer::AppMesh => &APP_MESH,
        Observer::Contour => &CONTOUR,
        Observer::Gloo => &GLOO,
        Observer::Http => &HTTP,
        Observer::Istio => &ISTIO,
        Observer::Knative => &KNATIVE,
        Observer::Kuma => &KUMA,
        Observer::Linkerd => &LINKERD,
        Observer::Nginx => &NGINX,
        Observer::Osm => &OSM,
        Observer::Skipper => &SKIPPER,
        Observer::Traefik => &TRAEFIK,
    }
}

/// Pods of the target: those of a `ReplicaSet` or a `DaemonSet`, but not the primary's.
const PODS: &[Matcher] = &[
    Matcher("kubernetes_namespace", "=", "<namespace>"),
    Matcher("kubernetes_pod_name", "=~", "<target>-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"),
];

/// The one bucket that counts every request.
const EVERY_BUCKET: &[Matcher] = &[Matcher("le", "=", "+Inf")];

/// What observers that are built on Envoy have in common; `base` tells them apart.
const ENVOY: Row = Row {
    requests: "envoy_cluster_upstream_rq",
    base: &[],
    requests_only: &[],
    success: Matcher("envoy_response_code", "!~", "5.*"),
    latency: Latency::Quantile { buckets: "envoy_cluster_upstream_rq_time_bucket", seconds: false },
    latency_only: &[],
    words_only: false,
};

const APISIX: Row = Row {
    requests: "apisix_http_status",
    base: &[Matcher("route", "=~", "<namespace>_<route>-<service>-canary_.+")],
    requests_only: &[],
    success: Matcher("code", "!~", "5.."),
    latency: Latency::Quantile { buckets: "apisix_http_latency_bucket", seconds: false },
    latency_only: &[Matcher("type", "=~", "request")],
    words_only: false,
};

const APP_MESH: Row = Row { base: PODS, ..ENVOY };

const CONTOUR: Row =
    Row { base: &[Matcher("envoy_cluster_name", "=~", "<namespace>_<service>-canary_[0-9a-zA-Z-]+")], ..ENVOY };

const GLOO: Row = Row {
    base: &[Matcher("envoy_cluster_name", "=~", "<namespace>-<service>-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+")],
    ..ENVOY
};

const HTTP: Row = Row {
    requests: "http_request_duration_seconds_count",
    base: PODS,
    requests_only: &[],
    success: Matcher("status", "!~", "5.*"),
    latency: Latency::Quantile { buckets: "http_request_duration_seconds_bucket", seconds: true },
    latency_only: &[],
    words_only: false,
};

const ISTIO: Row = Row {
    requests: "istio_requests_total",
    base: &[
        Matcher("reporter", "=", "destination"),
        Matcher("destination_workload_namespace", "=", "<namespace>"),
        Matcher("destination_workload", "=~", "<target>"),
    ],
    requests_only: &[],
    success: Matcher("response_code", "!~", "5.*"),
    latency: Latency::Quantile { buckets: "istio_request_duration_milliseconds_bucket", seconds: false },
    latency_only: &[],
    words_only: false,
};

const KNATIVE: Row = Row { base: &[Matcher("envoy_cluster_name", "=~", "<namespace>/<route>")], ..ENVOY };

const KUMA: Row = Row { base: &[Matcher("service", "=~", "<service>-canary_<namespace>_svc_[0-9a-zA-Z-]+")], ..ENVOY };

const LINKERD: Row = Row {
    requests: "response_total",
    base: &[
        Matcher("namespace", "=", "<namespace>"),
        Matcher("deployment", "=~", "<target>"),
        Matcher("direction", "=", "inbound"),
    ],
    requests_only: &[],
    success: Matcher("classification", "!=", "failure"),
    latency: Latency::Quantile { buckets: "response_latency_ms_bucket", seconds: false },
    latency_only: &[],
    words_only: false,
};

const NGINX: Row = Row {
    requests: "nginx_ingress_controller_requests",
    base: &[
        Matcher("namespace", "=", "<namespace>"),
        Matcher("ingress", "=", "<ingress>"),
        Matcher("canary", "!=", ""),
    ],
    requests_only: &[],
    success: Matcher("status", "!~", "5.*"),
    latency: Latency::Mean {
        sum: "nginx_ingress_controller_response_duration_seconds_sum",
        count: "nginx_ingress_controller_response_duration_seconds_count",
    },
    latency_only: &[],
    words_only: false,
};

const OSM: Row = Row {
    requests: "osm_request_total",
    base: &[
        Matcher("destination_namespace", "=", "<namespace>"),
        Matcher("destination_kind", "=", "Deployment"),
        Matcher("destination_name", "=", "<target>"),
    ],
    requests_only: &[],
    success: Matcher("response_code", "!~", "5.*"),
    latency: Latency::Quantile { buckets: "osm_request_duration_ms_bucket", seconds: false },
    latency_only: &[],
    words_only: false,
};

const SKIPPER: Row = Row {
    requests: "skipper_response_duration_seconds_bucket",
    base: &[Matcher("route", "=~", "kube(ew)?_<namespace>__<ingress>_canary__.*__<service>_canary(_[0-9]+)?")],
    requests_only: EVERY_BUCKET,
    success: Matcher("code", "!~", "5.."),
    latency: Latency::Mean {
        sum: "skipper_serve_route_duration_seconds_sum",
        count: "skipper_serve_route_duration_seconds_count",
    },
    latency_only: &[],
    words_only: true,
};

const TRAEFIK: Row = Row {
    requests: "traefik_service_request_duration_seconds_bucket",
    base: &[Matcher("service", "=~", "<namespace>-<service>-canary-[0-9a-zA-Z-]+@kubernetescrd")],
    requests_only: EVERY_BUCKET,
    success: Matcher("code", "!~", "5.."),
    latency: Latency::Quantile { buckets: "traefik_service_request_duration_seconds_bucket", seconds: true },
    latency_only: &[],
    words_only: false,
};
