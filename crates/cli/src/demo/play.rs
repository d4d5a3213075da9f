//! Playing a script: apply a file, follow the releases that it causes to their ends, apply the next.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use api::{Canary, CanaryStatus, Phase};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use sandbox::{Load, LoadError, LoadOptions, LoadStats, Sandbox};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::apply::{self, apply, namespace_of};
use super::script::Act;

/// Time in the sandbox that a canary may take to be initialized.
const INITIALIZATION_MAX: Duration = Duration::from_secs(15 * 60);

/// Time in the sandbox that a release may take. Nobody is there to approve one for ever.
const RELEASE_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// Something to show.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// A file was applied.
    Applied { name: String },
    /// Load is being sent for a canary.
    Loaded { canary: String, stats: LoadStats },
    /// A canary has another status.
    Status { canary: String, status: Box<CanaryStatus>, top: i32 },
    /// A weight was held for a while.
    Step(Step),
    /// An event was said about a canary.
    Event(Told),
}

/// A weight and what the requests meanwhile were.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) canary: String,
    /// Which release this is, from 1.
    pub(crate) release: usize,
    /// Configured share of the canary in percent.
    pub(crate) weight: i32,
    /// Measured share of the canary in percent.
    pub(crate) share: f64,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) lost: u64,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) canary: String,
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// How long after the start it was said, in the sandbox.
    pub(crate) after: Duration,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) promoted: usize,
    pub(crate) rolled_back: usize,
    pub(crate) requests: u64,
    /// Requests that the bad version failed.
    pub(crate) failed: u64,
    /// Requests that no pod answered.
    pub(crate) lost: u64,
}

/// Why a script can't be played to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An object can't be applied.
    #[error("failed to apply {file}")]
    Apply {
        file: String,
        #[source]
        source: apply::Error,
    },
    /// There is nothing to release.
    #[error("no Canary in {0}")]
    NoCanary(String),
    /// A canary does not get there.
    #[error("{canary} is still {phase} after {limit}; last event: {last}", limit = api::duration::format(*.limit))]
    Stuck { canary: String, phase: String, limit: Duration, last: String },
    /// No load can be sent.
    #[error("failed to send load to {canary}")]
    Load {
        canary: String,
        #[source]
        source: LoadError,
    },
    /// An object can't be read.
    #[error("failed to read {object}")]
    Read {
        object: String,
        #[source]
        source: Box<kube::Error>,
    },
}

/// Plays all acts, telling what happens, and says how it ended. The load goes on until the player ends.
pub(crate) async fn play<'a>(
    sandbox: &'a Sandbox,
    acts: &[Act],
    per_second: f64,
    news: mpsc::UnboundedSender<News>,
) -> Result<(Summary, Player<'a>), Error> {
    let mut player = Player::new(sandbox, per_second, news);
    for act in acts {
        player.act(act).await?;
    }
    if player.canaries.is_empty() {
        let files: Vec<&str> = acts.iter().map(|act| act.name.as_str()).collect();
        return Err(Error::NoCanary(files.join(", ")));
    }
    Ok((player.sum_up().await, player))
}

/// A watch that breaks off comes back by itself, so that only what it shows is of interest.
type Changes<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// Whoever plays, and follows what comes of it.
pub(crate) struct Player<'a> {
    sandbox: &'a Sandbox,
    client: Client,
    per_second: f64,
    news: Option<mpsc::UnboundedSender<News>>,
    began: Timestamp,
    changes: Changes<Canary>,
    events: Changes<Event>,
    canaries: BTreeMap<String, Followed>,
    /// How often each event was told, by uid.
    told: BTreeMap<String, i32>,
    last: String,
    summary: Summary,
}

/// A canary and what is going on with it.
struct Followed {
    canary: Canary,
    status: CanaryStatus,
    load: Option<Load>,
    /// Since when it has its weight.
    since: Timestamp,
    releases: usize,
    /// The revision that was last seen before the file that is played now.
    before: String,
    /// Whether the file that is played now changes its target.
    expects_release: bool,
}

