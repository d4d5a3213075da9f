//! Prometheus, and whatever has its query API.
//!
//! *Endpoints.* `GET <address>/api/v1/query`.
//! *Reads.* The last series of a vector, or a scalar. *Credentials.* `token`, or `username` and `password`.
//!
//! *Quirks.*
//! * Of several series the last one counts.
//! * NaN, which is what a ratio of nothing to nothing gives, counts as no value.
//! * A query over time has no reading; Flagger's word for it is kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Meter, NoData, Reading, Server};
use api::MetricProviderType;

/// How much of a refusal is shown.
const REFUSAL_CHARS_MAX: usize = 500;

/// Asks Prometheus.
#[derive(Debug)]
pub(crate) struct Prometheus;

impl Meter for Prometheus {
    fn provider(&self) -> MetricProviderType {
        MetricProviderType::Prometheus
    }

    fn request(&self, server: &Server<'_>, query: &str) -> Result<Request<Vec<u8>>, Error> {
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = uri(server.address, query)?;
        for (name, values) in server.headers {
            let invalid = || Error::Header { name: name.clone() };
            let header: HeaderName = name.parse().map_err(|_| invalid())?;
            for value in values {
                request.headers_mut().append(&header, HeaderValue::from_str(value).map_err(|_| invalid())?);
            }
        }
        if let Some(authorization) = authorization(server)? {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        Ok(request)
    }

    fn reading(&self, response: &Response<Vec<u8>>) -> Result<Reading, Error> {
        if StatusCode::BAD_REQUEST <= response.status() {
            let body = String::from_utf8_lossy(response.body()).chars().take(REFUSAL_CHARS_MAX).collect();
            return Err(Error::Status { status: response.status(), body });
        }
        let answer: Answer = serde_json::from_slice(response.body()).map_err(Error::Body)?;
        match answer.data {
            Data::Scalar(sample) => number(&sample),
            Data::Vector(series) => last(&series),
            Data::Matrix(series) if series.is_empty() => Ok(Reading::NoData(NoData::NoValues)),
            Data::Matrix(_) => Ok(Reading::NoData(NoData::MultipleValues)),
        }
    }

    fn online_request(&self, server: &Server<'_>) -> Result<Request<Vec<u8>>, Error> {
        self.request(server, "vector(1)")
    }

    fn online(&self, response: &Response<Vec<u8>>) -> Result<(), Error> {
        match self.reading(response)? {
            Reading::Value(1.0) => Ok(()),
            Reading::Value(value) => Err(Error::NotOnline { answer: value.to_string() }),
            Reading::NoData(reason) => Err(Error::NotOnline { answer: reason.to_string() }),
        }
    }
}

/// The URL of a query; line breaks and indentation in the query are for people only.
fn uri(address: &str, query: &str) -> Result<Uri, Error> {
    let invalid = || Error::Address { provider: "prometheus", address: address.to_owned() };
    let mut parts = address.parse::<Uri>().map_err(|_| invalid())?.into_parts();
    if parts.authority.is_none()
        || !parts.scheme.as_ref().is_some_and(|scheme| ["http", "https"].contains(&scheme.as_str()))
    {
        return Err(invalid());
    }
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let base = parts.path_and_query.as_ref().map_or("", PathAndQuery::path).trim_end_matches('/');
    let path_and_query = format!("{base}/api/v1/query?query={query}");
    parts.path_and_query = Some(path_and_query.parse().map_err(|_| invalid())?);
    Uri::from_parts(parts).map_err(|_| invalid())
}

fn authorization(server: &Server<'_>) -> Result<Option<HeaderValue>, Error> {
    let Some(credentials) = server.credentials else { return Ok(None) };
    let text = if let Some(token) = credentials.get("token") {
        format!("Bearer {}", token.trim())
    } else {
        let pair = format!("{}:{}", credentials.required("username")?, credentials.required("password")?);
        format!("Basic {}", STANDARD.encode(pair))
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| Error::Header { name: AUTHORIZATION.to_string() })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    #[serde(alias = "string")]
    Scalar(Sample),
    Vector(Vec<Series>),
    Matrix(Vec<Value>),
}

/// A time and a number as text.
type Sample = (Value, String);

#[derive(Deserialize)]
struct Series {
    /// Absent for a native histogram, which is no number.
    value: Option<Sample>,
}

fn last(series: &[Series]) -> Result<Reading, Error> {
    match series.iter().rev().find_map(|series| series.value.as_ref()) {
        Some(sample) => number(sample),
        None => Ok(Reading::NoData(NoData::NoValues)),
    }
}

fn number((_, text): &Sample) -> Result<Reading, Error> {
    match text.parse::<f64>() {
        Ok(value) if value.is_nan() => Ok(Reading::NoData(NoData::NoValues)),
        Ok(value) => Ok(Reading::Value(value)),
        Err(_) => Err(Error::Number { value: text.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Credentials;

    fn request(address: &str, secret: &[(&str, &str)]) -> Result<Request<Vec<u8>>, Error> {
        let data = secret.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let credentials = Credentials::new(data.collect());
        let headers = BTreeMap::from([("X-Scope-OrgID".to_owned(), vec!["a".to_owned(), "b".to_owned()])]);
        let credentials = (!secret.is_empty()).then_some(&credentials);
        Prometheus.request(&Server { address, headers: &headers, credentials }, "sum(a{b=\"c d\"})\n  / 2")
    }

    fn reading(body: &str) -> String {
        match Prometheus.reading(&Response::new(body.as_bytes().to_vec())) {
            Ok(Reading::Value(value)) => value.to_string(),
            Ok(Reading::NoData(reason)) => reason.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn a_query_is_asked_below_the_path_of_the_address() {
        let request = request("http://prometheus.example.com:9090/tenant/", &[]).unwrap();
        assert_eq!(
            request.uri(),
            "http://prometheus.example.com:9090/tenant/api/v1/query?query=sum%28a%7Bb%3D%22c+d%22%7D%29+%2F+2"
        );
        assert_eq!(request.headers().get_all("x-scope-orgid").iter().count(), 2);
        assert_eq!(request.headers().get(AUTHORIZATION), None);
    }

    #[test]
    fn a_secret_lets_in_by_token_or_by_name_and_password() {
        let authorization = |secret: &[(&str, &str)]| {
            let request = request("http://p", secret).map_err(|error| error.to_string())?;
            Ok::<_, String>(request.headers()[AUTHORIZATION].to_str().unwrap().to_owned())
        };
        assert_eq!(authorization(&[("token", "t"), ("username", "u")]), Ok("Bearer t".to_owned()));
        assert_eq!(authorization(&[("username", "u"), ("password", "p")]), Ok("Basic dTpw".to_owned()));
        assert_eq!(authorization(&[("username", "u")]), Err(r#"the secret has no key "password""#.to_owned()));
    }

    #[test]
    fn an_address_without_scheme_or_host_is_no_url() {
        for address in ["", "prometheus", "/path", "ftp://prometheus"] {
            let error = request(address, &[]).unwrap_err().to_string();
            assert_eq!(error, format!("prometheus address {address} is not a valid URL"));
        }
    }

    #[test]
    fn answers_are_read() {
        for (result_type, result, expected) in [
            ("vector", r#"[{"metric":{},"value":[1,"99.5"]}]"#, "99.5"),
            ("vector", r#"[{"value":[1,"1"]},{"value":[1,"2"]}]"#, "2"),
            ("vector", "[]", "no values found"),
            ("vector", r#"[{"value":[1,"NaN"]}]"#, "no values found"),
            ("vector", r#"[{"value":[1,"+Inf"]}]"#, "inf"),
            ("vector", r#"[{"histogram":[1,{}]}]"#, "no values found"),
            ("scalar", r#"[1,"3"]"#, "3"),
            ("matrix", r#"[{"values":[[1,"1"],[2,"2"]]}]"#, "query returned multiple values"),
            ("matrix", "[]", "no values found"),
            ("vector", r#"[{"value":[1,"many"]}]"#, r#"error: value "many" is not a number"#),
        ] {
            let body = format!(r#"{{"status":"success","data":{{"resultType":"{result_type}","result":{result}}}}}"#);
            assert_eq!(reading(&body), expected, "{result}");
        }
        assert_eq!(reading("<html>"), "error: failed to read the response");
    }

    #[test]
    fn a_refusal_is_shown() {
        let mut response = Response::new(br#"{"error":"parse error"}"#.to_vec());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        let error = Prometheus.reading(&response).unwrap_err();
        assert_eq!(error.to_string(), r#"error response: Status 400 Bad Request: {"error":"parse error"}"#);
    }

    #[test]
    fn prometheus_is_online_when_one_is_one() {
        let answer = |value: &str| {
            let body = format!(r#"{{"data":{{"resultType":"vector","result":[{{"value":[1,"{value}"]}}]}}}}"#);
            Prometheus.online(&Response::new(body.into_bytes()))
        };
        assert!(answer("1").is_ok());
        assert!(answer("2").is_err());
    }
}
