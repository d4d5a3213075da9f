//! A container's environment: values, and references to ConfigMaps, Secrets and the pod itself.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVarSource, Pod, Secret};
use kube::{Api, Client, ResourceExt};

use super::status::Place;

/// Why an environment can't be put together yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The object is not there.
    #[error("{0} \"{1}\" not found")]
    Missing(&'static str, String),
    /// The object has no such key.
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    Key { kind: &'static str, namespace: String, name: String, key: String },
    /// The API server did not answer.
    #[error("failed to read {0} \"{1}\"")]
    Api(&'static str, String, #[source] kube::Error),
}

type Values = BTreeMap<String, String>;

/// Looks up everything that a container's environment refers to.
pub(crate) async fn resolve(client: &Client, pod: &Pod, container: &Container, at: Place) -> Result<Values, Error> {
    let objects = Objects { client, namespace: pod.namespace().unwrap_or_default(), at };
    let mut env = Values::new();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        let mut values = Values::new();
        if let Some(map) = &source.config_map_ref {
            values.extend(optional(objects.config_map(&map.name).await, map.optional)?);
        }
        if let Some(secret) = &source.secret_ref {
            values.extend(optional(objects.secret(&secret.name).await, secret.optional)?);
        }
        env.extend(values.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)));
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) => Some(expand(value, &env)),
            (None, Some(source)) => objects.value(pod, source).await?,
            (None, None) => Some(String::new()),
        };
        env.extend(value.map(|value| (variable.name.clone(), value)));
    }
    Ok(env)
}

/// The pod's namespace, to look objects up in.
struct Objects<'a> {
    client: &'a Client,
    namespace: String,
    at: Place,
}

impl Objects<'_> {
    async fn value(&self, pod: &Pod, source: &EnvVarSource) -> Result<Option<String>, Error> {
        if let Some(field) = &source.field_ref {
            return Ok(field_of(pod, &field.field_path, self.at));
        }
        if let Some(from) = &source.config_map_key_ref {
            return self.key("configmap", self.config_map(&from.name).await, &from.name, &from.key, from.optional);
        }
        if let Some(from) = &source.secret_key_ref {
            return self.key("secret", self.secret(&from.name).await, &from.name, &from.key, from.optional);
        }
        Ok(None)
    }

    fn key(
        &self,
        kind: &'static str,
        values: Result<Values, Error>,
        name: &str,
        key: &str,
        may_miss: Option<bool>,
    ) -> Result<Option<String>, Error> {
        let (name, key) = (name.to_owned(), key.to_owned());
        match optional(values, may_miss)?.remove(&key) {
            None if may_miss != Some(true) => Err(Error::Key { kind, namespace: self.namespace.clone(), name, key }),
            value => Ok(value),
        }
    }

    async fn config_map(&self, name: &str) -> Result<Values, Error> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let found = api.get_opt(name).await.map_err(|error| Error::Api("configmap", name.to_owned(), error))?;
        Ok(found.ok_or_else(|| Error::Missing("configmap", name.to_owned()))?.data.unwrap_or_default())
    }

    async fn secret(&self, name: &str) -> Result<Values, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let found = api.get_opt(name).await.map_err(|error| Error::Api("secret", name.to_owned(), error))?;
        let secret = found.ok_or_else(|| Error::Missing("secret", name.to_owned()))?;
        let mut values: Values = secret
            .data
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, String::from_utf8_lossy(&value.0).into_owned()))
            .collect();
        values.extend(secret.string_data.unwrap_or_default());
        Ok(values)
    }
}

/// What is missing and may be is empty.
fn optional(values: Result<Values, Error>, may_miss: Option<bool>) -> Result<Values, Error> {
    match values {
        Err(Error::Missing(..)) if may_miss == Some(true) => Ok(Values::new()),
        values => values,
    }
}

/// The pod's own fields, as the downward API names them.
fn field_of(pod: &Pod, path: &str, at: Place) -> Option<String> {
    let keyed = |prefix: &str| path.strip_prefix(prefix)?.strip_suffix("']");
    if let Some(key) = keyed("metadata.labels['") {
        return Some(pod.labels().get(key).cloned().unwrap_or_default());
    }
    if let Some(key) = keyed("metadata.annotations['") {
        return Some(pod.annotations().get(key).cloned().unwrap_or_default());
    }
    let spec = pod.spec.as_ref();
    match path {
        "metadata.name" => pod.metadata.name.clone(),
        "metadata.namespace" => pod.metadata.namespace.clone(),
        "metadata.uid" => pod.metadata.uid.clone(),
        "spec.nodeName" => spec?.node_name.clone(),
        "spec.serviceAccountName" => spec?.service_account_name.clone(),
        "status.podIP" | "status.podIPs" => Some(at.pod.to_string()),
        "status.hostIP" | "status.hostIPs" => Some(at.host.to_string()),
        _ => None,
    }
}

/// Replaces `$(NAME)` by variables defined before; what is not defined stays as it is, and `$$` is a dollar sign.
fn expand(value: &str, env: &Values) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        let (before, dollar) = rest.split_at(at);
        out.push_str(before);
        let name = dollar.strip_prefix("$(").and_then(|inside| inside.split_once(')'));
        rest = match (dollar.strip_prefix("$$"), name) {
            (Some(after), _) => {
                out.push('$');
                after
            }
            (None, Some((name, after))) if env.contains_key(name) => {
                out.push_str(env.get(name).map_or("", String::as_str));
                after
            }
            _ => {
                out.push('$');
                dollar.strip_prefix('$').unwrap_or_default()
            }
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_earlier_variables_are_expanded() {
        let env = Values::from([("A".to_owned(), "1".to_owned())]);
        for (value, expanded) in [("x$(A)y", "x1y"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("a$", "a$"), ("$(A", "$(A")]
        {
            assert_eq!(expand(value, &env), expanded, "{value}");
        }
    }
}
