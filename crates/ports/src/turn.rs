//! HTTP without a socket.

use http::Request;

/// What a conversation over HTTP does next, given the responses heard so far.
#[derive(Debug)]
pub enum Turn<T> {
    /// Send this, append the response, call again.
    Send(Request<Vec<u8>>),
    /// The conversation is over.
    Done(T),
}
