//! The request that all chats have in common: JSON, posted.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};
use serde::Serialize;

use crate::Error;

/// An address that can be posted to; `what` is what it is called when it can't.
pub(crate) fn address(what: &'static str, text: &str) -> Result<Uri, Error> {
    let uri: Uri = text.parse().map_err(|_| Error::Address { what })?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(Error::Address { what });
    }
    Ok(uri)
}

/// Posts the payload to the address.
pub(crate) fn post(address: Uri, payload: &impl Serialize) -> Result<Request<Vec<u8>>, Error> {
    let mut request = Request::new(json(payload)?.into_bytes());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = address;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// Lets a request in by this token.
pub(crate) fn authorize(request: &mut Request<Vec<u8>>, token: &str) -> Result<(), Error> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Token)?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(())
}

/// JSON as Go writes it: what means something in HTML or ends a line in JavaScript is escaped.
///
/// None of these characters stands outside of a string in JSON, so that each can be replaced wherever it is.
fn json(payload: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(payload).map_err(Error::Payload)?;
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str(r"\u003c"),
            '>' => escaped.push_str(r"\u003e"),
            '&' => escaped.push_str(r"\u0026"),
            '\u{2028}' => escaped.push_str(r"\u2028"),
            '\u{2029}' => escaped.push_str(r"\u2029"),
            other => escaped.push(other),
        }
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_as_go_does_it_and_means_the_same() {
        let text = "a < b & \"c\" > d\u{2028}";
        let json = json(&text).unwrap();
        assert_eq!(json, r#""a \u003c b \u0026 \"c\" \u003e d\u2028""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
