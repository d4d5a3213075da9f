//! A user who keeps cookies stays where the first answer came from.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::hooks::Receiver;
use crate::world::{PATIENCE, World, host};

/// A browser, as far as cookies go.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Asks once, keeps what the answer sets, and says which version answered.
    async fn visit(&mut self, gateway: SocketAddr, host: &str) -> String {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{cookies}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let headers = || answer.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
        for (_, set) in headers().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.contains("Max-Age=-1") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let version = headers().find(|(name, _)| name.eq_ignore_ascii_case("x-podinfo-version"));
        version.unwrap_or_else(|| panic!("no pod answered: {answer}")).1.to_owned()
    }
}

#[tokio::test]
async fn a_user_of_the_canary_stays_on_it_and_is_let_go_afterwards() {
    let (world, receiver) = (World::start(20.0, &[]).await, Receiver::start().await);
    // Holds the run at its first weight until the test has seen enough.
    let hold = receiver.hold();
    let analysis = json!({
        "interval": "30s", "threshold": 2, "stepWeights": [40, 60],
        "sessionAffinity": {"cookieName": "side", "primaryCookieName": "kept", "maxAge": 3600, "path": "/"},
        "webhooks": [hold],
    });
    world.release("podinfo", "6.0.0", &analysis).await;
    let (gateway, host) = (world.sandbox.gateway_addr(), host("podinfo"));
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["canaryWeight"] == 40).await;

    // As soon as the gateway obeys, it gives each user a cookie.
    let obeying = async {
        let mut first = Browser::default();
        while first.cookies.is_empty() {
            first.visit(gateway, &host).await;
        }
    };
    timeout(PATIENCE, obeying).await.expect("nobody ever gets a cookie");

    // Users come until some are on either side.
    let (mut canaries, mut primaries) = (Vec::new(), Vec::new());
    while canaries.len() < 2 || primaries.len() < 2 {
        let mut user = Browser::default();
        match user.visit(gateway, &host).await.as_str() {
            "6.0.1" => canaries.push(user),
            _ => primaries.push(user),
        }
    }
    for user in &mut canaries {
        assert!(user.cookies.contains_key("side"), "{:?}", user.cookies);
        for _ in 0..20 {
            assert_eq!(user.visit(gateway, &host).await, "6.0.1");
        }
    }
    for user in &mut primaries {
        assert!(user.cookies.contains_key("kept"), "{:?}", user.cookies);
        for _ in 0..20 {
            assert_eq!(user.visit(gateway, &host).await, "6.0.0");
        }
    }
    let status = world.canary("podinfo", |_| true).await["status"].clone();
    assert_eq!(status["sessionAffinityCookie"], format!("side={}", canaries[0].cookies["side"]));
    assert_eq!(status["primarySessionAffinityCookie"], format!("kept={}", primaries[0].cookies["kept"]));

    receiver.let_go();
    let over = world.canary("podinfo", |canary| canary["status"]["phase"] == "Succeeded").await;
    assert_eq!(over["status"]["sessionAffinityCookie"].as_str(), None);
    assert_eq!(over["status"]["previousSessionAffinityCookie"], format!("side={}", canaries[0].cookies["side"]));
    let forgetting = async {
        while canaries[0].cookies.contains_key("side") {
            canaries[0].visit(gateway, &host).await;
        }
    };
    timeout(PATIENCE, forgetting).await.expect("the cookie is forgotten once there is nothing to stay on");
    world.stop().await;
}
