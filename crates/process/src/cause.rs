//! What really went wrong, in the words of the person who has to fix it.

use std::error::Error;
use std::io;

/// The longest chain of sources that is followed, against a source that is its own source.
const SOURCES_MAX: usize = 16;

/// The innermost cause of a failed exchange over the network, such as `connection refused`.
///
/// HTTP libraries wrap the one useful fact (nobody listens there) in several layers of their own structure, and some of those
/// layers print the URL with its secrets; so only the innermost error speaks.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let chain: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).take(SOURCES_MAX).collect();
    chain
        .iter()
        .rev()
        .find_map(|error| error.downcast_ref::<io::Error>().and_then(plain_words))
        .or_else(|| chain.last().map(ToString::to_string))
        .unwrap_or_default()
}

/// An error of our own with all that led to it, outermost first. (Our own errors say nothing twice and no secrets.)
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let chain: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).take(SOURCES_MAX).collect();
    chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Sentences for the failures that people meet daily; the rest speaks for itself.
fn plain_words(error: &io::Error) -> Option<String> {
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset by the other side",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::TimedOut => "timed out",
        io::ErrorKind::UnexpectedEof => "connection closed before the end of the response",
        _ => return None,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("error sending request for url (http://user:secret@host/)")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn the_innermost_cause_speaks_and_wrappers_stay_silent() {
        let refused = Wrapped(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(innermost(&refused), "connection refused");
        let odd = Wrapped(io::Error::other("dns error: no such host"));
        assert_eq!(innermost(&odd), "dns error: no such host");
    }
}
