//! Requests to a small server that answers as servers do on bad days.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flagger_operator::web::{Error, ErrorKind, Options, Route, Web};
use http::{Request, Response, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Reads one request's head, answers by its path, closes.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    // A proxy is asked for whole URLs.
    let path = target.strip_prefix("http://chat.invalid").unwrap_or(target);
    let to = |status: &str, path: &str| {
        format!("HTTP/1.1 {status} Found\r\nlocation: {path}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    };
    let answer = match path {
        "/echo" => {
            let body =
                format!("{method} {}", head.lines().skip(1).map(str::to_lowercase).collect::<Vec<_>>().join("|"));
            format!(
                "HTTP/1.1 200 OK\r\nx-kept: yes\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        "/version" => "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"gitVersion\":\"v1.34.0\"}".to_owned(),
        "/moved/301" | "/moved/302" | "/moved/303" | "/moved/307" => to(&path[7..], "/echo"),
        "/loop" => to("302", "/loop"),
        "/broken" => {
            "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 4\r\n\r\noops".to_owned()
        }
        "/cut" => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst words".to_owned(),
        "/silent" => return std::future::pending().await,
        "/endless" => return endless(stream).await,
        _ => unreachable!("no such test path: {path}"),
    };
    stream.write_all(answer.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

async fn endless(mut stream: impl AsyncWrite + Unpin) {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    while sent.is_ok() {
        sent = stream.write_all(chunk.as_bytes()).await;
    }
}

async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// The same behind a certificate that nobody signed.
pub(crate) async fn start_tls() -> SocketAddr {
    flagger_operator::web::install_crypto();
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).unwrap();
    let config =
        rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream).await;
                }
            });
        }
    });
    address
}

fn options() -> Options {
    Options::within(Duration::from_secs(60))
}

async fn send(method: &str, url: &str, options: &Options) -> Result<Response<Vec<u8>>, Error> {
    let request = Request::builder().method(method).uri(url).body(b"payload".to_vec()).unwrap();
    Web::new().send(request, options).await
}

fn text(response: &Response<Vec<u8>>) -> String {
    String::from_utf8(response.body().clone()).unwrap()
}

#[tokio::test]
async fn a_response_comes_with_status_headers_and_body_whatever_the_status_is() {
    let server = start().await;
    let echo = send("POST", &format!("http://{server}/echo"), &options()).await.unwrap();
    assert_eq!(echo.status(), StatusCode::OK);
    assert_eq!(echo.headers()["x-kept"], "yes");
    assert!(text(&echo).starts_with("POST "));
    assert!(text(&echo).contains("user-agent: flagger/"), "{}", text(&echo));
    let broken = send("GET", &format!("http://{server}/broken"), &options()).await.unwrap();
    assert_eq!((broken.status(), text(&broken).as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "oops"));
}

#[tokio::test]
async fn a_post_becomes_a_get_where_go_makes_it_one() {
    let server = start().await;
    for (status, method, sends_body) in
        [(301, "GET", false), (302, "GET", false), (303, "GET", false), (307, "POST", true)]
    {
        let response = send("POST", &format!("http://{server}/moved/{status}"), &options()).await.unwrap();
        let echo = text(&response);
        assert!(echo.starts_with(method), "{status}: {echo}");
        assert_eq!(echo.contains("content-length: 7"), sends_body, "{status}: {echo}");
        assert!(!echo.contains("referer"), "{echo}");
    }
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let server = start().await;
    let error = send("GET", &format!("http://{server}/loop"), &options()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("failed to get http://{server}: stopped after 10 redirects"));
    assert!(!error.retriable());
}

#[tokio::test]
async fn a_response_without_end_is_given_up() {
    let server = start().await;
    let error = send("GET", &format!("http://{server}/endless"), &options()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("failed to get http://{server}: the response is larger than 1 MiB"));
}

#[tokio::test]
async fn a_response_that_breaks_off_is_no_response() {
    let server = start().await;
    let error = send("GET", &format!("http://{server}/cut"), &options()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Connection(_)), "{error}");
    assert!(error.retriable());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_silent_is_left() {
    let server = start().await;
    let error =
        send("GET", &format!("http://{server}/silent"), &Options::within(Duration::from_secs(5))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("failed to get http://{server}: timed out after 5s"));
    assert!(error.retriable());
}

#[tokio::test]
async fn an_error_tells_the_cause_and_no_secrets() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let url = format!("http://user:password@{closed}/services/token?api_key=secret");
    let error = send("POST", &url, &options()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("failed to post http://{closed}: connection refused"));
    assert!(error.retriable());
    assert_eq!(format!("{error:?}").matches("secret").count(), 0);
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_refused_unless_told_otherwise() {
    let url = format!("https://{}/broken", start_tls().await);
    let error = send("GET", &url, &options()).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let mut insecure = options();
    insecure.route.insecure = true;
    assert_eq!(text(&send("GET", &url, &insecure).await.unwrap()), "oops");
}

#[tokio::test]
async fn a_proxy_of_its_own_is_used() {
    let proxy = start().await;
    let route = Route { proxy: Some(format!("http://{proxy}")), ..Route::default() };
    let response = send("GET", "http://chat.invalid/broken", &Options { route, ..options() }).await.unwrap();
    assert_eq!(text(&response), "oops");
    let route = Route { proxy: Some("::".to_owned()), ..Route::default() };
    let error = send("GET", "http://chat.invalid/echo", &Options { route, ..options() }).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to get http://chat.invalid: the proxy's URL is invalid");
}
