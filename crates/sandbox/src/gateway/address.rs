//! Whom a request is for, and who sends it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;

use crate::cluster::Id;
use crate::services::named;

/// The names that ingress controllers usually have as Services: the gateway itself.
const OURS: [(&str, &str); 2] =
    [("ingress-nginx", "ingress-nginx-controller"), ("istio-system", "istio-ingressgateway")];

/// Headers that concern one connection only.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whom a request is for.
pub(super) struct Addressed {
    /// In lower case and without a port.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// Whether the client takes the gateway for its proxy.
    pub(super) is_proxied: bool,
}

/// Whom the request is for; it is made one that an origin server understands.
pub(super) fn of(parts: &mut Parts) -> Option<Addressed> {
    let authority = authority(parts)?;
    let is_proxied = parts.uri.authority() == Some(&authority);
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        parts.headers.insert(header::HOST, host);
    }
    parts.uri = parts.uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
    strip(&mut parts.headers);
    Some(Addressed { host: authority.host().to_ascii_lowercase(), port: authority.port_u16(), is_proxied })
}

/// Of an absolute URI, as a proxy gets it, or of the Host header; the latter too where the URI names the gateway itself.
fn authority(parts: &Parts) -> Option<Authority> {
    let of_uri = parts.uri.authority().filter(|authority| !is_ours(authority.host())).cloned();
    of_uri.or_else(|| parts.headers.get(header::HOST)?.to_str().ok()?.parse().ok())
}

/// Whether a host is a name of the gateway itself.
fn is_ours(host: &str) -> bool {
    named(host).is_some_and(|id| OURS.contains(&(id.namespace.as_str(), id.name.as_str())))
}

/// The pod that sends a request through the gateway as its proxy: whoever says so as the proxy's user, as in
/// `http://POD.NAMESPACE@127.0.0.1:PORT`.
pub(super) fn source(headers: &HeaderMap) -> Option<Id> {
    let credentials = headers.get(header::PROXY_AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (user, _) = decoded.split_once(':')?;
    let (name, namespace) = user.rsplit_once('.')?;
    Some(Id::new(namespace, name))
}

pub(super) fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_proxys_client_asks_for_the_host_in_the_uri_unless_that_is_the_gateway_itself() {
        let host = |uri: &str| {
            let request = Request::get(uri).header("host", "App.Example.com:8080").body(()).unwrap();
            of(&mut request.into_parts().0).map(|addressed| (addressed.host, addressed.port))
        };
        assert_eq!(host("/x"), Some(("app.example.com".into(), Some(8080))));
        assert_eq!(host("http://podinfo.test/x"), Some(("podinfo.test".into(), None)));
        assert_eq!(
            host("http://ingress-nginx-controller.ingress-nginx/"),
            Some(("app.example.com".into(), Some(8080)))
        );
    }

    #[test]
    fn a_pod_names_itself_as_the_proxys_user() {
        let of = |user: &str| {
            let credentials = format!("Basic {}", STANDARD.encode(user));
            source(&[(header::PROXY_AUTHORIZATION, credentials.parse().unwrap())].into_iter().collect())
        };
        assert_eq!(of("tester-5d8f-a.test:"), Some(Id::new("test", "tester-5d8f-a")));
        assert_eq!(of("somebody:secret"), None);
    }
}
