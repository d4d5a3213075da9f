//! From `tracing` events to lines on stderr.

mod level;
mod line;
mod sampler;

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use self::line::{Fields, Line};
use self::sampler::Sampler;

pub use self::level::{Encoding, FATAL, Level};

/// Logging is set up already.
#[derive(Debug, thiserror::Error)]
#[error("failed to set up logging")]
pub struct InstallError(#[source] tracing::subscriber::SetGlobalDefaultError);

/// Sends every event of the process to stderr from now on.
pub fn install(level: Level, encoding: Encoding) -> Result<(), InstallError> {
    let log = Log::new(level, encoding, std::io::stderr());
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log)).map_err(InstallError)
}

/// A `tracing` layer that writes one line for each event.
///
/// Fields of the spans around an event become fields of its line, so that `canary` needs to be said only once.
pub struct Log {
    level: Level,
    encoding: Encoding,
    sampler: Sampler,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Log {
    /// A layer that writes to `out`.
    pub fn new(level: Level, encoding: Encoding, out: impl Write + Send + 'static) -> Self {
        Self { level, encoding, sampler: Sampler::new(), out: Mutex::new(Box::new(out)) }
    }

    /// Our own crates log at the chosen level, other libraries only warnings.
    ///
    /// Kubernetes' library does not log at all: it prints whole answers, Secrets included, and every failure comes back to us
    /// as an error anyway.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        if target == FATAL {
            return true;
        }
        let ours = is_ours(metadata);
        let quiet = target.starts_with("kube") || self.level == Level::Fatal;
        !quiet && *metadata.level() <= self.level.filter() && (ours || *metadata.level() <= tracing::Level::WARN)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        if metadata.is_span() { is_ours(metadata) } else { self.wants(metadata) }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in cx.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.inherit(outer);
            }
        }
        let (metadata, at) = (event.metadata(), Timestamp::now());
        let level = word(metadata);
        if !self.sampler.admits(level, fields.message(), at.as_second()) {
            return;
        }
        let line = Line { at, level, caller: metadata.file().zip(metadata.line()), fields: &fields };
        let line = line.write(self.encoding);
        // Nobody is left to tell when stderr is gone.
        let _ = self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("flagger")
}

fn word(metadata: &Metadata<'_>) -> &'static str {
    if metadata.target() == FATAL {
        return "fatal";
    }
    match *metadata.level() {
        tracing::Level::ERROR => "error",
        tracing::Level::WARN => "warn",
        tracing::Level::INFO => "info",
        _ => "debug",
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written while `act` runs.
    fn written(level: Level, encoding: Encoding, act: impl FnOnce()) -> String {
        let paper = Paper::default();
        let log = tracing_subscriber::registry().with(Log::new(level, encoding, paper.clone()));
        tracing::subscriber::with_default(log, act);
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("failed to open")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_line_is_json_with_the_fields_of_the_spans_around_it() {
        let text = written(Level::Info, Encoding::Json, || {
            let span = tracing::info_span!("tick", canary = "podinfo.test");
            let _inside = span.enter();
            let error = Outer(io::Error::other("no \"key\""));
            tracing::info!(weight = 10, error = &error as &dyn std::error::Error, "advanced");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "info");
        assert_eq!(line["msg"], "advanced");
        assert_eq!(line["canary"], "podinfo.test");
        assert_eq!(line["weight"], 10);
        assert_eq!(line["error"], "failed to open: no \"key\"");
        assert!(line["caller"].as_str().unwrap().starts_with("log/mod.rs:"), "{line}");
        let at: Timestamp = line["ts"].as_str().unwrap().parse().unwrap();
        assert!(at <= Timestamp::now());
        assert_eq!(line["ts"].as_str().unwrap().len(), "2020-01-31T10:00:00.000Z".len());
    }

    #[test]
    fn the_console_has_columns() {
        let text = written(Level::Debug, Encoding::Console, || tracing::debug!(canary = "a.b", "two\nlines"));
        let columns: Vec<_> = text.trim_end().split('\t').collect();
        assert!(matches!(&columns[..], [_, "debug", _, "two lines", r#"{"canary": "a.b"}"#]), "{columns:?}");
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn only_what_is_asked_for_is_written() {
        let all = || {
            tracing::debug!("debug");
            tracing::info!("info");
            tracing::warn!("warn");
            tracing::error!("error");
            tracing::error!(target: FATAL, "fatal");
            tracing::error!(target: "kube_client::client", "secrets");
            tracing::info!(target: "hyper", "details");
        };
        let ladder = ["debug", "info", "warn", "error", "fatal"];
        let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal];
        for (first, level) in levels.into_iter().enumerate() {
            let text = written(level, Encoding::Json, all);
            let got: Vec<_> =
                text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
            let got: Vec<_> = got.iter().map(|line| line["msg"].as_str().unwrap()).collect();
            assert_eq!(got, ladder[first..], "{level:?}");
        }
    }
}
