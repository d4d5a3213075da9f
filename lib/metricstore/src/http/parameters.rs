//! The parameters of a request, from its address and, when it is a form, from its body.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;

use super::answer::Refusal;

/// At most so many bytes of a body are read: queries are far shorter.
const MAX_BODY: usize = 256 * 1024;

/// Timestamps stay within 200 000 years of 1970, where seconds as a float still tell milliseconds apart.
const MAX_SECONDS: f64 = 6e12;

/// Names and values; those of the body come first and so count, as in Go's forms.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Sync> FromRequest<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        let (parts, body) = request.into_parts();
        let mut pairs = Vec::new();
        if is_form {
            let body = to_bytes(body, MAX_BODY).await.map_err(|_| Refusal::too_large(MAX_BODY))?;
            pairs.extend(form_urlencoded::parse(&body).into_owned());
        }
        pairs.extend(form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned());
        Ok(Self(pairs))
    }
}

impl Parameters {
    /// The first value of a parameter, empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// A moment in milliseconds, written in seconds or by RFC 3339; none when it is left out.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Refusal> {
        if self.text(name).is_empty() { Ok(None) } else { self.required_time(name).map(Some) }
    }

    pub(super) fn required_time(&self, name: &str) -> Result<i64, Refusal> {
        let text = self.text(name);
        let moment = match text.parse::<f64>() {
            Ok(seconds) => milliseconds(seconds),
            Err(_) => text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond),
        };
        moment.ok_or_else(|| Refusal::parameter(name, &format!("cannot parse {text:?} to a valid timestamp")))
    }

    /// A duration in milliseconds, written in seconds or as in PromQL.
    pub(super) fn duration(&self, name: &str) -> Result<i64, Refusal> {
        let text = self.text(name);
        let duration = match text.parse::<f64>() {
            Ok(seconds) => milliseconds(seconds),
            Err(_) => written_duration(text),
        };
        duration.ok_or_else(|| Refusal::parameter(name, &format!("cannot parse {text:?} to a valid duration")))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn milliseconds(seconds: f64) -> Option<i64> {
    (seconds.abs() <= MAX_SECONDS).then(|| (seconds * 1000.0).round() as i64)
}

fn written_duration(text: &str) -> Option<i64> {
    // The parser of durations takes a part with more digits for nothing.
    let fits = text.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= 9);
    let duration = promql_parser::util::parse_duration(text).ok().filter(|_| fits)?;
    i64::try_from(duration.as_millis()).ok()
}
