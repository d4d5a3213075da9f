//! One call: the request, what the answer means, and whether to ask again.

use std::time::Duration;

use api::duration;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode, Uri};

use crate::{Key, Payload};

/// Tells a call that is repeated from a new one.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long an attempt may take when the hook doesn't say.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest wait between two attempts, however many there were.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// The longest wait that an answer can ask for: a release stands still meanwhile.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// How much of an answer goes into the message.
const ANSWER_CHARS_MAX: usize = 1000;

/// Why a hook can't be called.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its address is none.
    #[error("url {url:?} is not a valid http or https URL")]
    Url {
        /// What it says.
        url: String,
    },
    /// Its timeout is none.
    #[error("timeout {timeout:?} is not a duration")]
    Timeout {
        /// What it says.
        timeout: String,
        /// What is wrong with it.
        #[source]
        source: duration::Error,
    },
    /// The payload can't be written.
    #[error("failed to write the payload")]
    Payload(#[source] serde_json::Error),
}

/// The request that calls a hook. Attempts of one call, and its repetition after a crash, have the same `key`.
pub fn request(url: &str, payload: &Payload, key: &Key) -> Result<Request<Vec<u8>>, Error> {
    let invalid = || Error::Url { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(invalid());
    }
    let mut request = Request::new(serde_json::to_vec(payload).map_err(Error::Payload)?);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.headers_mut().insert(IDEMPOTENCY_KEY, key.header());
    Ok(request)
}

/// How long one attempt may take.
///
/// Quirk: a text of one character counts as none, as in Flagger.
pub fn timeout(written: Option<&str>) -> Result<Duration, Error> {
    match written {
        Some(text) if 1 < text.len() => {
            duration::parse(text).map_err(|source| Error::Timeout { timeout: text.to_owned(), source })
        }
        _ => Ok(TIMEOUT),
    }
}

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The hook has spoken: yes, or no with a reason.
    Done(Result<(), String>),
    /// Wait, and send the same request again.
    Again(Duration),
}

/// Hears the outcome of an attempt: a response after redirects, or why there is none.
///
/// `attempts` counts those made so far, this one included; `retries` is how many may follow the first.
/// Worth another attempt is what may pass by itself: no connection, 429, and every 5xx but 501.
pub fn heard(url: &str, retries: u32, attempts: u32, outcome: Result<&Response<Vec<u8>>, &str>) -> Next {
    let passing = match outcome {
        Ok(response) => is_passing(response.status()),
        Err(_) => true,
    };
    if passing && attempts <= retries {
        let asked = outcome.ok().and_then(retry_after);
        return Next::Again(asked.unwrap_or_else(|| backoff(attempts)));
    }
    Next::Done(match outcome {
        Ok(response) if passing => Err(with_answer(&gave_up(url, attempts), response)),
        Ok(response) => verdict(response),
        Err(reason) => Err(format!("{}: {reason}", gave_up(url, attempts))),
    })
}

