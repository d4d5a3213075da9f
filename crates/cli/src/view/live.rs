//! The live view: news scroll by, and below them stands how it is now.

use std::collections::VecDeque;
use std::io::{self, Stdout};
use std::time::Duration;

use ::sandbox::{LoadStats, Served};
use api::{CanaryStatus, Phase};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Widget};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use tokio::sync::broadcast;

use super::View;
use super::table::clock;
use crate::demo::{News, Told};

/// Lines of the part that stands.
const HEIGHT: u16 = 8;

/// Columns of the names, with the space after them.
const NAME_WIDTH: u16 = 12;

/// Requests that the rates are taken over: some two seconds of them.
const RECENT: usize = 800;

/// A terminal with a live part at the bottom.
pub(super) struct Live {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    now: Now,
}

/// How it is now, for the canary that something was heard of last.
#[derive(Default)]
struct Now {
    canary: String,
    status: CanaryStatus,
    top: i32,
    act: String,
    last: Option<Told>,
    requests: Option<broadcast::Receiver<Served>>,
    stats: Option<LoadStats>,
    recent: VecDeque<Served>,
}

impl Live {
    /// Takes the lower end of the terminal.
    pub(super) fn open() -> io::Result<Self> {
        let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT) };
        let terminal = Terminal::with_options(CrosstermBackend::new(io::stdout()), options)?;
        Ok(Self { terminal, now: Now::default() })
    }

    /// A line above the part that stands.
    fn scroll(&mut self, line: Line<'_>) -> io::Result<()> {
        self.terminal.insert_before(1, |buffer| Paragraph::new(line).render(buffer.area, buffer))
    }
}

impl View for Live {
    fn hear(&mut self, news: &News) -> io::Result<()> {
        self.now.hear(news);
        match news {
            News::Applied { name } => self.scroll(Line::from(format!("         applied {name}")).bold()),
            News::Event(told) => {
                let colour = if told.kind == "Normal" { Color::Green } else { Color::Yellow };
                self.scroll(Line::from(vec![
                    Span::from(format!("{:>7}  ", clock(told.after))).dim(),
                    Span::styled(format!("{:<7}  ", told.kind), colour),
                    Span::from(told.message.clone()),
                ]))
            }
            News::Loaded { .. } | News::Status { .. } | News::Step(_) => self.refresh(),
        }
    }

    fn refresh(&mut self) -> io::Result<()> {
        self.now.catch_up();
        let now = &self.now;
        self.terminal.draw(|frame| now.draw(frame)).map(drop)
    }

    fn close(&mut self) -> io::Result<()> {
        self.terminal.clear()?;
        self.terminal.show_cursor()
    }
}

impl Now {
    fn hear(&mut self, news: &News) {
        match news {
            News::Applied { name } => self.act.clone_from(name),
            News::Loaded { canary, stats } => {
                self.canary.clone_from(canary);
                self.requests = Some(stats.subscribe());
                self.stats = Some(stats.clone());
            }
            News::Status { canary, status, top } => {
                self.canary.clone_from(canary);
                self.status = (**status).clone();
                self.top = *top;
            }
            News::Event(told) => self.last = Some(told.clone()),
            News::Step(_) => {}
        }
    }

