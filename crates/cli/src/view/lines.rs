//! Plain lines, for pipes and logs.

use std::io::{self, Write};

use super::View;
use super::table::clock;
use crate::demo::News;

/// Writes a line for each thing that happens.
pub(super) struct Lines;

impl View for Lines {
    fn hear(&mut self, news: &News) -> io::Result<()> {
        let Some(line) = line(news) else { return Ok(()) };
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }
}

/// The line for a piece of news, if it is worth one.
pub(super) fn line(news: &News) -> Option<String> {
    match news {
        News::Applied { name } => Some(format!("         applied {name}")),
        News::Event(told) => Some(format!("{:>7}  {:<7}  {}", clock(told.after), told.kind, told.message)),
        News::Step(step) => Some(format!(
            "         measured {:.1} % at weight {} in {} requests",
            step.share, step.weight, step.requests
        )),
        News::Loaded { .. } | News::Status { .. } => None,
    }
}
