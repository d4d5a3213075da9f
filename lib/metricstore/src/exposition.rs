//! Prometheus' text exposition format: what a target's `/metrics` answers.
//!
//! Reading happens in two steps, because a store sees the same few series again and again: [`lines`] splits a scrape
//! into series texts and values without looking into the labels, [`labels`] reads one series text.

use crate::labels::{METRIC_NAME, is_label_name};
use crate::numbers;

/// Why a scrape was refused; nothing of it is stored then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A line is not in the text format.
    #[error("failed to read line {line} of the exposition: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The store would exceed its bound.
    #[error("failed to add the series of line {line}: the store holds {limit} series already")]
    TooManySeries {
        /// Counted from 1.
        line: usize,
        /// [`MAX_SERIES`](crate::MAX_SERIES).
        limit: usize,
    },
}

/// One sample of a scrape.
#[derive(Debug, PartialEq)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: usize,
    /// The metric name and labels as they were written.
    pub(crate) series: &'a str,
    pub(crate) value: f64,
    /// The target's own timestamp, which few targets send.
    pub(crate) at_ms: Option<i64>,
}

/// The samples of a scrape; comments, `# HELP` and `# TYPE` are passed over.
pub(crate) fn lines(text: &str) -> Result<Vec<Line<'_>>, ParseError> {
    let mut samples = Vec::new();
    for (position, text) in text.lines().enumerate() {
        let text = text.trim_matches(is_blank);
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let number = position + 1;
        samples.push(sample(number, text).map_err(|reason| ParseError::Line { line: number, reason })?);
    }
    Ok(samples)
}

fn sample(number: usize, text: &str) -> Result<Line<'_>, &'static str> {
    let (series, rest) = text.split_at(series_end(text)?);
    let mut words = rest.split(is_blank).filter(|word| !word.is_empty());
    let value = words.next().ok_or("expected a value")?;
    let value = numbers::parse(value).ok_or("the value is not a number")?;
    let at_ms = words.next().map(str::parse).transpose().map_err(|_| "the timestamp is not in milliseconds")?;
    match words.next() {
        None => Ok(Line { number, series: series.trim_end_matches(is_blank), value, at_ms }),
        Some(_) => Err("unexpected text after the sample"),
    }
}

/// Where the metric name and its labels end.
fn series_end(text: &str) -> Result<usize, &'static str> {
    let name_end = text.find(|c| is_blank(c) || c == '{').ok_or("expected a value")?;
    let (name, rest) = text.split_at(name_end);
    let inner = rest.trim_start_matches(is_blank);
    if !inner.starts_with('{') {
        return Ok(name.len());
    }
    let labels_start = text.len() - inner.len();
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Ok(labels_start + at + 1),
            _ => {}
        }
    }
    Err("the labels are not closed")
}

/// The labels of one series text, the metric name among them.
pub(crate) fn labels(series: &str) -> Result<Vec<(String, String)>, &'static str> {
    let (name, list) = match series.split_once('{') {
        None => (series, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').ok_or("the labels are not closed")?),
    };
    let name = name.trim_end_matches(is_blank);
    if !is_metric_name(name) {
        return Err("invalid metric name");
    }
    let mut labels = vec![(METRIC_NAME.to_owned(), name.to_owned())];
    let mut rest = list.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let (label, value, after) = label(rest)?;
        if labels.iter().any(|(known, _)| known == label) {
            return Err("a label is written twice");
        }
        labels.push((label.to_owned(), value));
        rest = after;
    }
    Ok(labels)
}

/// One `name="value"` and what follows it and its comma.
fn label(text: &str) -> Result<(&str, String, &str), &'static str> {
    let (name, rest) = text.split_once('=').ok_or("expected = after a label's name")?;
    let name = name.trim_end_matches(is_blank);
    if !is_label_name(name) {
        return Err("invalid label name");
    }
    let quoted = rest.trim_start_matches(is_blank).strip_prefix('"').ok_or("a label's value must be quoted")?;
    let (value, rest) = unquoted(quoted)?;
    let rest = rest.trim_start_matches(is_blank);
    match rest.strip_prefix(',') {
        Some(rest) => Ok((name, value, rest.trim_start_matches(is_blank))),
        None if rest.is_empty() => Ok((name, value, rest)),
        None => Err("expected a comma between labels"),
    }
}

/// A label value up to its closing quote, and what follows it.
fn unquoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                // Prometheus keeps the backslash of an escape it doesn't know.
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("a label's value is not closed")
}

fn is_metric_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

#[cfg(test)]
mod tests {
    use super::{ParseError, labels, lines};

    #[track_caller]
    fn check(text: &str, expected: &[(&str, f64, Option<i64>)]) {
        let read = lines(text).unwrap();
        let read: Vec<_> = read.iter().map(|line| (line.series, line.value, line.at_ms)).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_scrape_is_read_line_by_line() {
        check("# HELP up Is it up?\n# TYPE up gauge\n\nup 1\n", &[("up", 1.0, None)]);
        check("a{b=\"}\\\"\",} 2.5e-3 1435781451781", &[("a{b=\"}\\\"\",}", 0.0025, Some(1_435_781_451_781))]);
        check("\ta {b=\"c\"}\t-Inf \r\n", &[("a {b=\"c\"}", f64::NEG_INFINITY, None)]);
    }

    #[test]
    fn labels_are_unescaped() {
        let read = labels(r#"a { b = "x\"\\\n\d" , c="" , }"#).unwrap();
        let expected = [("__name__", "a"), ("b", "x\"\\\n\\d"), ("c", "")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, reason) in [
            ("up", "expected a value"),
            ("up{", "the labels are not closed"),
            ("up one", "the value is not a number"),
            ("up 1 soon", "the timestamp is not in milliseconds"),
            ("up 1 2 3", "unexpected text after the sample"),
        ] {
            let text = format!("fine 1\n{text}");
            assert_eq!(lines(&text), Err(ParseError::Line { line: 2, reason }), "{text}");
        }
        for (series, reason) in [
            ("1up", "invalid metric name"),
            ("up{=\"x\"}", "invalid label name"),
            ("up{a}", "expected = after a label's name"),
            ("up{a=b}", "a label's value must be quoted"),
            ("up{a=\"b\" c=\"d\"}", "expected a comma between labels"),
            ("up{a=\"b\",a=\"c\"}", "a label is written twice"),
        ] {
            assert_eq!(labels(series), Err(reason), "{series}");
        }
    }
}
