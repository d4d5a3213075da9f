//! All series, found by their labels or by the target that exposes them.

use std::collections::{BTreeMap, HashMap};

use promql_parser::label::Matcher;

use crate::exposition::{self, Line, ParseError};
use crate::index::Index;
use crate::labels::{Labels, METRIC_NAME};
use crate::series::Series;
use crate::targets::{Target, TargetStatus};

/// At most so many series are kept: ten times what fifty busy targets expose.
pub const MAX_SERIES: usize = 100_000;

/// A series' number. Numbers are not used again, so a forgotten one finds nothing rather than a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesId(u64);

#[derive(Debug)]
pub(crate) struct Database {
    retention_ms: i64,
    next: u64,
    series: HashMap<SeriesId, Series>,
    by_labels: HashMap<Labels, SeriesId>,
    index: Index,
    targets: HashMap<Labels, Target>,
    swept_at_ms: i64,
}

impl Database {
    pub(crate) fn new(retention_ms: i64) -> Self {
        Self {
            retention_ms,
            next: 0,
            series: HashMap::new(),
            by_labels: HashMap::new(),
            index: Index::default(),
            targets: HashMap::new(),
            swept_at_ms: i64::MIN,
        }
    }

    /// Adds one sample; false when it is late or the database is full.
    pub(crate) fn append(&mut self, labels: Labels, at_ms: i64, value: f64) -> bool {
        self.sweep_when_due(at_ms);
        let Some(id) = self.find_or_add(labels) else { return false };
        self.push(id, at_ms, value)
    }

    /// Adds a scrape, all of it or nothing, and ends the series that the target no longer exposes.
    pub(crate) fn ingest(&mut self, lines: &[Line<'_>], extra: &Labels, at_ms: i64) -> Result<usize, ParseError> {
        self.sweep_when_due(at_ms);
        let known = self.targets.remove(extra);
        let resolved: Result<Vec<SeriesId>, ParseError> =
            lines.iter().map(|line| self.resolve(known.as_ref(), line, extra)).collect();
        let ids = match resolved {
            Ok(ids) => ids,
            Err(error) => {
                self.targets.extend(known.map(|target| (extra.clone(), target)));
                return Err(error);
            }
        };
        let mut target = known.unwrap_or_default();
        let added = self.add_scrape(&mut target, lines, &ids, at_ms);
        self.targets.insert(extra.clone(), target);
        Ok(added)
    }

    /// Ends all series of a target and forgets it.
    pub(crate) fn gone(&mut self, extra: &Labels, at_ms: i64) {
        let Some(target) = self.targets.remove(extra) else { return };
        for id in target.series() {
            self.end(id, at_ms);
        }
    }

    /// The series that all matchers accept, the oldest first: the order in which Prometheus gives them, too.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> impl Iterator<Item = &Series> {
        let mut candidates = self.index.candidates(matchers).unwrap_or_else(|| self.series.keys().copied().collect());
        candidates.sort_unstable();
        let accepted =
            |series: &&Series| matchers.iter().all(|matcher| matcher.is_match(series.labels.get(&matcher.name)));
        candidates.into_iter().filter_map(|id| self.series.get(&id)).filter(accepted)
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = TargetStatus> {
        self.targets.iter().map(|(labels, target)| target.status(labels))
    }

    fn add_scrape(&mut self, target: &mut Target, lines: &[Line<'_>], ids: &[SeriesId], at_ms: i64) -> usize {
        target.begin(at_ms);
        let mut added = 0;
        for (line, id) in lines.iter().zip(ids) {
            added += usize::from(self.push(*id, line.at_ms.unwrap_or(at_ms), line.value));
            target.saw(line.series, *id, line.at_ms.is_some());
        }
        for id in target.finish() {
            self.end(id, at_ms);
        }
        added
    }

    fn resolve(&mut self, target: Option<&Target>, line: &Line<'_>, extra: &Labels) -> Result<SeriesId, ParseError> {
        if let Some(id) = target.and_then(|target| target.known(line.series)).filter(|id| self.series.contains_key(id))
        {
            return Ok(id);
        }
        let exposed =
            exposition::labels(line.series).map_err(|reason| ParseError::Line { line: line.number, reason })?;
        let full = ParseError::TooManySeries { line: line.number, limit: MAX_SERIES };
        self.find_or_add(attached(exposed, extra)).ok_or(full)
    }

    fn find_or_add(&mut self, labels: Labels) -> Option<SeriesId> {
        if let Some(id) = self.by_labels.get(&labels) {
            return Some(*id);
        }
        if MAX_SERIES <= self.series.len() {
            return None;
        }
        let id = SeriesId(self.next);
        self.next += 1;
        self.index.add(id, &labels);
        self.by_labels.insert(labels.clone(), id);
        self.series.insert(id, Series::new(labels));
        Some(id)
    }

    fn push(&mut self, id: SeriesId, at_ms: i64, value: f64) -> bool {
        let retention_ms = self.retention_ms;
        self.series.get_mut(&id).is_some_and(|series| series.push(at_ms, value, retention_ms))
    }

    fn end(&mut self, id: SeriesId, at_ms: i64) {
        let retention_ms = self.retention_ms;
        if let Some(series) = self.series.get_mut(&id) {
            series.end(at_ms, retention_ms);
        }
    }

    /// Forgets series without a sample in the retention. Four times in a retention is often enough to stay small and
    /// seldom enough to cost nothing.
    fn sweep_when_due(&mut self, now_ms: i64) {
        if now_ms < self.swept_at_ms.saturating_add(self.retention_ms / 4) {
            return;
        }
        self.swept_at_ms = now_ms;
        let oldest = now_ms.saturating_sub(self.retention_ms);
        self.series.retain(|_, series| series.newest().is_some_and(|(at, _)| oldest <= at));
        self.by_labels.retain(|_, id| self.series.contains_key(id));
        self.index.retain(|id| self.series.contains_key(&id));
        self.targets.retain(|_, target| oldest <= target.scraped_at_ms);
    }
}

/// The labels of an exposed series with those of its target. The target's win; the exposed label of the same name is
/// kept as `exported_<name>`, as Prometheus does with `honor_labels: false`.
fn attached(exposed: Vec<(String, String)>, extra: &Labels) -> Labels {
    let mut labels: BTreeMap<String, String> = extra.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let (conflicting, free): (Vec<_>, Vec<_>) =
        exposed.into_iter().partition(|(name, _)| !extra.get(name).is_empty() && name != METRIC_NAME);
    labels.extend(free);
    for (mut name, value) in conflicting.into_iter().filter(|(_, value)| !value.is_empty()) {
        while labels.contains_key(&name) {
            name.insert_str(0, "exported_");
        }
        labels.insert(name, value);
    }
    Labels::new(labels)
}
