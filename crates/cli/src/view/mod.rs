//! Showing what happens, in the form that whoever reads it wants: live on a terminal, plain lines in a pipe, objects for
//! programs, nothing at all.
//!
//! What is data goes to stdout. Colours only mark what is readable without them.

mod json;
mod lines;
mod live;
mod table;

use std::io::{self, IsTerminal};
use std::time::Duration;

use ::sandbox::Sandbox;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::demo::{News, Step, Summary, Told};

/// Pictures a second of the live view.
const REFRESH: Duration = Duration::from_millis(125);

/// What was shown and will be summed up.
#[derive(Debug, Default)]
pub(crate) struct Record {
    steps: Vec<Step>,
    events: Vec<Told>,
}

/// One way to show what happens.
pub(crate) trait View: Send {
    /// Something happened.
    fn hear(&mut self, news: &News) -> io::Result<()>;

    /// Some time passed.
    fn refresh(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Nothing more happens.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Which view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Nothing before the end.
    Quiet { json: bool },
    /// One object a line.
    Json,
    /// Text; live where there is a terminal and nothing else writes to it.
    Text { live: bool },
}

impl Style {
    /// The same without a live part.
    pub(crate) fn plain(self) -> Self {
        match self {
            Self::Text { .. } => Self::Text { live: false },
            other => other,
        }
    }
}

/// Nothing before the end.
struct Silence;

impl View for Silence {
    fn hear(&mut self, _: &News) -> io::Result<()> {
        Ok(())
    }
}

/// Shows the news until there are no more.
pub(crate) async fn show(style: Style, mut news: mpsc::UnboundedReceiver<News>) -> Record {
    let mut view = choose(style);
    let mut record = Record::default();
    let mut pictures = tokio::time::interval(REFRESH);
    pictures.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let shown = tokio::select! {
            heard = news.recv() => match heard {
                Some(news) => {
                    record.note(&news);
                    view.hear(&news)
                }
                None => break,
            },
            _ = pictures.tick() => view.refresh(),
        };
        if shown.is_err() {
            // Whoever was reading is gone; the play goes on for its result.
            view = Box::new(Silence);
        }
    }
    // As above.
    let _ = view.close();
    record
}

/// The end: what was configured and measured, what was said, how many requests there were.
pub(crate) fn conclude(style: Style, record: &Record, summary: &Summary) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match style {
        Style::Json | Style::Quiet { json: true } => json::summary(&mut out, summary),
        Style::Quiet { json: false } => table::summary(&mut out, summary),
        Style::Text { .. } => {
            table::steps(&mut out, &record.steps)?;
            table::events(&mut out, &record.events)?;
            table::summary(&mut out, summary)
        }
    }
}

/// Where everything is, for programs that want to join in.
pub(crate) fn open(sandbox: &Sandbox) -> io::Result<()> {
    json::doors(&mut io::stdout().lock(), sandbox)
}

/// Where everything is, for people who want to join in.
pub(crate) fn doors(sandbox: &Sandbox) -> String {
    let kubeconfig = sandbox.kubeconfig_file().map(|path| path.display().to_string()).unwrap_or_default();
    format!("kubeconfig  {kubeconfig}\ngateway     {}\nprometheus  {}\n", sandbox.gateway_url(), sandbox.metrics_url())
}

impl Record {
    fn note(&mut self, news: &News) {
        match news {
            News::Step(step) => self.steps.push(step.clone()),
            News::Event(told) => self.events.push(told.clone()),
            News::Applied { .. } | News::Loaded { .. } | News::Status { .. } => {}
        }
    }
}

fn choose(style: Style) -> Box<dyn View> {
    match style {
        Style::Quiet { .. } => Box::new(Silence),
        Style::Json => Box::new(json::Json),
        Style::Text { live: true } if io::stdout().is_terminal() => match live::Live::open() {
            Ok(live) => Box::new(live),
            Err(_) => Box::new(lines::Lines),
        },
        Style::Text { .. } => Box::new(lines::Lines),
    }
}
