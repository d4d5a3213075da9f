//! One object a line, for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::View;
use crate::demo::{News, Summary};

/// Writes steps and events as they come.
pub(super) struct Json;

impl View for Json {
    fn hear(&mut self, news: &News) -> io::Result<()> {
        let object = match news {
            News::Step(step) => json!({
                "kind": "step",
                "canary": step.canary,
                "release": step.release,
                "weight": step.weight,
                "measured": (step.share * 100.0).round() / 100.0,
                "requests": step.requests,
                "failed": step.failed,
                "lost": step.lost,
            }),
            News::Event(told) => json!({
                "kind": "event",
                "canary": told.canary,
                "type": told.kind,
                "reason": told.reason,
                "message": told.message,
                "after": told.after.as_secs(),
            }),
            News::Applied { .. } | News::Loaded { .. } | News::Status { .. } => return Ok(()),
        };
        write(&mut io::stdout().lock(), &object)
    }
}

/// The last line.
pub(super) fn summary(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let object = json!({
        "kind": "summary",
        "promoted": summary.promoted,
        "rolledBack": summary.rolled_back,
        "requests": summary.requests,
        "failed": summary.failed,
        "lost": summary.lost,
    });
    write(out, &object)
}

fn write(out: &mut impl Write, object: &Value) -> io::Result<()> {
    writeln!(out, "{object}")?;
    out.flush()
}
