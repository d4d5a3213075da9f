//! The gateway: a real HTTP proxy that splits real requests by what the live routing objects say.
//!
//! It watches `HTTPRout`s, Services and `EndpointSlic`s, compiles them into a [`table`] that is replaced whole on every
//! change, and sends each request ([`proxy`]) where the table says: by the most specific route for its host, else to the
//! ready endpoints of the Service that the host names (`podinfo.test`, `podinfo.test.svc.cluster.local:9898`), else to a
//! route for any host. It takes requests in absolute form too, so that a client can use it as its HTTP proxy and reach
//! cluster names.
//!
//! It serves a route whether or not the Gateway that the route names exists: the sandbox plays every gateway class. TLS,
//! TCP and gRPC routes are not played.

mod filters;
mod matching;
mod proxy;
mod spec;
mod stats;
mod status;
mod table;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use kube::Api;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::sync::Notify;

use crate::cluster::{Cluster, Mirror, Tasks, follow, run};
use crate::node::Addresses;
use crate::options::Options;
use crate::wire::{Server, bind, respond};
use proxy::Proxy;
pub use stats::{GatewayStats, Passage};
use table::Table;

/// How long requests in flight may take when the gateway stops.
const FINISH: Duration = Duration::from_secs(2);

/// The objects of the Gateway API, as last heard of.
#[derive(Default)]
struct Objects {
    routes: Mirror<DynamicObject>,
    gateways: Mirror<DynamicObject>,
    classes: Mirror<DynamicObject>,
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
        let stats = GatewayStats::default();
        let proxy = Arc::new(Proxy {
            table: RwLock::default(),
            stats: stats.clone(),
            clock: Arc::clone(&cluster.clock),
            addresses,
            dice: Mutex::new(SmallRng::seed_from_u64(options.seed)),
            pool: Arc::default(),
            tasks: tasks.clone(),
            shadows: Proxy::shadows(),
        });
        let objects = Arc::new(Objects::default());
        keep_table(cluster, &objects, &proxy, tasks);
        if options.routes {
            keep_status(cluster, &objects, tasks);
            watch(cluster, &objects, tasks);
        }
        let shown = stats.clone();
        Ok(Self {
            proxy: Server::start(listener, at, move |request| Arc::clone(&proxy).serve(request)),
            metrics: Server::start(metrics_listener, metrics_at, move |request| {
                std::future::ready(expose(&shown, &request))
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

fn expose(stats: &GatewayStats, request: &Request<Incoming>) -> http::Response<crate::wire::Body> {
    match request.uri().path() {
        "/metrics" => respond(StatusCode::OK, "text/plain; version=0.0.4", stats.expose()),
        _ => crate::wire::text(StatusCode::NOT_FOUND, "metrics are at /metrics"),
    }
}

/// Replaces the table whenever an object changes; changes that come together make one new table.
fn keep_table(cluster: &Arc<Cluster>, objects: &Arc<Objects>, proxy: &Arc<Proxy>, tasks: &Tasks) {
    let changed = Arc::new(Notify::new());
    let notify = |changed: &Arc<Notify>| {
        let changed = Arc::clone(changed);
        move || changed.notify_one()
    };
    let tell = notify(&changed);
    objects.routes.on_change(move |_| tell());
    let tell = notify(&changed);
    cluster.services.on_change(move |_| tell());
    let tell = notify(&changed);
    cluster.slices.on_change(move |_| tell());
    let (cluster, objects, proxy) = (Arc::clone(cluster), Arc::clone(objects), Arc::clone(proxy));
    tasks.spawn(async move {
        loop {
            changed.notified().await;
            let table = Table::build(&objects.routes.all(), &cluster.services.all(), &cluster.slices.all());
            *proxy.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        }
    });
}

fn keep_status(cluster: &Arc<Cluster>, objects: &Arc<Objects>, tasks: &Tasks) {
    let queue = status::listen(cluster, objects);
    let routes = status::Routes { cluster: Arc::clone(cluster), objects: Arc::clone(objects) };
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), routes));
    let queue = status::listen_to_gateways(objects);
    let gateways = status::Gateways { cluster: Arc::clone(cluster), objects: Arc::clone(objects) };
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), gateways));
}

fn watch(cluster: &Arc<Cluster>, objects: &Arc<Objects>, tasks: &Tasks) {
    let api = |kind, plural| Api::all_with(cluster.client.clone(), &resource(kind, plural));
    let (routes, all) = (api("HTTPRoute", "httproutes"), Arc::clone(objects));
    tasks.spawn(async move { follow(routes, &all.routes).await });
    let (gateways, all) = (api("Gateway", "gateways"), Arc::clone(objects));
    tasks.spawn(async move { follow(gateways, &all.gateways).await });
    let (classes, all) = (api("GatewayClass", "gatewayclasses"), Arc::clone(objects));
    tasks.spawn(async move { follow(classes, &all.classes).await });
}

fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", kind), plural)
}
