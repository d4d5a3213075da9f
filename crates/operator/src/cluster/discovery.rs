//! What the cluster is and whether our kinds are installed in it.

use std::time::Duration;

use ports::{Kind, kinds};
use serde_json::Value;

use super::call::Call;
use super::error::not_installed;
use super::lean::Lean;
use super::{Cluster, Error, Reason, Scope};

/// The kinds that the operator can't live without.
const OWN_KINDS: [Kind; 3] = [kinds::CANARY, kinds::METRIC_TEMPLATE, kinds::ALERT_PROVIDER];

/// The pauses between tries: an API server that is just being restarted is back by then, and one that is not there is
/// reported soon enough.
const RETRY_PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(1)];

/// Why the cluster can't be worked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// A `CustomResourceDefinition` of ours is not installed.
    #[error("{}", not_installed(*.0))]
    Missing(Kind),
    /// A kind of ours is there (or may be), and reading it failed.
    #[error("failed to check that kind {kind} is installed", kind = .0.kind)]
    Unreadable(Kind, #[source] Error),
}

impl DiscoveryError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing(_) => {
                Some("install flagger's CustomResourceDefinitions: kubectl apply -f charts/flagger/crds/crd.yaml")
            }
            Self::Unreadable(_, error) => error.hint(),
        }
    }
}

/// What the API server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// As it was told: `v1.34.1+k3s1`.
    pub text: String,
}

impl Version {
    /// Whether this version is one that the operator works with: 1.11 up to, not including, 2.0.
    pub fn supported(&self) -> bool {
        let mut numbers = self.text.trim_start_matches('v').split(['.', '-', '+']).map(str::parse::<u32>);
        matches!((numbers.next(), numbers.next()), (Some(Ok(1)), Some(Ok(minor))) if 11 <= minor)
    }
}

impl Cluster {
    /// Asks the API server for its version.
    pub async fn version(&self) -> Result<Version, Error> {
        let answer = self.insist(Call::version).await?;
        let text = answer.0.get("gitVersion").and_then(Value::as_str).unwrap_or_default();
        Ok(Version { text: text.to_owned() })
    }

    /// Checks that our `CustomResourceDefinition`s are installed and readable in `scope`.
    pub async fn require_own_kinds(&self, scope: &Scope) -> Result<(), DiscoveryError> {
        for kind in OWN_KINDS {
            match self.insist(|| Call::probe(kind, scope.namespace())).await {
                Ok(_) => {}
                Err(error) if error.reason == Reason::NotFound => return Err(DiscoveryError::Missing(kind)),
                Err(error) => return Err(DiscoveryError::Unreadable(kind, error)),
            }
        }
        Ok(())
    }

    /// The answer to a question without which there is no operator, asked again after a failure that may pass.
    async fn insist(&self, call: impl Fn() -> Call) -> Result<Lean, Error> {
        for pause in RETRY_PAUSES {
            match self.send(call()).await {
                Err(error) if error.retriable() => tokio::time::sleep(pause).await,
                answer => return answer,
            }
        }
        self.send(call()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_1_11_to_2_are_supported() {
        for (text, supported) in [
            ("v1.34.1+k3s1", true),
            ("v1.11.0", true),
            ("v1.31.0-alpha.1", true),
            ("1.30", true),
            ("v1.10.13", false),
            ("v2.0.0", false),
            ("", false),
            ("v1.x", false),
        ] {
            assert_eq!(Version { text: text.to_owned() }.supported(), supported, "{text:?}");
        }
    }
}
