//! Signals, sent to this very process.

use std::process::{Command, id};

use flagger_operator::shutdown::{IMPATIENT, Signals};
use tokio_util::sync::CancellationToken;

fn send(signal: &str) {
    assert!(Command::new("sh").args(["-c", &format!("kill -{signal} {}", id())]).status().unwrap().success());
}

#[tokio::test]
async fn the_first_signal_asks_for_the_end_and_the_second_demands_it() {
    let token = CancellationToken::new();
    let signals = Signals::install().unwrap();
    let governed = tokio::spawn({
        let token = token.clone();
        async move { signals.govern(&token).await }
    });
    send("TERM");
    token.cancelled().await;
    assert!(!governed.is_finished());
    send("INT");
    assert_eq!(governed.await.unwrap(), IMPATIENT);
}
