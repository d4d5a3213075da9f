//! Entries in a `ConfigMap`: its data, replaced with the version that was read.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap as Object;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client};
use tokio::time::timeout;

use super::{Entries, Error};

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// So often an edit is made anew on what others have written meanwhile.
const ATTEMPTS: usize = 8;

/// A `ConfigMap` that need not exist yet.
#[derive(Debug)]
pub(crate) struct ConfigMap {
    api: Api<Object>,
    namespace: String,
    name: String,
}

impl ConfigMap {
    pub(super) fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub(super) async fn read(&self) -> Result<Entries, Error> {
        Ok(self.get().await?.and_then(|object| object.data).unwrap_or_default())
    }

    pub(super) async fn edit<T>(&self, mut change: impl FnMut(&mut Entries) -> Result<T, Error>) -> Result<T, Error> {
        for _ in 0..ATTEMPTS {
            let found = self.get().await?;
            let before = found.as_ref().and_then(|object| object.data.clone()).unwrap_or_default();
            let mut entries = before.clone();
            let answer = change(&mut entries)?;
            if entries == before || self.put(found, entries).await? {
                return Ok(answer);
            }
        }
        Err(Error::Contended { place: self.place() })
    }

    async fn get(&self) -> Result<Option<Object>, Error> {
        let got = timeout(REQUEST_TIMEOUT, self.api.get_opt(&self.name)).await;
        let got = got.map_err(|_| Error::Late { place: self.place() })?;
        got.map_err(|source| Error::ReadConfigMap { place: self.place(), source: Box::new(source) })
    }

    /// Whether nobody else was faster.
    async fn put(&self, found: Option<Object>, entries: Entries) -> Result<bool, Error> {
        let params = PostParams::default();
        let put = async {
            if let Some(found) = found {
                let fresh = Object { data: Some(entries), ..found };
                self.api.replace(&self.name, &params, &fresh).await
            } else {
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                let fresh = Object { metadata, data: Some(entries), ..Object::default() };
                self.api.create(&params, &fresh).await
            }
        };
        match timeout(REQUEST_TIMEOUT, put).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Ok(false),
            Ok(Err(source)) => Err(Error::WriteConfigMap { place: self.place(), source: Box::new(source) }),
            Err(_) => Err(Error::Late { place: self.place() }),
        }
    }

    fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}
