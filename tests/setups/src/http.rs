//! Asking a Prometheus.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::files::Error;

/// How long an answer may take, on a machine that builds at the same time.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// What a query answers at an instant, in seconds since 1970; `url` is that of the Prometheus.
pub fn instant(url: &str, query: &str, time: f64) -> Result<Value, Error> {
    ask(url, "/api/v1/query", &[("query", query), ("time", &time.to_string())])
}

/// The result of a query, which is in `form`.
pub(crate) fn ask(url: &str, path: &str, form: &[(&str, &str)]) -> Result<Value, Error> {
    let failed = |why: String| {
        let query = form.iter().find(|(field, _)| *field == "query").map_or("", |(_, query)| query);
        Error::Query { query: query.to_owned(), why }
    };
    let answer = post(url, path, form).map_err(|source| failed(source.to_string()))?;
    if answer["status"] == "success" {
        return Ok(answer["data"]["result"].clone());
    }
    Err(failed(answer["error"].to_string()))
}

/// Posts a form, and reads the answer as JSON whatever its status is.
fn post(url: &str, path: &str, form: &[(&str, &str)]) -> io::Result<Value> {
    let addr = url.trim_start_matches("http://");
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: {addr}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    Ok(serde_json::from_str(body)?)
}