/// Whether an answer is a yes.
///
/// Quirk: of the successes only 200, 201 and 202 are. Gates rely on anything else keeping them shut; 204 says so.
fn verdict(response: &Response<Vec<u8>>) -> Result<(), String> {
    match response.status() {
        StatusCode::NO_CONTENT => Err("204 No Content is no approval, which takes 200, 201 or 202".to_owned()),
        status if status <= StatusCode::ACCEPTED => Ok(()),
        status => {
            let answer = answer(response);
            Err(if answer.is_empty() { format!("Status {status}") } else { answer })
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// One second, and twice as long each time.
fn backoff(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(u64::BITS - 1);
    Duration::from_secs(1 << doublings).min(BACKOFF_MAX)
}

/// The seconds that an overloaded service asks to wait; a date, for which one would need a clock, is not understood.
fn retry_after(response: &Response<Vec<u8>>) -> Option<Duration> {
    if ![StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&response.status()) {
        return None;
    }
    let secs = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs).min(RETRY_AFTER_MAX))
}

fn gave_up(url: &str, attempts: u32) -> String {
    format!("POST {url} giving up after {attempts} attempt(s)")
}

fn with_answer(sentence: &str, response: &Response<Vec<u8>>) -> String {
    let answer = answer(response);
    if answer.is_empty() { sentence.to_owned() } else { format!("{sentence}: {answer}") }
}

fn answer(response: &Response<Vec<u8>>) -> String {
    String::from_utf8_lossy(response.body()).trim().chars().take(ANSWER_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://gate.shop/check";

    fn response(status: u16, body: &str) -> Response<Vec<u8>> {
        let mut response = Response::new(body.as_bytes().to_vec());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    fn again(secs: u64) -> Next {
        Next::Again(Duration::from_secs(secs))
    }

    #[test]
    fn a_call_posts_the_payload_as_json() {
        let payload = Payload { name: "cart".to_owned(), ..Payload::default() };
        let key = Key::of(["uid", "step"]);
        let request = request(URL, &payload, &key).unwrap();
        assert_eq!((request.method(), request.uri().to_string()), (&Method::POST, URL.to_owned()));
        assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(request.headers()[IDEMPOTENCY_KEY], key.header());
        assert_eq!(serde_json::from_slice::<Payload>(request.body()).unwrap(), payload);
    }

    #[test]
    fn only_web_addresses_are_called() {
        for url in ["", "gate", "/check", "file:///etc/passwd", "http://"] {
            assert!(request(url, &Payload::default(), &Key::of(["uid"])).is_err(), "{url}");
        }
    }

    #[test]
    fn a_timeout_is_ten_seconds_unless_written() {
        for (written, secs) in [(None, 10), (Some(""), 10), (Some("5"), 10), (Some("1m30s"), 90)] {
            assert_eq!(timeout(written).unwrap(), Duration::from_secs(secs));
        }
        assert_eq!(timeout(Some("soon")).unwrap_err().to_string(), r#"timeout "soon" is not a duration"#);
    }

    #[test]
    fn answers_open_and_close_gates() {
        let done = |status, body| heard(URL, 0, 1, Ok(&response(status, body)));
        let no = |reason: &str| Next::Done(Err(reason.to_owned()));
        for status in [200, 201, 202] {
            assert_eq!(done(status, "whatever"), Next::Done(Ok(())));
        }
        assert_eq!(done(204, ""), no("204 No Content is no approval, which takes 200, 201 or 202"));
        assert_eq!(done(403, "Forbidden\n"), no("Forbidden"));
        assert_eq!(done(404, ""), no("Status 404 Not Found"));
        assert_eq!(done(501, "no"), no("no"));
        assert_eq!(done(500, "oops"), no("POST http://gate.shop/check giving up after 1 attempt(s): oops"));
        assert_eq!(done(503, ""), no("POST http://gate.shop/check giving up after 1 attempt(s)"));
    }

    #[test]
    fn what_may_pass_is_tried_again_ever_more_slowly() {
        let failing = response(500, "");
        let waits: Vec<_> = (1..=7).map(|attempts| heard(URL, 6, attempts, Ok(&failing))).collect();
        assert_eq!(waits[..6], [1, 2, 4, 8, 16, 30].map(again));
        assert!(matches!(waits[6], Next::Done(Err(_))));
        assert_eq!(heard(URL, 1, 1, Err("connection refused")), again(1));
        assert_eq!(
            heard(URL, 1, 2, Err("connection refused")),
            Next::Done(Err("POST http://gate.shop/check giving up after 2 attempt(s): connection refused".to_owned()))
        );
    }

    #[test]
    fn a_refusal_is_not_tried_again() {
        assert_eq!(heard(URL, 5, 1, Ok(&response(403, "no"))), Next::Done(Err("no".to_owned())));
        assert_eq!(heard(URL, 5, 1, Ok(&response(200, ""))), Next::Done(Ok(())));
    }

    #[test]
    fn an_overloaded_service_says_when_to_come_back() {
        let asking = |status, wait: &'static str| {
            let mut response = response(status, "");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(wait));
            heard(URL, 5, 1, Ok(&response))
        };
        assert_eq!(asking(429, "7"), again(7));
        assert_eq!(asking(503, "86400"), again(60));
        assert_eq!(asking(429, "Fri, 31 Dec 1999 23:59:59 GMT"), again(1));
        assert_eq!(asking(500, "7"), again(1));
    }
}
