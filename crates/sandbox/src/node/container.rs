//! One container's life: pull, configure, start, serve, probe, and again if it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use kube::{Resource, ResourceExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::hosted::{self, Hosted};
use super::probe::{Rhythm, ask};
use super::status::{Exit, Facts, Place, State};
use super::{COMPONENT, Log, Node, env};
use crate::clock::sleep;
use crate::cluster::{Id, Severity};
use crate::images::{self, Image};
use crate::podinfo::{App, Settings};
use crate::wire::{Server, bind};

/// How long a container takes to start.
const START: Duration = Duration::from_secs(1);
/// How long a container that crashes runs before it does.
const CRASH: Duration = Duration::from_secs(1);
/// A kubelet's wait before the next attempt: the first, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));
/// How long requests in flight may take when a container ends, in real time; the pod's grace period bounds it too.
const FINISH: Duration = Duration::from_secs(30);

/// Runs one container of a pod.
pub(super) struct Runner {
    node: Arc<Node>,
    pod: Arc<Pod>,
    container: Container,
    at: usize,
    ip: IpAddr,
    facts: Facts,
    tell: mpsc::Sender<(usize, Facts)>,
    servers: Vec<Server>,
    hosted: Option<Hosted>,
}

impl Runner {
    /// The container number `at` of the pod; it tells `tell` whatever changes.
    pub(super) fn new(
        node: Arc<Node>,
        pod: Arc<Pod>,
        at: usize,
        ip: IpAddr,
        tell: mpsc::Sender<(usize, Facts)>,
    ) -> Self {
        let container = pod.spec.as_ref().and_then(|spec| spec.containers.get(at)).cloned().unwrap_or_default();
        Self { node, pod, container, at, ip, facts: Facts::default(), tell, servers: Vec::new(), hosted: None }
    }

