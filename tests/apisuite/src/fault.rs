//! Why a case could not be played, which is not the same as a wrong answer.

use std::path::PathBuf;

/// What went wrong around the answers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the suite can't be read or written.
    #[error("failed to use {path}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line of a case means nothing.
    #[error("failed to understand {place}: {why}")]
    Script {
        /// File and line, or the sentence of the case.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// No connection, or it broke.
    #[error("failed to reach the server for {request}")]
    Unreachable {
        /// The request.
        request: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// What a case takes for granted did not come about.
    #[error("failed to prepare: {request} was answered {code}: {message}")]
    Unprepared {
        /// The request.
        request: String,
        /// The status code.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The client can't be made.
    #[error("failed to make an HTTP client")]
    Client(#[source] reqwest::Error),
}
