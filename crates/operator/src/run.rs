//! The operator, wired in reading order: connect, check, watch, then look at canaries until told to stop.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use ports::{Clock, Key, Kind, kinds};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, BindError};
use crate::args::Settings;
use crate::cluster::{
    Cluster, ConnectError, DiscoveryError, Error as ClusterError, Mesh, Notice, Notices, Scope, connect, connect_mesh,
};
use crate::drive::Shell;
use crate::lease::{Election, Lost, Tenure};
use crate::recorder::Recorder;
use crate::schedule::{Look, Looked, Pace, Schedule};
use crate::telemetry::Metrics;
use crate::web::Web;

/// Looks that are under way at once; each is mostly waiting for the network. More releases than this at one moment queue up.
const LOOKS_MAX: usize = 256;

/// First looks at canaries that are under way at once. When a process begins or takes over, all canaries are looked at, and
/// each look unpacks some ten objects: memory that is asked for all at once is not given back.
const FIRST_LOOKS_MAX: usize = 32;

/// How long looks under way get to finish when the process stops; what does not is repeated from the stored status.
const GRACE: Duration = Duration::from_secs(10);

/// The same for one of several replicas, which is waited for.
const GRACE_OF_LEADERS: Duration = Duration::from_secs(2);

/// What is followed from the start, by replicas that wait as well: most of what a first look at a canary needs.
const KINDS: [Kind; 4] = [kinds::CANARY, kinds::METRIC_TEMPLATE, kinds::DEPLOYMENT, kinds::SERVICE];