    /// Takes in the requests since the last picture.
    fn catch_up(&mut self) {
        let Some(requests) = &mut self.requests else { return };
        loop {
            match requests.try_recv() {
                Ok(served) => {
                    if self.recent.len() == RECENT {
                        self.recent.pop_front();
                    }
                    self.recent.push_back(served);
                }
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => return,
            }
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let title = format!(" {} · {} ", or_dash(&self.canary), or_dash(self.status.phase.as_str()));
        let block = Block::bordered().title(title.bold()).title_bottom(Line::from(format!(" {} ", self.act)).dim());
        let inside = block.inner(frame.area());
        frame.render_widget(block, frame.area());
        let rows: [Rect; 6] = Layout::vertical([Constraint::Length(1); 6]).areas(inside);
        let [weight, measured, success, latency, progress, last] = rows;
        let share = f64::from(self.status.canary_weight);
        gauge(frame, weight, "weight", share / 100.0, &format!("{share:.0} %"), Color::Cyan);
        let share = self.share();
        gauge(frame, measured, "measured", share, &format!("{:.1} %", share * 100.0), Color::Blue);
        let rate = self.success();
        let colour = if rate < 0.99 { Color::Red } else { Color::Green };
        gauge(frame, success, "success", rate, &format!("{:.1} %", rate * 100.0), colour);
        let stats = self.stats.as_ref().map(LoadStats::snapshot).unwrap_or_default();
        let p99 = self.p99().map_or("–".to_owned(), |p99| format!("{:.1} ms", p99.as_secs_f64() * 1000.0));
        let line = format!("p99 {p99} · {} requests · {} failed · {} lost", stats.requests, stats.failed, stats.lost);
        text(frame, latency, "latency", line);
        let (done, word) = self.progress();
        gauge(frame, progress, "progress", done, word, Color::Magenta);
        let said = self.last.as_ref().map_or("–", |told| told.message.as_str());
        text(frame, last, "last event", said.to_owned());
    }

    /// The share of the recent answers that came from the canary's pods.
    fn share(&self) -> f64 {
        let target = self.canary.split('.').next().unwrap_or_default();
        let belongs = |pod: &str| pod.rsplitn(3, '-').nth(2) == Some(target);
        let canary = self.recent.iter().filter(|served| served.pod.as_deref().is_some_and(belongs)).count();
        ratio(canary, self.recent.iter().filter(|served| served.pod.is_some()).count(), 0.0)
    }

    fn success(&self) -> f64 {
        let bad = self.recent.iter().filter(|served| served.failed() || served.lost()).count();
        ratio(self.recent.len() - bad, self.recent.len(), 1.0)
    }

    fn p99(&self) -> Option<Duration> {
        let mut times: Vec<Duration> = self.recent.iter().map(|served| served.took).collect();
        times.sort_unstable();
        times.get(times.len().saturating_sub(1) * 99 / 100).copied()
    }

    /// How far the release is, and a word for it.
    fn progress(&self) -> (f64, &'static str) {
        let climbed = f64::from(self.status.canary_weight) / f64::from(self.top.max(1));
        match self.status.phase {
            Phase::New | Phase::Initializing => (0.0, "initializing"),
            Phase::Initialized | Phase::Terminating | Phase::Terminated => (0.0, "waiting for a new version"),
            Phase::Waiting | Phase::WaitingPromotion => (climbed * 0.8, "waiting for approval"),
            Phase::Progressing => (climbed * 0.8, "analysing"),
            Phase::Promoting => (0.85, "promoting"),
            Phase::Finalising => (0.95, "finalising"),
            Phase::Succeeded => (1.0, "promoted"),
            Phase::Failed => (1.0, "rolled back"),
        }
    }
}

/// A name, a bar that is readable without colours, and a value.
fn gauge(frame: &mut Frame<'_>, area: Rect, name: &str, ratio: f64, value: &str, colour: Color) {
    let [name_area, bar_area, value_area] =
        Layout::horizontal([Constraint::Length(NAME_WIDTH), Constraint::Min(10), Constraint::Length(28)]).areas(area);
    frame.render_widget(Paragraph::new(name), name_area);
    let width = usize::from(bar_area.width);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few columns"
    )]
    let filled = ((ratio.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    let bar = Line::from(vec![
        Span::styled("█".repeat(filled), Style::default().fg(colour)),
        Span::styled("░".repeat(width - filled), Style::default().fg(Color::DarkGray)),
    ]);
    frame.render_widget(Paragraph::new(bar), bar_area);
    frame.render_widget(Paragraph::new(format!(" {value}")), value_area);
}

/// A name and a text.
fn text(frame: &mut Frame<'_>, area: Rect, name: &str, text: String) {
    let [name_area, text_area] = Layout::horizontal([Constraint::Length(NAME_WIDTH), Constraint::Min(10)]).areas(area);
    frame.render_widget(Paragraph::new(name), name_area);
    frame.render_widget(Paragraph::new(text), text_area);
}

fn ratio(part: usize, whole: usize, empty: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most RECENT requests")]
    let ratio = if whole == 0 { empty } else { part as f64 / whole as f64 };
    ratio
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}
