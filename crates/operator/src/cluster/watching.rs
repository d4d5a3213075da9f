//! The task that keeps one [`Store`] up to date.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::ObjectMeta;
use kube::core::DynamicResourceScope;
use kube::runtime::watcher::{self, Event};
use ports::{Key, Kind};
use serde::de::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::cache::{Item, Moved, Objects, State, Store};
use super::error::{Doing, Error, Reason};
use super::lean::Lean;
use super::packed::Packed;
use super::{Scope, is_guarded};
use crate::telemetry::Metrics;

/// Objects in one answer of a list: few enough that a large fleet does not come as one large lump.
const PAGE: u32 = 100;

/// The first wait after a failed list or watch; it doubles up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(500);

/// The longest wait, and the wait while the kind is not installed.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A watch that has worked for so long is healthy again: its next failure is news.
const CALM: Duration = Duration::from_secs(120);

/// A watch that has worked so many times as long as it was waited for is not what the wait protects against. Behind proxies
/// that cut every connection after a minute, waits would otherwise grow until the cache is stale for a third of the time.
const WAITS_EARNED: u32 = 4;

/// Something that a watch saw. Our own writes are not among it: who wrote knows already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The object was created or changed.
    Changed(Key),
    /// The object is gone.
    Deleted(Key),
    /// More was seen than this receiver kept up with: anything may have changed.
    Lost,
}

/// One reader's queue of [`Notice`]s, bounded: a slow reader gets [`Notice::Lost`].
#[derive(Debug)]
pub struct Notices(pub(super) broadcast::Receiver<Notice>);

impl Notices {
    /// The next notice, `None` once the cluster handle is gone.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Notice::Lost),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// One watch: what it follows and whom it tells.
pub(super) struct Watching {
    pub(super) kind: Kind,
    pub(super) scope: Scope,
    pub(super) store: Arc<Store>,
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) metrics: Option<Arc<Metrics>>,
}

impl Watching {
    /// Follows the kind for ever: lists, watches, and starts again after every failure.
    pub(super) async fn run(self, client: kube::Client) {
        if is_guarded(self.kind) { self.follow::<true>(client).await } else { self.follow::<false>(client).await }
    }

    async fn follow<const IDENTITY: bool>(&self, client: kube::Client) {
        let api = match &self.scope {
            Scope::All => kube::Api::<Watched<IDENTITY>>::all_with(client, &self.kind.into()),
            Scope::Namespace(namespace) => kube::Api::namespaced_with(client, namespace, &self.kind.into()),
        };
        let mut events = pin!(watcher::watcher(api, watcher::Config::default().page_size(PAGE)));
        let mut trouble = Trouble::default();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    self.report(false);
                    self.take(event);
                }
                Err(error) => {
                    let wait = self.stumble(&error, &mut trouble);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn take<const IDENTITY: bool>(&self, event: Event<Watched<IDENTITY>>) {
        match event {
            Event::Init => self.store.with(Objects::begin_list),
            Event::InitApply(watched) => {
                if let Some(item) = watched.item {
                    self.store.with(|objects| objects.listed(item));
                }
            }
            Event::InitDone => {
                let moved = self.store.with(Objects::end_list);
                self.store.set_state(State::Ready);
                self.tell(moved);
            }
            Event::Apply(watched) => self.news(watched, false, Objects::put),
            Event::Delete(watched) => self.news(watched, true, |objects, item| objects.remove(&item)),
        }
    }

    /// Takes in one event, and tells it unless it is no news.
    fn news<const IDENTITY: bool>(
        &self,
        watched: Watched<IDENTITY>,
        gone: bool,
        take: impl FnOnce(&mut Objects, Item) -> bool,
    ) {
        let Some(item) = watched.item else { return };
        let moved = item.moved(gone);
        if self.store.with(|objects| take(objects, item)) {
            self.tell([moved]);
        }
    }

    fn tell(&self, moved: impl IntoIterator<Item = Moved>) {
        for (namespace, name, gone) in moved {
            let key = Key::new(self.kind, namespace, name);
            // Nobody may be listening, which is fine.
            let _ = self.notices.send(if gone { Notice::Deleted(key) } else { Notice::Changed(key) });
        }
    }

    /// Notes a failure, says so once, and decides how long to wait.
    fn stumble(&self, error: &watcher::Error, trouble: &mut Trouble) -> Duration {
        trouble.begin(Instant::now());
        let Some(error) = self.explain(error) else { return trouble.next_wait() };
        if error.reason == Reason::NotFound {
            self.forget_all();
            if trouble.is_news(error.reason) {
                tracing::info!(
                    kind = self.kind.kind,
                    group = self.kind.group,
                    "kind is not installed, treating it as absent"
                );
            }
            return RETRY_MAX;
        }
        self.report(true);
        if error.reason == Reason::Forbidden {
            self.store.set_state(State::Refused);
            if trouble.is_news(error.reason) {
                let (plural, group, hint) = (self.kind.plural, self.kind.group, error.hint());
                tracing::error!(resource = plural, group, verbs = "list, watch", %error, hint, "permission missing");
            }
            return trouble.next_wait();
        }
        if trouble.is_news(error.reason) {
            tracing::warn!(kind = self.kind.kind, %error, hint = error.hint(), "watch failed, trying again");
        }
        trouble.next_wait()
    }

    fn report(&self, failing: bool) {
        if let Some(metrics) = &self.metrics {
            metrics.watch_failing(self.kind.group, self.kind.plural, failing);
        }
    }

    /// The failure in our words, `None` for one that is part of a watch's normal life (410 Gone).
    fn explain(&self, error: &watcher::Error) -> Option<Error> {
        let client_error = match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => error,
            watcher::Error::WatchError(status) => &kube::Error::Api(status.clone()),
            watcher::Error::NoResourceVersion => {
                return Some(Error::new(Doing::Watch, self.kind.plural, Reason::Unreadable, error.to_string()));
            }
        };
        match client_error {
            kube::Error::Api(status) if status.code == 410 => None,
            _ => Some(Error::from_kube(Doing::Watch, self.kind.plural, client_error)),
        }
    }

