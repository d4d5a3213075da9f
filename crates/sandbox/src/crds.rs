//! The custom kinds that a sandbox knows from the start: Flagger's own, the Gateway API's and Istio's.

use std::time::Duration;

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};

/// Flagger's kinds, as its chart installs them.
const FLAGGER: &str = include_str!("../../../charts/flagger/crds/crd.yaml");
/// The Gateway API's kinds.
const GATEWAY: &str = include_str!("../crds/gateway.networking.k8s.io.yaml");
/// Istio's kinds.
const ISTIO: &str = include_str!("../crds/networking.istio.io.yaml");

/// Why the kinds are not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definitions that are part of this program can't be read.
    #[error("failed to read the custom resource definitions of {0}")]
    Read(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The API server refused one.
    #[error("failed to install the custom resource definition {0}")]
    Install(String, #[source] kube::Error),
    /// The API server does not tell whether it serves one.
    #[error("failed to wait for the custom resource definition {0}")]
    Wait(String, #[source] Box<kube::runtime::wait::Error>),
    /// The API server does not serve one.
    #[error("the custom resource definition {0} is not served after {SERVED:?}")]
    Late(String),
}

/// How long a definition may take to be served, in real time.
const SERVED: Duration = Duration::from_secs(30);

/// Installs them all and waits until they are served; repeating it changes nothing.
pub(crate) async fn install(client: &Client) -> Result<(), Error> {
    let resource = kube::core::ApiResource::erase::<
        k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    >(&());
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let definitions = read()?;
    for definition in &definitions {
        let name = definition.name_any();
        let params = PatchParams::apply("flagger-sandbox").force();
        api.patch(&name, &params, &Patch::Apply(definition)).await.map_err(|error| Error::Install(name, error))?;
    }
    for definition in &definitions {
        let name = definition.name_any();
        let waiting = await_condition(Api::all(client.clone()), &name, conditions::is_crd_established());
        match tokio::time::timeout(SERVED, waiting).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(Error::Wait(name, Box::new(error))),
            Err(_) => return Err(Error::Late(name)),
        }
    }
    Ok(())
}

fn read() -> Result<Vec<DynamicObject>, Error> {
    let mut all = Vec::new();
    for (whose, text) in [("Flagger", FLAGGER), ("the Gateway API", GATEWAY), ("Istio", ISTIO)] {
        let read: Vec<DynamicObject> =
            serde_saphyr::from_multiple(text).map_err(|error| Error::Read(whose, error.into()))?;
        all.extend(read);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_has_a_name_and_served_versions() {
        let definitions = read().unwrap();
        let mut names: Vec<String> = definitions.iter().map(ResourceExt::name_any).collect();
        names.sort();
        assert_eq!(
            names,
            [
                "alertproviders.flagger.app",
                "canaries.flagger.app",
                "destinationrules.networking.istio.io",
                "gatewayclasses.gateway.networking.k8s.io",
                "gateways.gateway.networking.k8s.io",
                "gateways.networking.istio.io",
                "httproutes.gateway.networking.k8s.io",
                "metrictemplates.flagger.app",
                "virtualservices.networking.istio.io",
            ]
        );
        for definition in definitions {
            let versions = definition.data["spec"]["versions"].as_array().unwrap();
            assert!(versions.iter().any(|version| version["served"] == true), "{}", definition.name_any());
        }
    }
}
