//! A server on a real socket.

use std::time::Duration;

use metricstore::{Error, Labels, Options, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_server_answers_by_its_own_clock_until_it_is_stopped() {
    let now = jiff::Timestamp::from_second(86_400).unwrap();
    let options = Options { now: std::sync::Arc::new(move || now), ..Options::default() };
    let store = options.store();
    let server = Server::start(options.clone(), store.clone()).await.unwrap();
    store.append(Labels::new([("__name__", "n")]), now.as_millisecond(), 7.0);

    let url = server.url();
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let answer = get(&address, "/api/v1/query?query=n").await.unwrap();
    assert!(answer.ends_with(r#"[{"metric":{"__name__":"n"},"value":[86400,"7"]}]}}"#), "{answer}");

    let taken = Options { addr: address.parse().unwrap(), ..options };
    assert!(matches!(Server::start(taken, store).await, Err(Error::Listen { .. })));

    tokio::time::timeout(Duration::from_secs(60), server.stop()).await.unwrap();
    assert!(get(&address, "/-/ready").await.is_err());
}
