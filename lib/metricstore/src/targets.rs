//! What a scraped target exposed the last time, so that the next scrape is cheap and vanished series are noticed.

use std::collections::HashMap;

use crate::database::SeriesId;
use crate::labels::Labels;

/// A target as `/api/v1/targets` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetStatus {
    /// The labels that the target was ingested with.
    pub labels: Labels,
    /// When it was last scraped.
    pub scraped_at_ms: i64,
    /// How many series it exposed then.
    pub series: usize,
}

/// The memory of one target's scrapes.
#[derive(Debug, Default)]
pub(crate) struct Target {
    exposed: HashMap<Box<str>, Exposed>,
    scrapes: u64,
    pub(crate) scraped_at_ms: i64,
}

#[derive(Debug)]
struct Exposed {
    series: SeriesId,
    scrape: u64,
    /// A series with timestamps of its own is not ended by its absence: its target decides about its time.
    own_time: bool,
}

impl Target {
    /// A new scrape starts.
    pub(crate) fn begin(&mut self, at_ms: i64) {
        self.scrapes += 1;
        self.scraped_at_ms = at_ms;
    }

    /// The series that this text stood for in the last scrape.
    pub(crate) fn known(&self, text: &str) -> Option<SeriesId> {
        self.exposed.get(text).map(|exposed| exposed.series)
    }

    /// The current scrape contains a series.
    pub(crate) fn saw(&mut self, text: &str, series: SeriesId, own_time: bool) {
        let exposed = Exposed { series, scrape: self.scrapes, own_time };
        match self.exposed.get_mut(text) {
            Some(known) => *known = exposed,
            None => drop(self.exposed.insert(text.into(), exposed)),
        }
    }

    /// The scrape is complete: forgets what it no longer contains, and answers with the series that ended so.
    pub(crate) fn finish(&mut self) -> Vec<SeriesId> {
        let current = self.scrapes;
        let gone = self.exposed.extract_if(|_, exposed| exposed.scrape != current);
        gone.filter(|(_, exposed)| !exposed.own_time).map(|(_, exposed)| exposed.series).collect()
    }

    /// Every series that ends when the target itself is gone.
    pub(crate) fn series(&self) -> impl Iterator<Item = SeriesId> {
        self.exposed.values().filter(|exposed| !exposed.own_time).map(|exposed| exposed.series)
    }

    pub(crate) fn status(&self, labels: &Labels) -> TargetStatus {
        TargetStatus { labels: labels.clone(), scraped_at_ms: self.scraped_at_ms, series: self.exposed.len() }
    }
}
