//! The part of a kubelet's HTTPS API that an API server asks for when a user wants logs.
//!
//! *Endpoints.* `GET /containerLogs/{namespace}/{pod}/{container}` with `follow`, `limitBytes`, `sinceSeconds`, `sinceTime`,
//! `tailLines` and `timestamps`; `GET /healthz`.
//! *Quirk.* It asks nobody who they are: it listens inside the sandbox's own network namespace.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::logs::{Excerpt, Line, Logs};
use crate::cluster::Id;
use crate::wire::{Body, Server, bind, text};

/// How long answers in flight may take when it stops.
const FINISH: Duration = Duration::from_secs(1);

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadPair {
    /// It or its key is not PEM.
    #[error("failed to read the certificate or its key")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// They don't belong together, or are of a kind that nobody uses.
    #[error("failed to use the certificate with its key")]
    Tls(#[from] rustls::Error),
}

/// The listening agent.
pub(crate) struct Kubelet(Server);

impl Kubelet {
    /// What the agent is known by, from PEM.
    pub(crate) fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor, BadPair> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Answers on the address from now on.
    pub(crate) async fn start(
        addr: SocketAddr,
        tls: TlsAcceptor,
        logs: Logs,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let (listener, addr) = bind(addr).await?;
        let handler = move |request: Request<Incoming>| std::future::ready(answer(&request, &logs, clock.now()));
        Ok(Self(Server::start_tls(listener, addr, tls, handler)))
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.addr().port()
    }

    pub(crate) async fn stop(self) {
        self.0.stop(FINISH).await;
    }
}

fn answer<B>(request: &Request<B>, logs: &Logs, now: Timestamp) -> Response<Body> {
    let parts: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["healthz"] => text(StatusCode::OK, "ok"),
        ["containerLogs", namespace, pod, container] => {
            let (logs, pod) = (logs.clone(), Id::new(*namespace, *pod));
            let source = Source { logs, pod, container: (*container).to_owned() };
            let shown =
                Asked::read(request.uri().query().unwrap_or_default(), now).and_then(|asked| source.show(&asked));
            shown.unwrap_or_else(|why| text(StatusCode::BAD_REQUEST, &why))
        }
        _ => text(StatusCode::NOT_FOUND, "404 page not found"),
    }
}

/// What of a log was asked for.
#[derive(Clone, Debug, Default)]
struct Asked {
    follow: bool,
    previous: bool,
    timestamps: bool,
    since: Option<Timestamp>,
    tail: Option<usize>,
    limit: Option<usize>,
}

impl Asked {
    fn read(query: &str, now: Timestamp) -> Result<Self, String> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = || format!("invalid value of {name}: {value:?}");
            let number = || value.parse::<usize>().map_err(|_| wrong());
            match &*name {
                "follow" => asked.follow = value == "true",
                "previous" => asked.previous = value == "true",
                "timestamps" => asked.timestamps = value == "true",
                "tailLines" => asked.tail = Some(number()?),
                "limitBytes" => asked.limit = Some(number()?),
                "sinceTime" => asked.since = Some(value.parse().map_err(|_| wrong())?),
                "sinceSeconds" => {
                    let ago = SignedDuration::from_secs(i64::try_from(number()?).map_err(|_| wrong())?);
                    asked.since = Some(now.checked_sub(ago).unwrap_or(Timestamp::MIN));
                }
                // What else there is concerns streams that a played container does not have.
                _ => {}
            }
        }
        Ok(asked)
    }

    /// The lines as they are shown.
    fn text(&self, lines: &[Line]) -> String {
        let recent = lines.iter().filter(|line| self.since.is_none_or(|since| since <= line.at));
        let shown = recent.map(|line| {
            if self.timestamps { format!("{} {}\n", line.at, line.text) } else { format!("{}\n", line.text) }
        });
        shown.collect()
    }
}

/// One container's log.
#[derive(Clone)]
struct Source {
    logs: Logs,
    pod: Id,
    container: String,
}

impl Source {
    /// The lines that were asked for, and with `follow` those that come, until the pod is gone or nobody listens any more.
    fn show(self, asked: &Asked) -> Result<Response<Body>, String> {
        let Self { pod: Id { name, .. }, container, .. } = &self;
        if asked.previous {
            return Err(format!("previous terminated container \"{container}\" in pod \"{name}\" not found"));
        }
        let waiting = || format!("container \"{container}\" in pod \"{name}\" is waiting to start: ContainerCreating");
        let excerpt = self.after(0).ok_or_else(waiting)?;
        let from = asked.tail.map_or(0, |tail| excerpt.lines.len().saturating_sub(tail));
        let mut begin = asked.text(excerpt.lines.get(from..).unwrap_or_default()).into_bytes();
        begin.truncate(asked.limit.unwrap_or(usize::MAX));
        let begin = stream::once(std::future::ready(begin));
        let bytes = if asked.follow { begin.chain(self.follow(excerpt, asked)).boxed() } else { begin.boxed() };
        let body = StreamBody::new(bytes.map(|bytes| Ok(Frame::data(Bytes::from(bytes)))));
        let mut response = Response::new(body.boxed_unsync());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Ok(response)
    }

    /// What is written from now on. Only the beginning is cut off at a limit: whoever follows wants to see what comes.
    fn follow(self, excerpt: Excerpt, asked: &Asked) -> impl Stream<Item = Vec<u8>> + Send + use<> {
        let later = Asked { since: None, ..asked.clone() };
        let more = stream::unfold((self, excerpt), async |(source, mut before)| {
            before.news.wait_for(|count| before.end < *count).await.ok()?;
            let next = source.after(before.end)?;
            Some((next.lines.clone(), (source, next)))
        });
        more.map(move |lines| later.text(&lines).into_bytes())
    }

    fn after(&self, skip: usize) -> Option<Excerpt> {
        self.logs.excerpt(&self.pod, &self.container, skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    async fn ask(query: &str) -> String {
        let logs = Logs::default();
        let log = logs.of(Id::new("test", "a"), "podinfo");
        (1..=3).for_each(|second| log.write(at(second), "info", &format!("line {second}"), ""));
        let request = Request::get(format!("https://node/containerLogs/test/a/podinfo?{query}")).body(()).unwrap();
        let response = answer(&request, &logs, at(4));
        // Who follows hears the end of a pod.
        logs.forget(&Id::new("test", "a"));
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        (1..=3).filter(|second| text.contains(&format!("line {second}\""))).map(|second| second.to_string()).collect()
    }

    #[tokio::test]
    async fn a_part_of_a_log_can_be_asked_for() {
        for (query, lines) in [
            ("", "123"),
            ("tailLines=1", "3"),
            ("sinceSeconds=2", "23"),
            ("follow=true&tailLines=2", "23"),
            ("tailLines=0", ""),
        ] {
            assert_eq!(ask(query).await, lines, "{query}");
        }
        assert_eq!(ask("tailLines=many").await, "");
    }
}
