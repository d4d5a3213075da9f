//! A Prometheus that always gives the same answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::Uri;
use tokio::net::TcpListener;

/// Answers every query with one number, which a test may change.
pub(crate) struct Prometheus {
    pub(crate) url: String,
    answer: Arc<AtomicU32>,
}

impl Prometheus {
    /// Answers with 100: all is well.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(AtomicU32::new(100));
        let told = Arc::clone(&answer);
        let handler = move |uri: Uri| {
            // This one asks whether anybody is there.
            let asks_for_one = uri.query().is_some_and(|query| query.contains("vector%281%29"));
            let value = if asks_for_one { 1 } else { told.load(Ordering::Relaxed) };
            let body = format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[0,"{value}"]}}]}}}}"#
            );
            async move { body }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, answer }
    }

    pub(crate) fn answer(&self, value: u32) {
        self.answer.store(value, Ordering::Relaxed);
    }
}
