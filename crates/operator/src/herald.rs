//! Alerts to chats, in the background: nobody waits for them, and no tick notices how a chat is doing.
//!
//! What a chat needs to be told anything, its `AlertProvider` and that one's Secret, is looked up when an alert is sent and
//! kept nowhere. Alerts to one chat arrive in order.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::{AlertProvider, Canary, Severity};
use http::Request;
use notifiers::{Alert, Chat, Next, Notifier, heard};
use ports::{Clock, Key, kinds};
use tokio_util::sync::CancellationToken;

use crate::args::{GlobalChat, Settings};
use crate::cause::chain;
use crate::cluster::{Cluster, Scope};
use crate::lanes::Lanes;
use crate::secret;
use crate::telemetry::Metrics;
use crate::web::{Options, Route, Web, origin};

/// How long a chat may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What metrics call the chat of a provider that could not be read.
const UNKNOWN: &str = "unknown";

/// Tells chats. Its lanes end with it.
pub(crate) struct Herald {
    lanes: Lanes<Errand>,
    metrics: Arc<Metrics>,
    cluster_name: String,
    global: Option<Arc<GlobalChat>>,
}

/// One alert to one chat.
struct Errand {
    to: Receiver,
    alert: Alert,
}

/// Who is told.
enum Receiver {
    /// The chat of the flags.
    Global(Arc<GlobalChat>),
    /// The chat of an `AlertProvider`.
    Provider(Key),
}

impl Herald {
    /// Starts the lanes.
    pub(crate) fn start(
        cluster: &Cluster,
        web: &Web,
        clock: &Arc<dyn Clock>,
        metrics: &Arc<Metrics>,
        settings: &Settings,
    ) -> Self {
        let global = settings.chat.clone().map(Arc::new);
        if let Some(global) = &global {
            let address = origin(&global.chat.address).unwrap_or_default();
            tracing::info!(provider = global.provider.as_str(), address, "alerts go to a chat");
        }
        let runner = Arc::new(Runner {
            cluster: cluster.clone(),
            web: web.clone(),
            clock: Arc::clone(clock),
            metrics: Arc::clone(metrics),
            scope: Scope::from(settings.namespace.clone()),
        });
        let lanes = Lanes::start(move |errand| {
            let runner = Arc::clone(&runner);
            async move { runner.run(errand).await }
        });
        Self { lanes, metrics: Arc::clone(metrics), cluster_name: settings.cluster_name.clone(), global }
    }

    /// Queues an alert about a canary for everybody whom it names, or else for the chat of the flags.
    pub(crate) fn tell(&self, canary: &Canary, mut alert: Alert) {
        if !self.cluster_name.is_empty() {
            alert.fields.insert(0, ("Cluster".to_owned(), self.cluster_name.clone()));
        }
        for to in self.receivers(canary, alert.severity) {
            let name = to.to_string();
            if let Err(Errand { to, alert }) = self.lanes.queue(&name, Errand { to, alert: alert.clone() }) {
                self.metrics.alert(to.known(), "dropped");
                tracing::warn!(canary = alert.canary, receiver = %to, "alert not sent, too many are waiting");
            }
        }
    }

    /// Cancelled when the herald is gone and everything that was queued has been tried.
    pub(crate) fn announced(&self) -> CancellationToken {
        self.lanes.finished()
    }

    /// Who gets an alert of this severity: those who asked for it or for less grave ones.
    fn receivers(&self, canary: &Canary, severity: Severity) -> Vec<Receiver> {
        let named = &canary.spec.analysis.alerts;
        if named.is_empty() {
            return self.global.iter().cloned().map(Receiver::Global).collect();
        }
        let namespace = canary.metadata.namespace.as_deref().unwrap_or_default();
        let provider = |entry: &api::CanaryAlert| {
            let reference = &entry.provider_ref;
            Receiver::Provider(Key::new(kinds::ALERT_PROVIDER, reference.namespace_or(namespace), &reference.name))
        };
        named.iter().filter(|entry| entry.severity <= severity).map(provider).collect()
    }
}

impl Receiver {
    /// The kind of chat, as far as it is known before the provider is read.
    fn known(&self) -> &'static str {
        match self {
            Self::Global(global) => global.provider.as_str(),
            Self::Provider(_) => UNKNOWN,
        }
    }
}

/// What log lines call it.
impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global(global) => write!(f, "-{}-url", global.provider.as_str()),
            Self::Provider(key) => write!(f, "{key}"),
        }
    }
}

/// What every errand takes.
struct Runner {
    cluster: Cluster,
    web: Web,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    scope: Scope,
}

impl Runner {
    async fn run(&self, Errand { to, alert }: Errand) {
        let mut provider = to.known();
        let told = match self.find(&to).await {
            Ok(place) => {
                provider = place.provider.as_str();
                self.tell(&place, &alert).await
            }
            Err(error) => Err(error),
        };
        match told {
            Ok(()) => {
                self.metrics.alert(provider, "sent");
                tracing::debug!(canary = alert.canary, receiver = %to, "alert sent");
            }
            Err(error) => {
                self.metrics.alert(provider, "failed");
                tracing::error!(canary = alert.canary, receiver = %to, error, "failed to send an alert");
            }
        }
    }

    /// The chat, with the secrets that it takes.
    async fn find(&self, to: &Receiver) -> Result<Arc<GlobalChat>, String> {
        let key = match to {
            Receiver::Global(global) => return Ok(Arc::clone(global)),
            Receiver::Provider(key) => key,
        };
        self.cluster.watch(key.kind, &self.scope);
        let found = self.cluster.get(key).await.map_err(|error| error.to_string())?;
        let object = found.ok_or_else(|| format!("alertproviders.flagger.app {:?} not found", key.name))?;
        let provider: AlertProvider = serde_json::from_value((*object).clone()).map_err(|error| error.to_string())?;
        let secret = match &provider.spec.secret_ref {
            None => None,
            Some(reference) => {
                let key = Key::new(kinds::SECRET, &key.namespace, &reference.name);
                let found = self.cluster.get(&key).await.map_err(|error| error.to_string())?;
                Some(secret::data(&*found.ok_or_else(|| format!("secrets {:?} not found", key.name))?))
            }
        };
        let chat = Chat::of(&provider.spec, secret.as_ref()).map_err(|error| chain(&error))?;
        let proxy = provider.spec.proxy.filter(|proxy| !proxy.is_empty());
        Ok(Arc::new(GlobalChat { provider: provider.spec.type_, chat, proxy }))
    }

    async fn tell(&self, place: &GlobalChat, alert: &Alert) -> Result<(), String> {
        let notifier = notifiers::find(place.provider);
        let request = notifier.request(&place.chat, alert).map_err(|error| chain(&error))?;
        let route = Route { insecure: false, proxy: place.proxy.clone() };
        self.send(notifier, &request, &Options { timeout: TIMEOUT, route }).await
    }

    async fn send(&self, notifier: &dyn Notifier, request: &Request<Vec<u8>>, options: &Options) -> Result<(), String> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outcome = self.web.send(request.clone(), options).await;
            let outcome = outcome.as_ref().map_err(ToString::to_string);
            match heard(notifier, attempts, outcome.as_ref().map(|it| *it).map_err(String::as_str)) {
                Next::Done(verdict) => return verdict,
                Next::Again(wait) => tokio::time::sleep(self.clock.real(wait)).await,
            }
        }
    }
}
