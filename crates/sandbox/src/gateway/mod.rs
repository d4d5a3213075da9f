//! The gateway: a real HTTP proxy that splits real requests by what the live routing objects say.
//!
//! It watches `HTTPRout`s, Istio's `VirtualServic`s and `DestinationRul`s, Ingresses of class `nginx`, Services, `EndpointSlic`s
//! and Pods, compiles them into a [`table`] that is replaced whole on every change, and sends each request ([`proxy`]) where
//! the table says: by the most specific host, else to the ready endpoints of the Service that the host names (`podinfo.test`,
//! `podinfo.test.svc.cluster.local:9898`), else to a route for any host. It takes requests in absolute form too, so that a
//! client can use it as its HTTP proxy and reach cluster names.
//!
//! Each kind of object has a folder that knows its fields ([`gatewayapi`], [`istio`], [`ingress`]) and turns them into the
//! common form ([`rule`]). Requests are [counted](counts) in the dialect of whoever would serve the object on a cluster; which
//! dialects there are follows from the objects alone.
//!
//! It serves an object whether or not the Gateway that it names exists: the sandbox plays every gateway class. TLS, TCP and
//! gRPC routes are not played.

mod address;
mod complaints;
mod cors;
mod counts;
mod faults;
mod filters;
mod forward;
mod gatewayapi;
mod ingress;
mod istio;
mod matching;
mod outliers;
mod peers;
mod proxy;
mod retries;
mod rule;
mod table;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use k8s_openapi::api::networking::v1::Ingress;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Resource};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::sync::Notify;

use crate::cluster::{Cluster, Mirror, Tasks, follow, run};
use crate::node::Addresses;
use crate::options::Options;
use crate::wire::{Server, bind, respond};
use complaints::Said;
use counts::Counts;
pub use counts::{GatewayStats, Passage};
use gatewayapi::status;
use outliers::Outliers;
use proxy::Proxy;
use table::{Objects, Table};

/// How long requests in flight may take when the gateway stops.
const FINISH: Duration = Duration::from_secs(2);

/// The routing objects, as last heard of.
#[derive(Default)]
struct Mirrors {
    routes: Mirror<DynamicObject>,
    gateways: Mirror<DynamicObject>,
    classes: Mirror<DynamicObject>,
    virtual_services: Mirror<DynamicObject>,
    destination_rules: Mirror<DynamicObject>,
    ingresses: Mirror<Ingress>,
}

/// A running gateway.
pub(crate) struct Gateway {
    proxy: Server,
    metrics: Server,
    stats: GatewayStats,
}

