//! The handle that scrapers, queries and servers share.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::database::Database;
use crate::exposition::{self, ParseError};
use crate::labels::Labels;
use crate::promql::{self, QueryError, QueryValue};
use crate::targets::TargetStatus;

/// Series in memory. Clones are handles to the same store.
///
/// *Guarantees:* a scrape is stored as a whole or not at all; a query sees each scrape as a whole or not at all.
/// Timestamps come from the caller, so the store's time may run at any pace, as long as it runs forward.
#[derive(Debug, Clone)]
pub struct Store {
    database: Arc<RwLock<Database>>,
}

impl Store {
    /// An empty store that forgets samples older than `retention`, and a series whose newest sample is as old as that.
    ///
    /// A series never has more than [`MAX_SAMPLES_PER_SERIES`](crate::MAX_SAMPLES_PER_SERIES) samples, nor the store
    /// more than [`MAX_SERIES`](crate::MAX_SERIES) series.
    pub fn new(retention: Duration) -> Self {
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        Self { database: Arc::new(RwLock::new(Database::new(retention_ms))) }
    }

    /// Adds one sample. It is dropped when it is not newer than the series' last one, or when the store is full.
    pub fn append(&self, labels: Labels, at_ms: i64, value: f64) {
        self.write().append(labels, at_ms, value);
    }

    /// Adds one scrape in Prometheus' text format, and answers how many samples it added.
    ///
    /// `extra` are the target's labels (`job`, `instance`, …) and tell targets apart. An exposed label of the same name
    /// becomes `exported_<name>`. A series that this target exposed in its last scrape but no longer does, ends.
    pub fn ingest(&self, text: &str, extra: &[(String, String)], at_ms: i64) -> Result<usize, ParseError> {
        let lines = exposition::lines(text)?;
        self.write().ingest(&lines, &Labels::new(extra.iter().cloned()), at_ms)
    }

    /// The target with these labels has vanished: all its series end.
    pub fn gone(&self, extra: &[(String, String)], at_ms: i64) {
        self.write().gone(&Labels::new(extra.iter().cloned()), at_ms);
    }

    /// The answer to a PromQL query at one moment.
    pub fn query(&self, promql: &str, at_ms: i64) -> Result<QueryValue, QueryError> {
        promql::prepare(promql, at_ms, at_ms, || self.read())?.instant()
    }

    /// The answers to a PromQL query from `start_ms` up to and including `end_ms`: always a
    /// [`QueryValue::Matrix`], of at most 11 001 points a series.
    pub fn query_range(
        &self,
        promql: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    ) -> Result<QueryValue, QueryError> {
        promql::check_steps(start_ms, end_ms, step_ms)?;
        promql::prepare(promql, start_ms, end_ms, || self.read())?.stepped(step_ms)
    }

    /// The labels of the series that any of the selectors accepts and that have samples from `start_ms` up to and
    /// including `end_ms`, sorted. Without a selector every series is accepted.
    pub fn series(&self, selectors: &[String], start_ms: i64, end_ms: i64) -> Result<Vec<Labels>, QueryError> {
        let mut selectors = selectors.iter().map(|text| promql::selector(text)).collect::<Result<Vec<_>, _>>()?;
        if selectors.is_empty() {
            selectors.push(Vec::new());
        }
        let database = self.read();
        let selected = selectors.iter().flat_map(|matchers| database.select(matchers));
        let mut labels: Vec<Labels> = selected
            .filter(|series| series.window(start_ms.saturating_sub(1), end_ms).next().is_some())
            .map(|series| series.labels.clone())
            .collect();
        labels.sort();
        labels.dedup();
        Ok(labels)
    }

    /// The targets that are being scraped, sorted by their labels.
    pub fn targets(&self) -> Vec<TargetStatus> {
        let mut targets: Vec<TargetStatus> = self.read().targets().collect();
        targets.sort_by(|left, right| left.labels.cmp(&right.labels));
        targets
    }

    /// Whoever panicked while holding the lock left at worst one sample unwritten, so the data is good to use.
    fn read(&self) -> RwLockReadGuard<'_, Database> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Database> {
        self.database.write().unwrap_or_else(PoisonError::into_inner)
    }
}
