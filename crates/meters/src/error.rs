//! Why a provider could not be asked, or its answer not be understood, in sentences that users meet as events.

use http::StatusCode;

/// Why a metric has no reading.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A provider that this build can't ask.
    #[error("spec.provider.type {provider:?} is not available, use one of: {available}")]
    UnknownProvider {
        /// What the template says.
        provider: String,
        /// What it could say.
        available: String,
    },
    /// An address that is none.
    #[error("{provider} address {address} is not a valid URL")]
    Address {
        /// The type of the provider.
        provider: &'static str,
        /// What the template or the flag says.
        address: String,
    },
    /// The Secret lacks a key.
    #[error("the secret has no key {key:?}")]
    Credential {
        /// The key.
        key: &'static str,
    },
    /// A header that HTTP doesn't allow.
    #[error("header {name:?} is not valid in HTTP")]
    Header {
        /// Its name; the value may be secret.
        name: String,
    },
    /// The provider refuses.
    #[error("error response: Status {status}: {body}")]
    Status {
        /// The status with its reason.
        status: StatusCode,
        /// The beginning of what it says.
        body: String,
    },
    /// The answer is not what the provider's API says.
    #[error("failed to read the response")]
    Body(#[source] serde_json::Error),
    /// A value is no number.
    #[error("value {value:?} is not a number")]
    Number {
        /// What it is.
        value: String,
    },
    /// The provider answers, but not what was expected of one that works.
    #[error("unexpected answer to the test query: {answer}")]
    NotOnline {
        /// What it says.
        answer: String,
    },
}
