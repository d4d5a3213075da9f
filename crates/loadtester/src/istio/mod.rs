//! The Istio validator: whether the routing objects of a canary's namespace fit together.
//!
//! It reads `VirtualService`, `DestinationRule`, `Gateway` and `ServiceEntry` of Istio, and Services.
//!
//! Start reading at `rules.rs`.

mod rules;

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use process::cause;
use process::flags::Takes::Text;
use process::flags::{Flag, Flags, Misread, Typed};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::rules::Objects;
use crate::answers::{self, Answer, text};
use crate::caller::{Authorizer, Payload, Refusal, body, json as parse};
use crate::serving::{
    Common, Failure, HasCommon, LOG_LEVEL, NAMESPACES, VERSION, VERSION_FLAG, ZAP_ENCODING, port_flag,
};
use crate::world::World;

/// All flags.
pub(crate) const FLAGS: Flags = Flags { program: "loadtester istio-validator", rows: ROWS };

const ROWS: &[Flag] = &[
    Flag::new("kubeconfig", Text, "", "path of a kubeconfig; without one the user's, or the pod's ServiceAccount"),
    LOG_LEVEL,
    NAMESPACES,
    port_flag("8080"),
    VERSION_FLAG,
    ZAP_ENCODING,
];

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// So many objects of a kind are looked at.
const OBJECTS_MAX: u32 = 2000;

/// Versions in which Istio serves its objects, the latest first.
const VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Settings(Common);

impl Settings {
    /// What the typed flags mean.
    pub(crate) fn read(typed: &Typed) -> Result<Self, Misread> {
        Common::read(typed).map(Self)
    }
}

impl HasCommon for Settings {
    fn common(&self) -> &Common {
        &self.0
    }
}

/// Serves until `stop` is cancelled.
pub(crate) async fn serve(settings: Settings, mut world: World, stop: CancellationToken) -> Result<(), Failure> {
    let Settings(common) = settings;
    let server = common.open(&mut world).await?;
    tracing::info!(version = VERSION, port = server.address().port(), "starting the Istio validator");
    let validator = Arc::new(Validator {
        client: world.client(common.kubeconfig.as_deref()).await?,
        authorizer: common.authorizer,
    });
    let answer = move |request| {
        let validator = Arc::clone(&validator);
        async move { validator.answer(request).await }
    };
    answers::serve(server, stop, answer).await;
    Ok(())
}

struct Validator {
    authorizer: Authorizer,
    client: Client,
}

impl Validator {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, incoming) = request.into_parts();
        match head.uri.path() {
            "/healthz" => return Ok(text(StatusCode::OK, "OK")),
            "/validate-config" => {}
            _ => return Err(Refusal { status: StatusCode::NOT_FOUND, reason: "there is /validate-config".to_owned() }),
        }
        let payload: Payload = parse(&body(incoming).await?)?;
        self.authorizer.check(&payload.namespace)?;
        let key = payload.key()?;
        let objects = self.objects(&payload.namespace).await.map_err(|reason| {
            tracing::error!(canary = key, error = reason, "failed to validate the configuration");
            Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, reason }
        })?;
        let problems = rules::problems(&objects);
        tracing::info!(canary = key, problems = problems.join("; "), "configuration validated");
        if problems.is_empty() {
            let (routes, rules) = (objects.virtual_services.len(), objects.destination_rules.len());
            return Ok(text(StatusCode::OK, format!("{routes} VirtualServices and {rules} DestinationRules fit\n")));
        }
        Err(Refusal::forbidden(problems.join("\n")))
    }

    async fn objects(&self, namespace: &str) -> Result<Objects, String> {
        Ok(Objects {
            namespace: namespace.to_owned(),
            virtual_services: self.needed(Some(namespace), "VirtualService", "virtualservices").await?,
            destination_rules: self.needed(Some(namespace), "DestinationRule", "destinationrules").await?,
            // Routes may lead to other namespaces and come from gateways of others.
            gateways: self.istio(None, "Gateway", "gateways").await?.unwrap_or_default(),
            service_entries: self.istio(None, "ServiceEntry", "serviceentries").await?.unwrap_or_default(),
            services: self.list(None, &resource("", "v1", "Service", "services")).await?.unwrap_or_default(),
        })
    }

    /// Objects of Istio without which nothing can be said.
    async fn needed(&self, namespace: Option<&str>, kind: &str, plural: &str) -> Result<Vec<Value>, String> {
        let found = self.istio(namespace, kind, plural).await?;
        found.ok_or_else(|| format!("the cluster has no {kind} of networking.istio.io"))
    }

    /// Objects of Istio, in the latest version that is served; `None` where none is.
    async fn istio(&self, namespace: Option<&str>, kind: &str, plural: &str) -> Result<Option<Vec<Value>>, String> {
        for version in VERSIONS {
            let found = self.list(namespace, &resource("networking.istio.io", version, kind, plural)).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// `None` where the resource is not served.
    async fn list(&self, namespace: Option<&str>, resource: &ApiResource) -> Result<Option<Vec<Value>>, String> {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        };
        let failed = |reason: String| format!("failed to list {}: {reason}", resource.plural);
        match timeout(REQUEST_TIMEOUT, api.list(&ListParams::default().limit(OBJECTS_MAX))).await {
            Ok(Ok(list)) => Ok(Some(list.items.into_iter().map(|object| json!(object)).collect())),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(None),
            Ok(Err(error)) => Err(failed(cause::chain(&error))),
            Err(_) => Err(failed("no answer in time".to_owned())),
        }
    }
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}
