//! Why a metric could not be read.

use std::fmt;

/// The reasons, as far as sentences about them differ.
#[derive(Clone, Debug, PartialEq)]
pub enum MeterFault {
    /// The question could not be asked, or was not answered.
    Query(String),
    /// The metric template can't be read.
    Template(String),
    /// The Secret of the metric template can't be read.
    Secret {
        /// Its name.
        secret: String,
        /// What is wrong with it.
        error: String,
    },
    /// There is no such provider as the metric template names.
    Provider {
        /// What it names.
        provider: String,
        /// What is wrong with it.
        error: String,
    },
    /// The query of the metric template can't be rendered.
    Render(String),
    /// The Knative Service does not say which of its revisions to ask about.
    Knative(String),
}

impl MeterFault {
    /// Whether it is for somebody to mend: something that the spec names is not there, or of no use.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Template(_) | Self::Secret { .. } | Self::Provider { .. } => true,
            Self::Query(_) | Self::Render(_) | Self::Knative(_) => false,
        }
    }

    /// What is wrong with a metric template, as it is kept in a status and told of the providers at the start.
    pub fn of_template(&self, name: &str, namespace: &str) -> String {
        format!("metric template {name}.{namespace} {self}")
    }
}

impl fmt::Display for MeterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { secret, error } => write!(f, "secret {secret} error: {error}"),
            Self::Provider { provider, error } => write!(f, "provider {provider} error: {error}"),
            Self::Query(error) | Self::Template(error) | Self::Render(error) | Self::Knative(error) => {
                write!(f, "error: {error}")
            }
        }
    }
}
