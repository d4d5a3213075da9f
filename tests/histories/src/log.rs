//! What the operator says of itself: lines of the trace, and the complaints that must never be heard.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::scene::Scene;

/// What the operator says about itself when its own checker, or its own code, found it wrong.
const COMPLAINTS: [&str; 2] = ["a look broke a rule", "a look at the canary broke off"];

/// Hears what is logged on this thread.
pub(crate) struct Ear {
    pub(crate) scene: Scene,
    pub(crate) level: Level,
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && metadata.target().starts_with("flagger_operator")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let Line { message, fields } = line;
        self.scene.say(format_args!("log        {}: {message}{fields}", event.metadata().level()));
        if COMPLAINTS.contains(&message.as_str()) {
            self.scene.judge(|judge, _| judge.report(format_args!("{message}:{fields}")));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a `String` can't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // Drawn anew by every process, and so no part of what a seed plays.
            "holder" => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