/// Why the operator can't run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no way to the cluster.
    #[error("failed to connect to the cluster")]
    Connect(#[source] ConnectError),
    /// The cluster does not say what it is.
    #[error("failed to read the cluster's version")]
    Version(#[source] ClusterError),
    /// The cluster is too old, or of a kind that we do not know.
    #[error("unsupported Kubernetes version {0}")]
    Unsupported(String),
    /// Our kinds are not there.
    #[error("failed to find flagger's kinds in the cluster")]
    Kinds(#[source] DiscoveryError),
    /// There is no way to the cluster with the routing objects.
    #[error("failed to connect to the cluster of -kubeconfig-service-mesh")]
    Mesh(#[source] ConnectError),
    /// Another replica leads now.
    #[error("failed to keep the lead")]
    Lost(#[source] Lost),
    /// The port for probes and metrics is taken.
    #[error("failed to open the port for probes and metrics")]
    Port(#[source] BindError),
}

impl Error {
    /// What to try next, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Connect(error) | Self::Mesh(error) => Some(error.hint()),
            Self::Lost(_) => Some("this replica waits for its turn once it is started again, as a pod is by itself"),
            Self::Version(error) => error.hint(),
            Self::Unsupported(_) => Some("use a cluster of Kubernetes 1.11 or newer"),
            Self::Kinds(error) => error.hint(),
            Self::Port(error) => Some(error.hint()),
        }
    }
}

/// Connects as the settings say and runs until `stop` is cancelled.
pub async fn run(settings: Settings, clock: Arc<dyn Clock>, stop: CancellationToken) -> Result<(), Error> {
    let client = connect(&settings.access).await.map_err(Error::Connect)?;
    let admin = Admin::bind(settings.port).await.map_err(Error::Port)?;
    Box::pin(serve(client, Web::new(), settings, clock, admin, stop)).await
}

/// Runs on the cluster behind `client` until `stop` is cancelled; metrics and webhooks are asked over `web`.
pub async fn serve(
    client: kube::Client,
    web: Web,
    settings: Settings,
    clock: Arc<dyn Clock>,
    admin: Admin,
    stop: CancellationToken,
) -> Result<(), Error> {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, mesh_provider = settings.mesh_provider, "starting flagger");
    let election = settings
        .election_namespace
        .as_ref()
        .map(|namespace| Election::new(Cluster::new(client.clone()), Arc::clone(&clock), namespace));
    let tenure = election.as_ref().map_or_else(Tenure::unopposed, Election::tenure);
    let metrics = Arc::new(Metrics::new(version, &settings.mesh_provider));
    let mesh = mesh(&settings).await?;
    let cluster = Cluster::of_operator(client, mesh, &settings, tenure.clone(), Arc::clone(&metrics));
    let scope = Scope::from(settings.namespace.clone());
    check(&cluster, &scope).await?;
    let notices = cluster.notices();
    for kind in KINDS {
        cluster.watch(kind, &scope);
    }
    let closing = stop.child_token();
    let answering = tokio::spawn(admin.serve(Arc::clone(&metrics), closing.clone()));
    let closing = closing.drop_guard();
    let recorder = Recorder::start(cluster.clone(), Arc::clone(&clock));
    let written = recorder.written();
    let shell = Arc::new(Shell::new(cluster.clone(), web, clock, recorder, metrics, settings));
    let (delivered, announced) = (shell.courier.delivered(), shell.herald.announced());
    shell.check_metrics_server().await;
    for kind in KINDS {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = cluster.settled(kind) => {}
        }
    }
    let grace = if election.is_some() { GRACE_OF_LEADERS } else { GRACE };
    let retired = CancellationToken::new();
    let work = async {
        reign(shell, notices, &tenure, grace, &stop).await;
        let told = async { tokio::join!(written.cancelled(), delivered.cancelled(), announced.cancelled()) };
        if tokio::time::timeout(grace, told).await.is_err() {
            tracing::warn!("stopped with events or alerts that were not told everywhere");
        }
        retired.cancel();
    };
    let mut stand = pin!(async {
        if let Some(election) = election {
            return election.stand(&retired).await;
        }
        retired.cancelled().await;
        Ok(())
    });
    let stood = tokio::select! {
        stood = &mut stand => stood,
        () = work => stand.await,
    };
    stood.map_err(Error::Lost)?;
    drop(closing);
    // A server that was told to stop does so by itself; one that panicked has nothing left to stop.
    let _ = answering.await;
    Ok(())
}

/// The cluster with the routing objects, when it has a kubeconfig of its own.
async fn mesh(settings: &Settings) -> Result<Option<Mesh>, Error> {
    let Some(kubeconfig) = &settings.mesh_kubeconfig else { return Ok(None) };
    let mesh = connect_mesh(&settings.access, kubeconfig).await.map_err(Error::Mesh)?;
    tracing::info!(kubeconfig = %kubeconfig.display(), foreign = mesh.foreign, "connected to the mesh's Kubernetes API");
    Ok(Some(mesh))
}

/// Checks that the cluster is one that we can work with.
async fn check(cluster: &Cluster, scope: &Scope) -> Result<(), Error> {
    let server = cluster.version().await.map_err(Error::Version)?;
    if !server.supported() {
        return Err(Error::Unsupported(server.text));
    }
    tracing::info!(version = server.text, "connected to the Kubernetes API");
    cluster.require_own_kinds(scope).await.map_err(Error::Kinds)
}

/// Looks after canaries while the tenure holds, and again when it comes back, until told to stop.
async fn reign(shell: Arc<Shell>, mut notices: Notices, tenure: &Tenure, grace: Duration, stop: &CancellationToken) {
    while stop.run_until_cancelled(tenure.begins()).await.is_some() {
        // What is under way when the tenure ends is dropped, and done again by whoever leads next.
        tokio::select! {
            () = Operator::new(Arc::clone(&shell)).run(&mut notices, grace, stop) => break,
            () = tenure.ends() => {}
        }
    }
}

/// Turns changes and time into looks.
struct Operator {
    shell: Arc<Shell>,
    schedule: Schedule,
    looks: JoinSet<Looked>,
    /// The canaries whose looks are under way, by task, so that one that panicked can be named.
    under_way: HashMap<tokio::task::Id, (Key, Pace)>,
}

impl Operator {
    fn new(shell: Arc<Shell>) -> Self {
        Self { shell, schedule: Schedule::default(), looks: JoinSet::new(), under_way: HashMap::new() }
    }

    async fn run(mut self, notices: &mut Notices, grace: Duration, stop: &CancellationToken) {
        for canary in self.shell.cluster.keys(kinds::CANARY) {
            self.meet(canary);
        }
        loop {
            self.begin_looks();
            let nap = self.nap();
            // In this order: the end before new work, and the looks that are over before those that changes ask for.
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(looked) = self.looks.join_next_with_id(), if !self.looks.is_empty() => self.end_look(looked),
                notice = notices.next() => match notice {
                    Some(notice) => {
                        self.hear(notice);
                        // Changes come in bursts: hear all of one before looking.
                        while let Some(Some(notice)) = notices.next().now_or_never() {
                            self.hear(notice);
                        }
                    }
                    None => break,
                },
                () = tokio::time::sleep(nap) => {}
            }
        }
        self.finish(grace).await;
    }

    fn hear(&mut self, notice: Notice) {
        match notice {
            Notice::Changed(key) | Notice::Deleted(key) => {
                self.schedule.changed(&key);
                if key.kind == kinds::CANARY {
                    self.meet(key);
                }
            }
            Notice::Lost => {
                for canary in self.shell.canaries() {
                    self.meet(canary);
                }
                self.schedule.wake_all();
            }
        }
    }

    /// A canary that may be new.
    fn meet(&mut self, canary: Key) {
        let namespace = canary.namespace.clone();
        for rival in self.shell.note(&canary) {
            self.schedule.wake(rival);
        }
        self.schedule.wake(canary);
        self.count(&namespace);
    }

    fn count(&self, namespace: &str) {
        self.shell.metrics.canary_total(namespace, self.schedule.census(namespace));
    }

    fn begin_looks(&mut self) {
        while self.looks.len() < LOOKS_MAX && self.first_looks() < FIRST_LOOKS_MAX {
            let Some(look) = self.schedule.next(self.shell.clock.now()) else { return };
            let Look { canary, pace } = &look;
            let (canary, pace, due) = (canary.clone(), *pace, self.schedule.due_of(canary));
            let shell = Arc::clone(&self.shell);
            let task = self.looks.spawn(async move { shell.look(look, due).await });
            self.under_way.insert(task.id(), (canary, pace));
        }
    }

    fn first_looks(&self) -> usize {
        self.under_way.values().filter(|(_, pace)| *pace == Pace::First).count()
    }

    fn end_look(&mut self, looked: Result<(tokio::task::Id, Looked), tokio::task::JoinError>) {
        match looked {
            Ok((task, looked)) => {
                self.under_way.remove(&task);
                let namespace = looked.canary.namespace.clone();
                self.schedule.looked(looked, self.shell.clock.now());
                self.count(&namespace);
            }
            Err(error) => {
                let Some((canary, _)) = self.under_way.remove(&error.id()) else { return };
                tracing::error!(canary = %crate::drive::name(&canary), %error, "a look at the canary broke off");
                self.schedule.looked(self.shell.later(canary), self.shell.clock.now());
            }
        }
    }

    /// How long nothing is due.
    fn nap(&self) -> Duration {
        /// A process with nothing to do still looks up this often: where the clock is set back meanwhile, that is noticed by
        /// the next look at it, and what is due is late by as much as was slept until then.
        const NAP_MAX: Duration = Duration::from_secs(10);
        if LOOKS_MAX <= self.looks.len() || FIRST_LOOKS_MAX <= self.first_looks() {
            return NAP_MAX;
        }
        // Time that has passed already counts as none.
        let until = |due: Timestamp| Duration::try_from(due.duration_since(self.shell.clock.now())).unwrap_or_default();
        let due = self.schedule.due().map_or(NAP_MAX, until);
        self.shell.clock.real(due.min(NAP_MAX))
    }

    async fn finish(mut self, grace: Duration) {
        let all = async { while self.looks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!("stopped in the middle of a look, which the next start repeats");
        }
    }
}
