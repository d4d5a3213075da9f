//! One log line: its fields, and how they are written.

use std::error::Error;
use std::fmt::{Debug, Write};

use jiff::Timestamp;
use serde_json::Value;
use tracing::field::{Field, Visit};

use super::Encoding;

/// The longest text of one field; the rest is cut off, so that no answer of a server fills the log.
const FIELD_MAX: usize = 8 * 1024;

/// The longest chain of causes that is printed.
const CAUSES_MAX: usize = 16;

/// The fields of an event or a span, in the order in which they were given.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Adds the fields of an enclosing span, unless there is one of the same name here.
    pub(super) fn inherit(&mut self, outer: &Self) {
        for (name, value) in &outer.others {
            if !self.others.iter().any(|(known, _)| known == name) {
                self.others.push((name, value.clone()));
            }
        }
    }

    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.others.retain(|(name, _)| *name != field.name());
            self.others.push((field.name(), value));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, text(value.to_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let causes: Vec<_> = std::iter::successors(Some(value), |&error| error.source())
            .take(CAUSES_MAX)
            .map(ToString::to_string)
            .collect();
        self.put(field, text(causes.join(": ")));
    }
}

fn text(mut text: String) -> Value {
    if FIELD_MAX < text.len() {
        let end = (0..=FIELD_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    Value::String(text)
}

/// The facts of one line.
pub(super) struct Line<'a> {
    pub(super) at: Timestamp,
    pub(super) level: &'static str,
    /// Source file and line number, where known.
    pub(super) caller: Option<(&'a str, u32)>,
    pub(super) fields: &'a Fields,
}

impl Line<'_> {
    /// The line with its line break.
    pub(super) fn write(&self, encoding: Encoding) -> String {
        match encoding {
            Encoding::Json => self.json(),
            Encoding::Console => self.console(),
        }
    }

    fn json(&self) -> String {
        let mut line = format!(r#"{{"ts":"{:.3}","level":"{}""#, self.at, self.level);
        if let Some((file, number)) = self.caller {
            push(&mut line, "caller", &Value::String(format!("{}:{number}", short(file))));
        }
        push(&mut line, "msg", &Value::String(self.fields.message.clone()));
        for (name, value) in &self.fields.others {
            push(&mut line, name, value);
        }
        line.push_str("}\n");
        line
    }

    fn console(&self) -> String {
        let mut line = format!("{:.3}\t{}\t", self.at, self.level);
        if let Some((file, number)) = self.caller {
            let _ = write!(line, "{}:{number}\t", short(file));
        }
        line.push_str(&self.fields.message.replace(['\n', '\r'], " "));
        if !self.fields.others.is_empty() {
            line.push_str("\t{");
            for (at, (name, value)) in self.fields.others.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                let _ = write!(line, "{comma}{}: {value}", Value::from(*name));
            }
            line.push('}');
        }
        line.push('\n');
        line
    }
}

fn push(line: &mut String, name: &str, value: &Value) {
    // Writing to a `String` can't fail.
    let _ = write!(line, ",{}:{value}", Value::from(name));
}

/// The last folder and the file, as the original shows callers.
fn short(file: &str) -> &str {
    let start = file.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
    file.get(start..).unwrap_or(file)
}