    fn forget_all(&self) {
        let moved = self.store.with(|objects| {
            objects.begin_list();
            objects.end_list()
        });
        self.store.set_state(State::Absent);
        self.tell(moved);
    }
}

/// The failures of late.
#[derive(Default)]
struct Trouble {
    last: Option<Instant>,
    reason: Option<Reason>,
    failures: u32,
    waited: Duration,
}

impl Trouble {
    /// A failure long after the one before has nothing to do with it.
    fn begin(&mut self, now: Instant) {
        let since = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if CALM < since {
            *self = Self::default();
        } else if self.waited.saturating_mul(WAITS_EARNED) < since.saturating_sub(self.waited) {
            self.failures = 0;
        }
        self.last = Some(now);
    }

    /// Whether this reason differs from that of the failure before, which was logged already.
    fn is_news(&mut self, reason: Reason) -> bool {
        self.reason.replace(reason) != Some(reason)
    }

    fn next_wait(&mut self) -> Duration {
        let wait = RETRY_FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.waited = wait;
        wait
    }
}

/// An object on its way from the watch to the store, or only its identity; the library reads its version from `meta`.
#[derive(Clone, Debug)]
pub(super) struct Watched<const IDENTITY: bool> {
    meta: ObjectMeta,
    /// Nothing for what can't be an object.
    item: Option<Item>,
}

impl<'de, const IDENTITY: bool> Deserialize<'de> for Watched<IDENTITY> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let packed = if IDENTITY {
            Packed::from(&Lean::deserialize(deserializer)?.identity().0)
        } else {
            Packed::deserialize(deserializer)?
        };
        let metadata = packed.metadata();
        let field = |name: &str| metadata.get(name).and_then(Value::as_str).map(str::to_owned);
        let (name, resource_version) = (field("name"), field("resourceVersion"));
        let meta = ObjectMeta { name, resource_version, ..ObjectMeta::default() };
        Ok(Self { meta, item: Item::new(packed) })
    }
}

/// A [`Kind`] as the library wants to be told about kinds.
pub(super) struct KindOf(Kind);

impl From<Kind> for KindOf {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl<const IDENTITY: bool> kube::Resource for Watched<IDENTITY> {
    type DynamicType = KindOf;
    type Scope = DynamicResourceScope;

    /// Content that nobody keeps need not be sent.
    fn metadata_api() -> bool {
        IDENTITY
    }

    fn kind(of: &KindOf) -> Cow<'_, str> {
        of.0.kind.into()
    }

    fn group(of: &KindOf) -> Cow<'_, str> {
        of.0.group.into()
    }

    fn version(of: &KindOf) -> Cow<'_, str> {
        of.0.version.into()
    }

    fn plural(of: &KindOf) -> Cow<'_, str> {
        of.0.plural.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits after failures that come so long after the wait before.
    fn waits(worked: Duration) -> Vec<Duration> {
        let (mut trouble, mut now) = (Trouble::default(), Instant::now());
        let fail = |_| {
            trouble.begin(now);
            let wait = trouble.next_wait();
            now += wait + worked;
            wait
        };
        (0..8).map(fail).collect()
    }

    #[test]
    fn a_server_that_is_down_is_left_alone_and_a_watch_that_is_cut_now_and_then_comes_back_at_once() {
        assert_eq!(waits(Duration::ZERO).last(), Some(&RETRY_MAX));
        for worked in [5, 60, 200].map(Duration::from_secs) {
            assert_eq!(waits(worked), [RETRY_FIRST; 8], "cut every {worked:?}");
        }
    }
}
