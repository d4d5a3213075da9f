//! The control plane, and the operator's place in it.

use std::path::{Path, PathBuf};

use controlplane::{ControlPlane, Options, Programs};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use sandbox::Given;
use serde_json::Value;

use super::{Error, inside};
use crate::demo::apply;

/// What we ship for the operator: a `ServiceAccount` and its rules.
const RULES: &str = include_str!("../../../../charts/flagger/rbac.yaml");

/// The operator's account and its namespace, as that file names them.
const ACCOUNT: (&str, &str) = ("flagger-system", "flagger");

/// How long the operator's token holds: longer than anybody keeps a sandbox.
const TOKEN_SECS: i64 = 30 * 24 * 60 * 60;

/// A running control plane; it ends when this is dropped.
pub(crate) struct Plane(ControlPlane);

impl Plane {
    /// Starts one whose API server listens on this port.
    pub(crate) async fn start(port: u16) -> Result<Self, Error> {
        let programs = Programs::find().map_err(Error::Plane)?;
        let options = Options { port: Some(port), ..Options::new(programs) };
        ControlPlane::start(options).await.map(Self).map_err(Error::Plane)
    }

    /// What a sandbox needs to know of it.
    pub(crate) fn given(&self) -> Result<Given, Error> {
        let Self(plane) = self;
        Ok(Given {
            client: plane.client().map_err(Error::Plane)?,
            url: plane.url(),
            kubeconfig: plane.kubeconfig().map_err(Error::Plane)?,
            certificate: plane.certificate().map_err(Error::Plane)?,
            key: plane.key().map_err(Error::Plane)?,
            dns: inside::DNS,
        })
    }

    /// Grants the operator what we ship, and writes a kubeconfig of its `ServiceAccount` into the folder.
    pub(crate) async fn operator(&self, folder: &Path) -> Result<PathBuf, Error> {
        let Self(plane) = self;
        let client = plane.client().map_err(Error::Plane)?;
        let rules: Vec<Value> = serde_saphyr::from_multiple(RULES).map_err(|error| Error::Rules(error.to_string()))?;
        for object in &rules {
            apply::apply(&client, object).await.map_err(Error::Grant)?;
        }
        let (namespace, name) = ACCOUNT;
        let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECS), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let issued = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let issued = issued.map_err(|error| Error::Token(Box::new(error)))?;
        let token = issued.status.and_then(|status| status.token).ok_or(Error::NoToken)?;
        let path = folder.join("operator.kubeconfig");
        let kubeconfig = plane.kubeconfig_with(&token).map_err(Error::Plane)?;
        std::fs::write(&path, kubeconfig).map_err(|source| Error::File { path: path.clone(), source })?;
        Ok(path)
    }

    /// Waits until it has ended, and says why.
    pub(crate) async fn ended(&self) -> Error {
        Error::Ended(self.0.ended().await)
    }
}