    /// Runs until stopped, then finishes the requests in flight.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(self.live()).await;
        self.close().await;
    }

    async fn live(&mut self) {
        let mut wait = BACK_OFF.0;
        loop {
            let image = self.pull().await;
            let exit = self.once(&image).await;
            self.close().await;
            if !self.restarts(&exit) {
                self.enter(State::Over(exit)).await;
                return;
            }
            self.facts.last = Some(exit.clone());
            self.enter(State::Over(exit)).await;
            let name = &self.container.name;
            let message = format!("Back-off restarting failed container {name} in pod {}", self.pod.name_any());
            self.say(Severity::Warning, "BackOff", message.clone());
            self.enter(State::Waiting { reason: "CrashLoopBackOff", message: Some(message) }).await;
            sleep(self.node.clock(), wait).await;
            wait = (wait * 2).min(BACK_OFF.1);
            self.facts.restarts = self.facts.restarts.saturating_add(1);
        }
    }

    /// Pulls the image, for as long as it takes.
    async fn pull(&mut self) -> Image {
        let reference = self.container.image.clone().unwrap_or_default();
        let mut wait = BACK_OFF.0;
        loop {
            self.say(Severity::Normal, "Pulling", format!("Pulling image \"{reference}\""));
            let error = match images::pull(&reference) {
                Ok(image) => {
                    self.say(Severity::Normal, "Pulled", format!("Successfully pulled image \"{reference}\""));
                    return image;
                }
                Err(error) => error,
            };
            self.say(Severity::Warning, "Failed", format!("Failed to pull image \"{reference}\": {error}"));
            self.say(Severity::Warning, "Failed", "Error: ErrImagePull".into());
            self.enter(State::Waiting { reason: "ErrImagePull", message: Some(error.to_string()) }).await;
            sleep(self.node.clock(), wait / 2).await;
            self.say(Severity::Normal, "BackOff", format!("Back-off pulling image \"{reference}\""));
            self.say(Severity::Warning, "Failed", "Error: ImagePullBackOff".into());
            let message = Some(format!("Back-off pulling image \"{reference}\": ErrImagePull: {error}"));
            self.enter(State::Waiting { reason: "ImagePullBackOff", message }).await;
            sleep(self.node.clock(), wait / 2).await;
            wait = (wait * 2).min(BACK_OFF.1);
        }
    }

    /// Configures and starts the container, and runs it until it ends by itself.
    async fn once(&mut self, image: &Image) -> Exit {
        let env = self.environment().await;
        sleep(self.node.clock(), START).await;
        self.say(Severity::Normal, "Created", format!("Created container: {}", self.container.name));
        let started = self.node.clock().now();
        let ports = ports(&self.container);
        let place = hosted::Place { pod: &self.pod, container: &self.container, ip: self.ip, ports: &ports };
        match Hosted::start(&self.node, &place, image, &env).await {
            Some(Ok(hosted)) => self.host(started, hosted).await,
            Some(Err(error)) => self.exit(started, Some(format!("failed to listen: {error}"))),
            None => self.play(started, image, &env).await,
        }
    }

    /// Runs a program until it ends by itself.
    async fn host(&mut self, started: Timestamp, hosted: Hosted) -> Exit {
        self.say(Severity::Normal, "Started", format!("Started container {}", self.container.name));
        let ended = hosted.ended();
        self.hosted = Some(hosted);
        let ended = tokio::select! {
            ended = ended => ended,
            never = self.attend(started) => match never {},
        };
        self.exit(started, ended.err())
    }

    /// Runs the small application until it crashes.
    async fn play(&mut self, started: Timestamp, image: &Image, env: &BTreeMap<String, String>) -> Exit {
        let settings = match Settings::read(&self.pod.name_any(), &image.tag, env) {
            Ok(settings) => settings,
            Err(error) => return self.exit(started, Some(error.to_string())),
        };
        let crash = settings.crash;
        if let Err(error) = self.serve(settings).await {
            return self.exit(started, Some(format!("failed to listen: {error}")));
        }
        self.say(Severity::Normal, "Started", format!("Started container {}", self.container.name));
        if crash {
            self.enter(State::Running { since: started }).await;
            sleep(self.node.clock(), CRASH).await;
            return self.exit(started, Some("exiting as CRASH says".into()));
        }
        match self.attend(started).await {}
    }

    /// Says that the container runs, and asks whether it is ready where that has to be asked.
    async fn attend(&mut self, started: Timestamp) -> Infallible {
        if let Some(probe) = self.container.readiness_probe.clone() {
            return self.probe(started, &probe).await;
        }
        self.facts.ready = true;
        self.enter(State::Running { since: started }).await;
        std::future::pending().await
    }

    async fn environment(&mut self) -> BTreeMap<String, String> {
        let place = Place { pod: self.ip, host: self.node.addresses.host() };
        loop {
            match env::resolve(&self.node.cluster.client, &self.pod, &self.container, place).await {
                Ok(env) => return env,
                Err(error) => {
                    self.say(Severity::Warning, "Failed", format!("Error: {error}"));
                    let message = Some(error.to_string());
                    self.enter(State::Waiting { reason: "CreateContainerConfigError", message }).await;
                    sleep(self.node.clock(), BACK_OFF.0).await;
                }
            }
        }
    }

    /// Serves the container's ports.
    async fn serve(&mut self, settings: Settings) -> std::io::Result<()> {
        let clock = Arc::clone(&self.node.cluster.stamps);
        let app = Arc::new(App::new(settings, clock, self.node.seed(), self.log()));
        let ports = ports(&self.container);
        for addr in self.node.addresses.listen_at(self.ip, &ports) {
            let (listener, addr) = bind(addr).await?;
            let app = Arc::clone(&app);
            self.servers.push(Server::start(listener, addr, move |request| Arc::clone(&app).serve(request)));
            self.node.addresses.open(self.ip, &ports, addr);
        }
        Ok(())
    }

    /// Leads nobody to the listeners any more, and finishes what they began.
    async fn close(&mut self) {
        let servers = std::mem::take(&mut self.servers);
        for server in &servers {
            self.node.addresses.close(server.addr());
        }
        if let Some(hosted) = self.hosted.take() {
            hosted.stop(&self.node, FINISH).await;
        }
        futures::future::join_all(servers.into_iter().map(|server| server.stop(FINISH))).await;
    }

    /// Asks for ever whether the container is ready.
    async fn probe(&mut self, started: Timestamp, probe: &Probe) -> Infallible {
        self.enter(State::Running { since: started }).await;
        let rhythm = Rhythm::of(probe);
        sleep(self.node.clock(), rhythm.delay).await;
        let (mut successes, mut failures) = (0_u32, 0_u32);
        loop {
            let patience = rhythm.patience(|stretch| self.node.clock().real(stretch));
            let asked = ask(&self.node.probes, &self.node.addresses, self.ip, &self.container, probe, patience).await;
            let ready = if let Err(error) = asked {
                self.say(Severity::Warning, "Unhealthy", format!("Readiness probe failed: {error}"));
                (successes, failures) = (0, failures.saturating_add(1));
                self.facts.ready && failures < rhythm.failures
            } else {
                (successes, failures) = (successes.saturating_add(1), 0);
                self.facts.ready || rhythm.successes <= successes
            };
            if ready != self.facts.ready {
                self.facts.ready = ready;
                self.enter(State::Running { since: started }).await;
            }
            sleep(self.node.clock(), rhythm.period).await;
        }
    }

    fn exit(&mut self, started: Timestamp, message: Option<String>) -> Exit {
        self.facts.ready = false;
        self.log().write(
            self.node.clock().now(),
            "fatal",
            message.as_deref().unwrap_or("exiting"),
            &self.container.name,
        );
        Exit { code: 1, message, started, finished: self.node.clock().now() }
    }

    fn restarts(&self, exit: &Exit) -> bool {
        match self.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) {
            Some("Never") => false,
            Some("OnFailure") => exit.code != 0,
            _ => true,
        }
    }

    /// The container is in another state now; nobody listening means that the pod is leaving.
    async fn enter(&mut self, state: State) {
        self.facts.state = state;
        let _ = self.tell.send((self.at, self.facts.clone())).await;
    }

    fn log(&self) -> Log {
        self.node.logs.of(Id::of(self.pod.meta()), &self.container.name)
    }

    fn say(&self, severity: Severity, reason: &'static str, message: String) {
        self.node.cluster.events.say(&*self.pod, COMPONENT, severity, reason, message);
    }
}

/// The ports that lead to a container's listener: the declared ones, or else podinfo's own and the usual one.
fn ports(container: &Container) -> Vec<u16> {
    const DEFAULT: [u16; 2] = [9898, 8080];
    let declared = container.ports.iter().flatten().filter_map(|port| u16::try_from(port.container_port).ok());
    // A number may be there twice, for two protocols.
    let declared: BTreeSet<u16> = declared.collect();
    if declared.is_empty() { DEFAULT.to_vec() } else { declared.into_iter().collect() }
}
