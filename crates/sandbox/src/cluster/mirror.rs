//! A watch cache that can be written through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::TryStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::Id;

type Listener<K> = Box<dyn Fn(&K) + Send + Sync>;

/// The objects of one kind as last heard of, by watching or from the answer to a write of our own.
///
/// The second source makes a controller see its own writes: it never creates a thing twice because the watch is late.
pub(crate) struct Mirror<K> {
    known: RwLock<Known<K>>,
    listeners: RwLock<Vec<Listener<K>>>,
}

struct Known<K> {
    objects: BTreeMap<Id, Arc<K>>,
    /// The watch has told of everything up to this version.
    watched: Option<u64>,
}

impl<K> Default for Mirror<K> {
    fn default() -> Self {
        let known = Known { objects: BTreeMap::new(), watched: None };
        Self { known: RwLock::new(known), listeners: RwLock::default() }
    }
}

impl<K: Resource> Mirror<K> {
    /// Calls the listener with each object that changes: as it was, and as it is.
    pub(crate) fn on_change(&self, listener: impl Fn(&K) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    pub(crate) fn get(&self, id: &Id) -> Option<Arc<K>> {
        self.read(|known| known.objects.get(id).cloned())
    }

    /// The namespace's objects, by name.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        let from = Id::new(namespace, "");
        self.read(|known| {
            known
                .objects
                .range(from..)
                .take_while(|(id, _)| id.namespace == namespace)
                .map(|(_, object)| Arc::clone(object))
                .collect()
        })
    }

    pub(crate) fn all(&self) -> Vec<Arc<K>> {
        self.read(|known| known.objects.values().cloned().collect())
    }

    /// Takes in what a write answered, unless a newer state is known already, or the watch has told of the object's end.
    pub(crate) fn learn(&self, written: K) {
        self.take_in(written, |watched, version| watched < version);
    }

    /// Drops an object.
    pub(crate) fn forget(&self, id: &Id) {
        let before = self.write(|known| known.objects.remove(id));
        self.tell(before.as_deref());
    }

    /// Takes in what the watch tells.
    fn hear(&self, object: K) {
        self.watched(&object);
        self.take_in(object, |_, _| true);
    }

    /// Drops what the watch tells is gone.
    fn hear_of_end(&self, object: &K) {
        self.watched(object);
        self.forget(&Id::of(object.meta()));
    }

    /// Drops everything that a full listing did not have.
    fn keep_only(&self, listed: &BTreeSet<Id>) {
        let is_gone = |id: &&Id| !listed.contains(id);
        let gone: Vec<Id> = self.read(|known| known.objects.keys().filter(is_gone).cloned().collect());
        for id in &gone {
            self.forget(id);
        }
    }

    fn watched(&self, object: &K) {
        self.write(|known| known.watched = known.watched.max(version(object.meta())));
    }

    /// Whether an object that is not known begins with this is told by how far the watch has come, and its own version.
    fn take_in(&self, object: K, begins: impl FnOnce(Option<u64>, Option<u64>) -> bool) {
        let (id, version) = (Id::of(object.meta()), version(object.meta()));
        let object = Arc::new(object);
        let before = self.write(|known| {
            let is_news = match known.objects.get(&id) {
                Some(older) => self::version(older.meta()) < version,
                None => begins(known.watched, version),
            };
            is_news.then(|| known.objects.insert(id, Arc::clone(&object)))
        });
        if let Some(before) = before {
            self.tell(before.as_deref());
            self.tell(Some(&object));
        }
    }

    fn tell(&self, object: Option<&K>) {
        let Some(object) = object else { return };
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(|listener| listener(object));
    }

    fn read<T>(&self, look: impl FnOnce(&Known<K>) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Known<K>) -> T) -> T {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Resource versions are compared as numbers, which Kubernetes has allowed since 1.35.
fn version(meta: &kube::core::ObjectMeta) -> Option<u64> {
    meta.resource_version.as_deref().and_then(|version| version.parse().ok())
}

/// The shortest and the longest wait before a broken watch is taken up again.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// Keeps the mirror current for ever: a watch that breaks resumes where it was, or lists again.
pub(crate) async fn follow<K>(api: Api<K>, mirror: &Mirror<K>)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut events = pin!(watcher(api, watcher::Config::default()));
    let mut listed = BTreeSet::new();
    let mut wait = RETRY.0;
    loop {
        match events.try_next().await {
            Ok(Some(event)) => {
                wait = RETRY.0;
                take(mirror, &mut listed, event);
            }
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "a watch broke");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY.1);
            }
        }
    }
}

fn take<K: Resource>(mirror: &Mirror<K>, listed: &mut BTreeSet<Id>, event: Event<K>) {
    match event {
        Event::Init => listed.clear(),
        Event::InitApply(object) => {
            listed.insert(Id::of(object.meta()));
            mirror.hear(object);
        }
        Event::InitDone => mirror.keep_only(listed),
        Event::Apply(object) => mirror.hear(object),
        Event::Delete(object) => mirror.hear_of_end(&object),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;

    use super::*;

    fn pod(version: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = Some("a".into());
        pod.metadata.namespace = Some("test".into());
        pod.metadata.resource_version = Some(version.into());
        pod
    }

    #[test]
    fn a_late_watch_event_does_not_undo_what_a_write_answered() {
        let mirror = Mirror::default();
        mirror.learn(pod("12"));
        mirror.learn(pod("9"));
        let known = mirror.get(&Id::new("test", "a")).unwrap();
        assert_eq!(known.metadata.resource_version.as_deref(), Some("12"));
    }

    #[test]
    fn a_late_answer_to_a_write_does_not_bring_back_what_is_gone() {
        let mirror = Mirror::default();
        take(&mirror, &mut BTreeSet::new(), Event::Delete(pod("13")));
        mirror.learn(pod("12"));
        assert!(mirror.all().is_empty());
        mirror.learn(pod("14"));
        assert_eq!(mirror.all().len(), 1, "another one of the name");
    }

    #[test]
    fn a_relisting_forgets_what_is_gone() {
        let mirror = Mirror::default();
        mirror.learn(pod("1"));
        let mut listed = BTreeSet::new();
        take(&mirror, &mut listed, Event::Init);
        take(&mirror, &mut listed, Event::InitDone);
        assert!(mirror.all().is_empty());
    }
}
