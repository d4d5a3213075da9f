//! What a chat's answer means, and when the same alert is sent again.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};

use crate::Notifier;

/// How often one alert is sent to a chat that is overloaded: what is later than this is no news any more.
const ATTEMPTS_MAX: u32 = 3;

/// The wait that an overloaded chat gets when it doesn't say.
const RETRY_AFTER_ASSUMED: Duration = Duration::from_secs(1);

/// The longest wait that a chat can ask for: the alerts behind this one wait as well.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is told, or it can't be, with the reason.
    Done(Result<(), String>),
    /// Wait, and send the same request again.
    Again(Duration),
}

/// Hears the outcome of an attempt: a response after redirects, or why there is none.
///
/// Only 429 is answered with another attempt: it says for certain that the alert was not taken, where a failed connection or
/// a 500 may hide one that was. What a chat says in a refusal is not told, for it may quote the address.
pub fn heard(notifier: &dyn Notifier, attempts: u32, outcome: Result<&Response<Vec<u8>>, &str>) -> Next {
    let response = match outcome {
        Ok(response) => response,
        Err(reason) => return Next::Done(Err(reason.to_owned())),
    };
    match response.status() {
        status if status.is_success() => Next::Done(notifier.complaint(response).map_or(Ok(()), Err)),
        StatusCode::TOO_MANY_REQUESTS if attempts < ATTEMPTS_MAX => Next::Again(retry_after(response)),
        StatusCode::TOO_MANY_REQUESTS => Next::Done(Err(format!("Status 429 Too Many Requests, {attempts} times"))),
        status => Next::Done(Err(format!("Status {status}"))),
    }
}

/// The seconds that the chat asks to wait, fractions included; a date, for which one would need a clock, is not understood.
fn retry_after(response: &Response<Vec<u8>>) -> Duration {
    let secs = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
    let secs = secs.filter(|secs| secs.is_finite() && 0.0 <= *secs);
    let asked = secs.and_then(|secs| Duration::try_from_secs_f64(secs.min(RETRY_AFTER_MAX.as_secs_f64())).ok());
    asked.unwrap_or(RETRY_AFTER_ASSUMED)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::slack::Slack;

    fn response(status: u16, retry_after: Option<&'static str>) -> Response<Vec<u8>> {
        let mut response = Response::new(b"quotes https://hooks.slack.com/services/secret".to_vec());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(wait) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(wait));
        }
        response
    }

    #[test]
    fn only_2xx_is_a_success_and_a_refusal_tells_its_status_alone() {
        let verdict = |status| match heard(&Slack, 1, Ok(&response(status, None))) {
            Next::Done(verdict) => verdict,
            again @ Next::Again(_) => panic!("{again:?}"),
        };
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(verdict(status), Ok(()), "{status}");
        }
        assert_eq!(verdict(404), Err("Status 404 Not Found".to_owned()));
        assert_eq!(verdict(500), Err("Status 500 Internal Server Error".to_owned()));
        assert_eq!(verdict(304), Err("Status 304 Not Modified".to_owned()));
        let unheard = heard(&Slack, 1, Err("connection refused"));
        assert_eq!(unheard, Next::Done(Err("connection refused".to_owned())));
    }

    #[test]
    fn an_overloaded_chat_says_when_to_come_back_and_is_left_in_the_end() {
        let wait = |text| match heard(&Slack, 1, Ok(&response(429, text))) {
            Next::Again(wait) => wait.as_secs_f64(),
            done @ Next::Done(_) => panic!("{done:?}"),
        };
        let waits = [Some("7"), Some("0.5"), Some("86400"), Some("-1"), Some("NaN"), Some("soon"), None].map(wait);
        assert_eq!(format!("{waits:?}"), "[7.0, 0.5, 30.0, 1.0, 1.0, 1.0, 1.0]");
        let left = heard(&Slack, ATTEMPTS_MAX, Ok(&response(429, Some("1"))));
        assert_eq!(left, Next::Done(Err("Status 429 Too Many Requests, 3 times".to_owned())));
    }
}