impl<'a> Player<'a> {
    fn new(sandbox: &'a Sandbox, per_second: f64, news: mpsc::UnboundedSender<News>) -> Self {
        let client = sandbox.client();
        let canaries = watcher(Api::<Canary>::all(client.clone()), watcher::Config::default());
        let events = watcher(Api::<Event>::all(client.clone()), watcher::Config::default());
        Self {
            sandbox,
            per_second,
            news: Some(news),
            began: sandbox.clock().now(),
            changes: Box::pin(canaries.default_backoff().applied_objects().filter_map(async |found| found.ok())),
            events: Box::pin(events.default_backoff().applied_objects().filter_map(async |found| found.ok())),
            client,
            canaries: BTreeMap::new(),
            told: BTreeMap::new(),
            last: "none".to_owned(),
            summary: Summary::default(),
        }
    }

    async fn act(&mut self, act: &Act) -> Result<(), Error> {
        let templates = self.templates().await?;
        for object in &act.objects {
            let failed = |source| Error::Apply { file: act.name.clone(), source };
            apply(&self.client, object).await.map_err(failed)?;
            self.follow(object);
        }
        self.tell(News::Applied { name: act.name.clone() });
        for (name, template) in self.templates().await? {
            if let Some(followed) = self.canaries.get_mut(&name) {
                followed.expects_release = templates.get(&name).is_some_and(|before| *before != template);
                followed.before.clone_from(&followed.status.last_applied_spec);
            }
        }
        self.until(INITIALIZATION_MAX, |followed| is_initialized(followed.status.phase)).await?;
        self.send_load().await?;
        self.until(RELEASE_MAX, |followed| {
            let moved = followed.status.last_applied_spec != followed.before;
            let over = matches!(followed.status.phase, Phase::Succeeded | Phase::Failed);
            !followed.expects_release || (moved && over)
        })
        .await
    }

    /// The pod templates of all targets as they are now.
    async fn templates(&self) -> Result<BTreeMap<String, Value>, Error> {
        let mut templates = BTreeMap::new();
        for (name, followed) in &self.canaries {
            let target = &followed.canary.spec.target_ref;
            let namespace = followed.canary.metadata.namespace.as_deref().unwrap_or_default();
            let resource = match target.kind.as_str() {
                "DaemonSet" => ApiResource::erase::<DaemonSet>(&()),
                _ => ApiResource::erase::<Deployment>(&()),
            };
            let workloads: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
            let found = workloads.get_opt(&target.name).await.map_err(|source| Error::Read {
                object: format!("{} {}.{namespace}", target.kind, target.name),
                source: Box::new(source),
            })?;
            let template = found.and_then(|found| found.data.pointer("/spec/template").cloned());
            templates.insert(name.clone(), template.unwrap_or_default());
        }
        Ok(templates)
    }

    /// Follows an applied canary from now on.
    fn follow(&mut self, object: &Value) {
        let is_canary = object["kind"] == "Canary"
            && object["apiVersion"].as_str().is_some_and(|version| version.starts_with("flagger.app/"));
        if !is_canary {
            return;
        }
        let mut object = object.clone();
        object["metadata"]["namespace"] = namespace_of(&object).into();
        // What the API accepted is a canary.
        let Ok(canary) = serde_json::from_value::<Canary>(object) else { return };
        let since = self.sandbox.clock().now();
        let name = name_of(&canary);
        let status = self.canaries.get(&name).map(|followed| followed.status.clone()).unwrap_or_default();
        let load = self.canaries.remove(&name).and_then(|followed| followed.load);
        let followed =
            Followed { canary, status, load, since, releases: 0, before: String::new(), expects_release: false };
        self.canaries.insert(name, followed);
    }

    async fn send_load(&mut self) -> Result<(), Error> {
        for (name, followed) in self.canaries.iter_mut().filter(|(_, followed)| followed.load.is_none()) {
            let host = host_of(&self.client, &followed.canary).await?;
            let mut options = LoadOptions::new(self.sandbox.gateway_addr(), host);
            options.per_second = self.per_second;
            let failed = |source| Error::Load { canary: name.clone(), source };
            let load = Load::start(&options, self.sandbox.clock()).map_err(failed)?;
            let stats = load.stats();
            followed.load = Some(load);
            tell(self.news.as_ref(), News::Loaded { canary: name.clone(), stats });
        }
        Ok(())
    }

