//! Why a chat can't be told anything. Addresses are never quoted: with most chats they are all that a stranger needs.

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The `AlertProvider` says not where it is.
    #[error("spec.address and spec.secretRef are both missing")]
    Unaddressed,
    /// The Secret lacks a key.
    #[error("the secret has no key {key:?}")]
    Secret {
        /// The key.
        key: &'static str,
    },
    /// The address is none.
    #[error("invalid {what} URL, which must begin with http:// or https:// and a host")]
    Address {
        /// Which kind of address it would be.
        what: &'static str,
    },
    /// The token has characters that HTTP doesn't allow.
    #[error("the token is not valid in HTTP")]
    Token,
    /// The payload can't be written.
    #[error("failed to write the payload")]
    Payload(#[source] serde_json::Error),
}