impl Gateway {
    /// Starts the gateway on two ports: for requests, and for its own metrics. It listens to the caches, so this comes
    /// before the caches fill.
    pub(crate) async fn start(
        cluster: &Arc<Cluster>,
        addresses: Addresses,
        options: &Options,
        tasks: &Tasks,
    ) -> io::Result<Self> {
        let addr = options.gateway_addr;
        let (listener, at) = bind(addr).await?;
        let (metrics_listener, metrics_at) = bind(SocketAddr::new(addr.ip(), 0)).await?;
        let counts = Counts::default();
        let stats = counts.gateway.clone();
        let proxy = Arc::new(Proxy {
            table: RwLock::default(),
            counts: counts.clone(),
            clock: Arc::clone(&cluster.clock),
            addresses,
            dice: Mutex::new(SmallRng::seed_from_u64(options.seed)),
            pool: Arc::default(),
            tasks: tasks.clone(),
            shadows: Proxy::shadows(),
            outliers: Outliers::default(),
        });
        let objects = Arc::new(Mirrors::default());
        keep_table(cluster, &objects, &proxy, tasks);
        if options.routes {
            keep_status(cluster, &objects, tasks);
            watch(cluster, &objects, tasks);
        }
        Ok(Self {
            proxy: Server::start(listener, at, move |request| Arc::clone(&proxy).serve(request)),
            metrics: Server::start(metrics_listener, metrics_at, move |request| {
                std::future::ready(expose(&counts, &request))
            }),
            stats,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.proxy.addr()
    }

    /// Where its own metrics are.
    pub(crate) fn metrics_addr(&self) -> SocketAddr {
        self.metrics.addr()
    }

    pub(crate) fn stats(&self) -> GatewayStats {
        self.stats.clone()
    }

    pub(crate) async fn stop(self) {
        self.proxy.stop(FINISH).await;
        self.metrics.stop(FINISH).await;
    }
}

fn expose(counts: &Counts, request: &Request<Incoming>) -> http::Response<crate::wire::Body> {
    match request.uri().path() {
        "/metrics" => respond(StatusCode::OK, "text/plain; version=0.0.4", counts.expose()),
        _ => crate::wire::text(StatusCode::NOT_FOUND, "metrics are at /metrics"),
    }
}

/// Replaces the table whenever an object changes; changes that come together make one new table.
fn keep_table(cluster: &Arc<Cluster>, mirrors: &Arc<Mirrors>, proxy: &Arc<Proxy>, tasks: &Tasks) {
    let changed = Arc::new(Notify::new());
    tell(&mirrors.routes, &changed);
    tell(&mirrors.virtual_services, &changed);
    tell(&mirrors.destination_rules, &changed);
    tell(&mirrors.ingresses, &changed);
    tell(&cluster.services, &changed);
    tell(&cluster.slices, &changed);
    tell(&cluster.pods, &changed);
    let (cluster, mirrors, proxy) = (Arc::clone(cluster), Arc::clone(mirrors), Arc::clone(proxy));
    tasks.spawn(async move {
        let mut said = Said::default();
        loop {
            changed.notified().await;
            let table = Table::build(&Objects {
                routes: mirrors.routes.all(),
                virtual_services: mirrors.virtual_services.all(),
                destination_rules: mirrors.destination_rules.all(),
                ingresses: mirrors.ingresses.all(),
                services: cluster.services.all(),
                slices: cluster.slices.all(),
                pods: cluster.pods.all(),
            });
            said.say(table.complaints(), &cluster.events);
            *proxy.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        }
    });
}

fn tell<K: Resource>(mirror: &Mirror<K>, changed: &Arc<Notify>) {
    let changed = Arc::clone(changed);
    mirror.on_change(move |_| changed.notify_one());
}

fn keep_status(cluster: &Arc<Cluster>, mirrors: &Arc<Mirrors>, tasks: &Tasks) {
    let queue = status::listen(cluster, mirrors);
    let routes = status::Routes { cluster: Arc::clone(cluster), objects: Arc::clone(mirrors) };
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), routes));
    let queue = status::listen_to_gateways(mirrors);
    let gateways = status::Gateways { cluster: Arc::clone(cluster), objects: Arc::clone(mirrors) };
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), gateways));
}

fn watch(cluster: &Arc<Cluster>, mirrors: &Arc<Mirrors>, tasks: &Tasks) {
    const GATEWAY_API: &str = "gateway.networking.k8s.io";
    const ISTIO: &str = "networking.istio.io";
    type Place = fn(&Mirrors) -> &Mirror<DynamicObject>;
    let custom: [(&str, &str, &str, Place); 5] = [
        (GATEWAY_API, "HTTPRoute", "httproutes", |mirrors| &mirrors.routes),
        (GATEWAY_API, "Gateway", "gateways", |mirrors| &mirrors.gateways),
        (GATEWAY_API, "GatewayClass", "gatewayclasses", |mirrors| &mirrors.classes),
        (ISTIO, "VirtualService", "virtualservices", |mirrors| &mirrors.virtual_services),
        (ISTIO, "DestinationRule", "destinationrules", |mirrors| &mirrors.destination_rules),
    ];
    for (group, kind, plural, place) in custom {
        let (api, all) = (Api::all_with(cluster.client.clone(), &resource(group, kind, plural)), Arc::clone(mirrors));
        tasks.spawn(async move { follow(api, place(&all)).await });
    }
    let (ingresses, all) = (Api::all(cluster.client.clone()), Arc::clone(mirrors));
    tasks.spawn(async move { follow(ingresses, &all.ingresses).await });
}

fn resource(group: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural)
}