    /// Hears of changes until all canaries are as asked.
    async fn until(&mut self, limit: Duration, done: impl Fn(&Followed) -> bool) -> Result<(), Error> {
        let end = tokio::time::sleep(self.sandbox.clock().real(limit));
        let mut end = std::pin::pin!(end);
        while !self.canaries.values().all(&done) {
            tokio::select! {
                () = self.hear() => {}
                () = &mut end => return Err(self.stuck(limit, &done)),
            }
        }
        Ok(())
    }

    /// Hears of one change; what is not heard when this is dropped is heard next time.
    async fn hear(&mut self) {
        tokio::select! {
            Some(changed) = self.changes.next() => self.changed(changed),
            Some(event) = self.events.next() => self.said(&event),
        }
    }

    fn stuck(&self, limit: Duration, done: impl Fn(&Followed) -> bool) -> Error {
        let stuck = self.canaries.iter().find(|(_, followed)| !done(followed));
        let (canary, phase) = stuck.map_or(("a canary", Phase::New), |(name, followed)| (name, followed.status.phase));
        let phase = if phase == Phase::New { "untouched".to_owned() } else { phase.to_string() };
        Error::Stuck { canary: canary.to_owned(), phase, limit, last: self.last.clone() }
    }

    fn changed(&mut self, canary: Canary) {
        let name = name_of(&canary);
        let now = self.sandbox.clock().now();
        let Some(followed) = self.canaries.get_mut(&name) else { return };
        let status = canary.status.unwrap_or_default();
        let old = std::mem::replace(&mut followed.status, status.clone());
        if old == status {
            return;
        }
        let (began, ended) = (!is_running(old.phase), is_running(old.phase) && !is_running(status.phase));
        if began && is_running(status.phase) {
            followed.releases += 1;
        }
        if old.canary_weight != status.canary_weight {
            let since = std::mem::replace(&mut followed.since, now);
            let counts = followed.load.as_ref().map(|load| load.stats().window(since, now)).unwrap_or_default();
            if 0 < old.canary_weight {
                let step = Step {
                    canary: name.clone(),
                    release: followed.releases,
                    weight: old.canary_weight,
                    share: counts.share(&followed.canary.spec.target_ref.name) * 100.0,
                    requests: counts.requests,
                    failed: counts.failed,
                    lost: counts.lost,
                };
                tell(self.news.as_ref(), News::Step(step));
            }
        }
        if ended {
            self.summary.promoted += usize::from(status.phase == Phase::Succeeded);
            self.summary.rolled_back += usize::from(status.phase == Phase::Failed);
        }
        let top = top_of(&followed.canary);
        self.tell(News::Status { canary: name, status: Box::new(status), top });
    }

