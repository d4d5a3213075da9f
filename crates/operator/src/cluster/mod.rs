//! Everything that is spoken with the API server.
//!
//! [`connect`] opens the connection, [`Cluster`] is the handle that the rest of the shell holds: it reads (from watches where
//! there are any), performs [`Change`]s and patches status. It does not know what a canary is, and never repeats a write by
//! itself: an [`Error`] says whether starting over can help.
//!
//! Start reading at [`Cluster::get`] and [`Cluster::perform`]; `watching.rs` fills what `cache.rs` keeps.

mod cache;
mod call;
mod connect;
mod digests;
mod discovery;
mod error;
mod lean;
mod pace;
mod packed;
mod road;
mod watching;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ports::{Change, Key, Kind, Object, kinds};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use self::cache::{Item, Objects, Store};
use self::call::Call;
use self::digests::Digests;
use self::lean::Lean;
use self::pace::Pace;
use self::packed::Packed;
use self::road::Roads;
use self::watching::Watching;
use crate::args::Settings;
use crate::lease::Tenure;
use crate::telemetry::Metrics;

pub use self::cache::State;
pub use self::connect::{Access, ConnectError, connect, connect_mesh};
pub use self::discovery::{DiscoveryError, Version};
pub use self::error::{Doing, Error, Reason};
pub use self::road::Mesh;
pub use self::watching::{Notice, Notices};

/// How many notices a reader may lag behind before it gets [`Notice::Lost`]; a few hundred bytes each.
const NOTICES_MAX: usize = 1024;

/// Requests per second and burst unless told otherwise, as the original's flags default to.
const PACE_DEFAULT: (u32, u32) = (100, 250);

/// How long a reader waits for the first list of a kind: one list is less than a request for each of its objects.
const LIST_PATIENCE: Duration = Duration::from_secs(10);

/// Kinds whose content is not kept: it may be secret, may be large, and concerns no canary for the most part. A watch of
/// them brings and holds identities, and [`Cluster::digest`] what is to be known of the content.
const GUARDED: [Kind; 2] = [kinds::CONFIG_MAP, kinds::SECRET];

fn is_guarded(kind: Kind) -> bool {
    GUARDED.contains(&kind)
}

/// Which namespaces a watch covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// This one.
    Namespace(String),
}

impl Scope {
    fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(only) => only == namespace,
        }
    }

    fn namespace(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Namespace(namespace) => Some(namespace),
        }
    }
}

/// From what `-namespace` says: everything, or one namespace.
impl From<Option<String>> for Scope {
    fn from(namespace: Option<String>) -> Self {
        namespace.map_or(Self::All, Self::Namespace)
    }
}

/// A handle on one cluster; cheap to clone. Its watches end with the last handle.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    roads: Roads,
    /// Nothing is written without it.
    tenure: Tenure,
    /// Where watches that fail are told.
    metrics: Option<Arc<Metrics>>,
    watches: RwLock<BTreeMap<Kind, Watch>>,
    digests: Digests,
    notices: broadcast::Sender<Notice>,
}

struct Watch {
    scope: Scope,
    store: Arc<Store>,
    task: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let watches = self.watches.get_mut().unwrap_or_else(PoisonError::into_inner);
        for watch in watches.values() {
            watch.task.abort();
        }
    }
}

impl Cluster {
    /// The cluster behind `client`.
    pub fn new(client: kube::Client) -> Self {
        Self::paced(client, PACE_DEFAULT.0, PACE_DEFAULT.1)
    }

    /// The cluster behind `client`, asked at most `per_sec` times a second after a burst of `burst` requests.
    pub fn paced(client: kube::Client, per_sec: u32, burst: u32) -> Self {
        Self::governed(Roads::new(client, None, || Pace::new(per_sec, burst)), Tenure::unopposed(), None)
    }

    /// The cluster of an operator: as its settings say, with the routing objects where `mesh` leads, and written to only while
    /// the `tenure` holds.
    pub(crate) fn of_operator(
        client: kube::Client,
        mesh: Option<Mesh>,
        settings: &Settings,
        tenure: Tenure,
        metrics: Arc<Metrics>,
    ) -> Self {
        let pace = || Pace::new(settings.requests_per_sec, settings.requests_burst);
        Self::governed(Roads::new(client, mesh, pace), tenure, Some(metrics))
    }

