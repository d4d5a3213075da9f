//! The socket around it.

use apiserver::{Error, Options, Server};
use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cluster::{Cluster, MAPS};

#[tokio::test]
async fn it_serves_on_loopback_until_it_is_stopped() {
    let server = Server::start(Options::default()).await.unwrap();
    assert!(server.kubeconfig().contains(&server.url()));
    let mut watch = TcpStream::connect(server.addr()).await.unwrap();
    watch.write_all(b"GET /api/v1/configmaps?watch=1 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut start = [0; 15];
    watch.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    server.stop().await;
    let mut rest = Vec::new();
    watch.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "the watch ended properly");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = Server::start(Options::default()).await.unwrap();
    let Err(error) = Server::start(Options { addr: server.addr(), ..Options::default() }).await else {
        panic!("two servers on one address");
    };
    let Error::Listen { addr, .. } = &error else { panic!("{error}") };
    assert_eq!(*addr, server.addr());
    assert_eq!(error.to_string(), format!("failed to listen on {addr}"));
}

#[test]
fn a_token_is_asked_for() {
    let cluster = Cluster::with(Options { token: Some("secret".to_owned()), ..Options::default() });
    assert_eq!(cluster.get(MAPS).refused(), (401, "Unauthorized".into()));
    let request = Request::builder().uri(MAPS).header("authorization", "Bearer secret").body(Bytes::new()).unwrap();
    assert_eq!(cluster.api.call(request).status(), 200);
    assert_eq!(cluster.get("/readyz").code, 200);
}