    fn said(&mut self, event: &Event) {
        let about = &event.involved_object;
        if about.kind.as_deref() != Some("Canary") {
            return;
        }
        let uid = event.metadata.uid.clone().unwrap_or_default();
        let count = event.count.unwrap_or(1);
        if self.told.insert(uid, count) == Some(count) {
            return;
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let told = Told {
            canary: format!("{}.{}", text(&about.name), text(&about.namespace)),
            kind: text(&event.type_),
            reason: text(&event.reason),
            message: text(&event.message),
            after: Duration::try_from(self.sandbox.clock().now().duration_since(self.began)).unwrap_or_default(),
        };
        self.last.clone_from(&told.message);
        self.tell(News::Event(told));
    }

    /// Hears the last words and adds up. Nothing more is told then.
    async fn sum_up(&mut self) -> Summary {
        /// Events are written behind the releases that they are about; the last ones are this late at most.
        const LAST_WORDS: Duration = Duration::from_millis(300);
        // It ends with the time: there is always something more to hear.
        let _ = tokio::time::timeout(LAST_WORDS, self.listen()).await;
        self.news = None;
        let mut summary = self.summary;
        for load in self.canaries.values().filter_map(|followed| followed.load.as_ref()) {
            let counts = load.stats().snapshot();
            summary.requests += counts.requests;
            summary.failed += counts.failed;
            summary.lost += counts.lost;
        }
        summary
    }

    /// Goes on following the canaries until it is stopped, and tells what others do.
    pub(crate) async fn go_on(&mut self, news: mpsc::UnboundedSender<News>, stop: &CancellationToken) {
        self.news = Some(news);
        stop.run_until_cancelled(self.listen()).await;
        self.news = None;
    }

    async fn listen(&mut self) {
        loop {
            self.hear().await;
        }
    }

    /// Stops the load.
    pub(crate) async fn end(self) {
        for load in self.canaries.into_values().filter_map(|followed| followed.load) {
            load.stop().await;
        }
    }

    fn tell(&self, news: News) {
        tell(self.news.as_ref(), news);
    }
}

fn tell(listener: Option<&mpsc::UnboundedSender<News>>, news: News) {
    if let Some(listener) = listener {
        // Nobody may be listening, which is fine.
        let _ = listener.send(news);
    }
}

fn name_of(canary: &Canary) -> String {
    let metadata = &canary.metadata;
    format!("{}.{}", metadata.name.as_deref().unwrap_or_default(), metadata.namespace.as_deref().unwrap_or_default())
}

/// What users would call: the first host of the canary, that of its Ingress or of one that leads to its apex Service, any at
/// all behind a Gateway, or else the name of that Service.
async fn host_of(client: &Client, canary: &Canary) -> Result<String, Error> {
    let namespace = canary.metadata.namespace.as_deref().unwrap_or_default();
    let apex = api::names::apex_service(canary);
    if let Some(host) = canary.spec.service.hosts.iter().find(|host| !host.contains('*')) {
        return Ok(host.clone());
    }
    if canary.spec.service.gateway_refs.iter().any(|parent| parent.kind.as_deref().is_none_or(|kind| kind == "Gateway"))
    {
        // A route without hosts has those of everybody; the name of a Service would lead past it.
        return Ok(format!("{apex}.{namespace}.example.com"));
    }
    let ingresses: Api<Ingress> = Api::namespaced(client.clone(), namespace);
    let all = ingresses
        .list(&ListParams::default())
        .await
        .map_err(|source| Error::Read { object: format!("Ingresses of {namespace}"), source: Box::new(source) })?;
    let is_wanted = |ingress: &&Ingress| match &canary.spec.ingress_ref {
        Some(reference) => ingress.metadata.name.as_ref() == Some(&reference.name),
        None => services(ingress).any(|service| service == apex),
    };
    let host = all.items.iter().find(is_wanted).and_then(|ingress| {
        let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
        rules.filter_map(|rule| rule.host.as_ref()).find(|host| !host.contains('*'))
    });
    Ok(host.cloned().unwrap_or_else(|| format!("{apex}.{namespace}")))
}

/// The Services that an Ingress leads to.
fn services(ingress: &Ingress) -> impl Iterator<Item = &str> {
    let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
    let paths = rules.flat_map(|rule| rule.http.iter().flat_map(|http| &http.paths));
    paths.filter_map(|path| path.backend.service.as_ref()).map(|service| service.name.as_str())
}

/// The weight at which the canary is promoted, 100 for one without weights.
fn top_of(canary: &Canary) -> i32 {
    let analysis = &canary.spec.analysis;
    match analysis.step_weights.last() {
        Some(last) => (*last).min(100),
        None if 0 < analysis.step_weight && 0 < analysis.max_weight => analysis.max_weight.min(100),
        None => 100,
    }
}

fn is_initialized(phase: Phase) -> bool {
    !matches!(phase, Phase::New | Phase::Initializing)
}

fn is_running(phase: Phase) -> bool {
    matches!(phase, Phase::Progressing | Phase::WaitingPromotion | Phase::Promoting | Phase::Finalising)
}