    fn governed(roads: Roads, tenure: Tenure, metrics: Option<Arc<Metrics>>) -> Self {
        let shared = Shared {
            roads,
            tenure,
            metrics,
            watches: RwLock::default(),
            digests: Digests::default(),
            notices: broadcast::Sender::new(NOTICES_MAX),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The object, `None` when it does not exist.
    ///
    /// From the watch when one covers it and knows everything; from the API server otherwise, and for kinds that are guarded.
    pub async fn get(&self, key: &Key) -> Result<Option<Object>, Error> {
        if let Some(store) = self.store_of(key).filter(|_| !is_guarded(key.kind)) {
            match tokio::time::timeout(LIST_PATIENCE, store.settled()).await.unwrap_or(State::Listing) {
                State::Ready => return Ok(store.get(&key.namespace, &key.name)),
                State::Absent => return Ok(None),
                State::Listing | State::Refused => {}
            }
        }
        self.fetch(key).await
    }

    /// The object as the API server has it now, past the watches: the look to take after a conflict.
    pub async fn fetch(&self, key: &Key) -> Result<Option<Object>, Error> {
        let answer = self.send(Call::get(key)?).await;
        match answer {
            Ok(lean) => {
                let (object, news) = self.keep(key, lean.into_object(key.kind));
                // The watch, which comes later, will not tell whoever else depends on it.
                if news {
                    // An error means that nobody listens.
                    let _ = self.shared.notices.send(Notice::Changed(key.clone()));
                }
                Ok(Some(object))
            }
            Err(error) if error.reason == Reason::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What `digest` makes of an object of a guarded kind, `None` when it does not exist.
    ///
    /// While the object is watched and stays as it is, this is remembered. One that the watch does not know is looked for: it
    /// may have been created together with what refers to it.
    pub async fn digest(&self, key: &Key, digest: fn(&Value) -> Value) -> Result<Option<Object>, Error> {
        let store = self.store_of(key).filter(|store| store.state() == State::Ready);
        let held = store.and_then(|store| store.get(&key.namespace, &key.name));
        if let Some(known) = held.and_then(|held| self.shared.digests.of(key, &held)) {
            return Ok(Some(known));
        }
        let Some(object) = self.fetch(key).await? else { return Ok(None) };
        let digest = Arc::new(digest(&object));
        self.shared.digests.note(key, &object, &digest);
        Ok(Some(digest))
    }

    /// The objects of a kind that have this label, as the API server has them now; some tens of them at most.
    pub async fn select(&self, kind: Kind, namespace: &str, label: &str, value: &str) -> Result<Vec<Value>, Error> {
        let list = self.send(Call::select(kind, namespace, label, value)?).await?.into_object(kind);
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Performs one change and returns the object as it is afterwards, `None` after a deletion.
    ///
    /// What comes back is seen by the next [`Cluster::get`], so that we read our own writes.
    pub async fn perform(&self, change: &Change) -> Result<Option<Object>, Error> {
        let key = change.key();
        self.check_tenure(key)?;
        let adapted = self.shared.roads.adapt(change);
        let call = match adapted.as_ref().unwrap_or(change) {
            Change::Create(_, object) => Call::create(key, object)?,
            Change::Replace(_, object) => Call::replace(key, object)?,
            Change::Merge(_, patch) => Call::merge(key, patch)?,
            Change::Delete(_) => return self.delete(key).await,
        };
        let lean = self.send(call).await?;
        Ok(Some(self.keep(key, lean.into_object(key.kind)).0))
    }

    /// Merges `status` into the status of the object that has this `uid`.
    ///
    /// The uid is a precondition: an object that was deleted and created again under the same name does not inherit a status
    /// ([`Reason::Conflict`]).
    pub async fn patch_status(&self, key: &Key, uid: &str, status: &Value) -> Result<Object, Error> {
        self.check_tenure(key)?;
        let patch = json!({"metadata": {"uid": uid}, "status": status});
        let lean = self.send(Call::merge_status(key, &patch)?).await?;
        Ok(self.keep(key, lean.into_object(key.kind)).0)
    }

    /// Starts following a kind, unless it is followed already.
    ///
    /// A kind that is not installed is no error: it is looked for every now and then, and counts as having no objects.
    pub fn watch(&self, kind: Kind, scope: &Scope) {
        let mut watches = self.shared.watches.write().unwrap_or_else(PoisonError::into_inner);
        watches.entry(kind).or_insert_with(|| {
            let store = Arc::new(Store::new(kind));
            let watching = Watching {
                kind,
                scope: scope.clone(),
                store: Arc::clone(&store),
                notices: self.shared.notices.clone(),
                metrics: self.shared.metrics.clone(),
            };
            let client = self.shared.roads.to(Some(kind)).client.clone();
            let task = tokio::spawn(watching.run(client)).abort_handle();
            Watch { scope: scope.clone(), store, task }
        });
    }

    /// Waits until the watch of `kind` knows everything, or knows that the kind is not installed or may not be read.
    ///
    /// A kind that nobody watches never settles: the answer is [`State::Listing`] at once.
    pub async fn settled(&self, kind: Kind) -> State {
        match self.store(kind) {
            Some(store) => store.settled().await,
            None => State::Listing,
        }
    }

    /// The object as the watch of its kind knows it; `None` also where none does.
    pub fn cached(&self, key: &Key) -> Option<Object> {
        self.store_of(key)?.get(&key.namespace, &key.name)
    }

    /// The names of all watched objects of a kind, in order.
    pub fn keys(&self, kind: Kind) -> Vec<Key> {
        self.read(kind, |objects| objects.iter().map(|(namespace, name, _)| Key::new(kind, namespace, name)).collect())
    }

    /// All watched objects of a kind, by namespace and name.
    pub fn objects(&self, kind: Kind) -> Vec<Object> {
        self.store(kind).map(|store| store.all()).unwrap_or_default()
    }

    /// What the watches see from now on.
    pub fn notices(&self) -> Notices {
        Notices(self.shared.notices.subscribe())
    }

    async fn delete(&self, key: &Key) -> Result<Option<Object>, Error> {
        let lean = match self.send(Call::delete(key)?).await {
            Ok(lean) => lean,
            Err(error) if error.reason == Reason::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // The answer is the object while finalizers hold it, and a `Status` or the object's last state when it is gone.
        let object = lean.into_object(key.kind);
        if held_by_finalizers(&object) {
            return Ok(Some(self.keep(key, object).0));
        }
        if let Some(store) = self.store_of(key) {
            store.with(|objects| objects.forget(&key.namespace, &key.name));
        }
        Ok(None)
    }

    async fn send(&self, call: Call) -> Result<Lean, Error> {
        let road = self.shared.roads.to(call.kind);
        road.pace.turn().await;
        call.send(&road.client).await
    }

    /// Whether this replica may act; one that does not lead any more leaves the world to its successor.
    pub(crate) fn may_change(&self) -> bool {
        self.shared.tenure.holds()
    }

    fn check_tenure(&self, key: &Key) -> Result<(), Error> {
        if self.may_change() { Ok(()) } else { Err(Error::deposed(key)) }
    }

    /// Puts an answer where the next `get` finds it, which for guarded kinds is the API server; whether it was news there.
    fn keep(&self, key: &Key, object: Value) -> (Object, bool) {
        let store = self.store_of(key).filter(|_| !is_guarded(key.kind));
        let item = store.zip(Item::new(Packed::from(&object)));
        let news = item.is_some_and(|(store, item)| store.with(|objects| objects.keep(item)));
        (Arc::new(object), news)
    }

    fn read<T: Default>(&self, kind: Kind, read: impl FnOnce(&Objects) -> T) -> T {
        self.store(kind).map(|store| store.with(|objects| read(objects))).unwrap_or_default()
    }

    fn store(&self, kind: Kind) -> Option<Arc<Store>> {
        let watches = self.shared.watches.read().unwrap_or_else(PoisonError::into_inner);
        watches.get(&kind).map(|watch| Arc::clone(&watch.store))
    }

    fn store_of(&self, key: &Key) -> Option<Arc<Store>> {
        let watches = self.shared.watches.read().unwrap_or_else(PoisonError::into_inner);
        let watch = watches.get(&key.kind).filter(|watch| watch.scope.covers(&key.namespace))?;
        Some(Arc::clone(&watch.store))
    }
}

fn held_by_finalizers(object: &Value) -> bool {
    let metadata = &object["metadata"];
    metadata["deletionTimestamp"].is_string()
        && metadata["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}
