//! Tasks: what a webhook can have done, by the type that its metadata names.
//!
//! A command is untrusted input. It runs without a shell unless its type is `bash`, in a process group of its own that ends
//! with it, with a few environment variables, no input, and bounds on time and output; [`Policy`] can say which programs there
//! are at all.
//!
//! Start reading at [`Task::read`].

mod child;
mod concord;
mod line;
mod ngrinder;
mod remote;
mod runner;
mod verify;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use self::concord::Concord;
use self::line::Line;
use self::ngrinder::Ngrinder;
use self::verify::Verify;
use crate::caller::Refusal;
use crate::load::{self, Plan};
use crate::metrics::Metrics;
use crate::world::World;

pub(crate) use self::runner::{Queued, Runner};

/// Metadata of a webhook.
pub(crate) type Metadata = BTreeMap<String, String>;

/// What commands may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The programs that may run; all when there are none here.
    pub(crate) allowed: Vec<String>,
    /// Environment variables that they get besides the usual ones; `*` for all.
    pub(crate) env: Vec<String>,
    /// Which of them are run at all.
    pub(crate) commands: Commands,
}

/// Which commands are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Commands {
    /// All; load of a tool that is not installed is made here.
    #[default]
    All,
    /// All but those that make load, whose tools do not find the names of a played cluster: their load is made here.
    AllButLoad,
    /// None, and nothing else that reaches out of a played container: what a manifest asks for is not to happen on somebody's
    /// machine unasked. Load is made here.
    None,
}

/// One task, understood and allowed.
#[derive(Debug)]
pub(crate) struct Task {
    /// Its type.
    pub(crate) kind: &'static str,
    /// What tells it from other tasks of its canary.
    pub(crate) text: String,
    /// Whether the webhook waits for its end.
    pub(crate) blocks: bool,
    /// What the webhook is told at once.
    pub(crate) note: Option<String>,
    work: Work,
}

/// What is to be done.
#[derive(Debug)]
enum Work {
    Line(Line),
    Concord(Concord),
    Ngrinder(Ngrinder),
    Load(Plan),
    Verify(Verify),
}

/// What a task needs of the world.
pub(crate) struct Surroundings<'a> {
    pub(crate) policy: &'a Policy,
    /// How long it may take.
    pub(crate) timeout: Duration,
    pub(crate) world: &'a World,
    pub(crate) metrics: &'a Metrics,
}

/// Why a task failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It could not be done.
    Fault(String),
    /// It was done, and what was found is not good enough.
    Verdict(String),
}

impl Task {
    /// The task that the metadata describes.
    pub(crate) fn read(metadata: &Metadata, policy: &Policy) -> Result<Self, Refusal> {
        if metadata.is_empty() {
            return Err(Refusal::bad_request("metadata not found in payload"));
        }
        let task = Self::parse(metadata, policy)?;
        match task.reaches_out() {
            Some(how) if policy.commands == Commands::None => Err(Refusal::forbidden(format!(
                "a task of type {} {how}, which `flagger sandbox` lets a load tester do only with --commands; without it \
                 there are the types http and verify, and load by command lines of hey, fortio and wrk",
                task.kind
            ))),
            _ => Ok(task),
        }
    }

    fn parse(metadata: &Metadata, policy: &Policy) -> Result<Self, Refusal> {
        match metadata.get("type").map_or("cmd", String::as_str) {
            "cmd" => line::cmd(metadata, policy),
            "bash" => line::bash(metadata, policy),
            "helm" => line::tool("helm", "helm", metadata, policy),
            "helmv3" => line::tool("helmv3", "helm", metadata, policy),
            "kubectl" => line::tool("kubectl", "kubectl", metadata, policy),
            "concord" => concord::read(metadata),
            "ngrinder" => ngrinder::read(metadata),
            "verify" => verify::read(metadata),
            kind @ ("http" | "grpc") => {
                let plan = load::read(kind, metadata).map_err(Refusal::bad_request)?;
                let text = plan.to_string();
                Ok(Self::load(plan, text, None))
            }
            unknown => Err(Refusal::bad_request(format!("unknown task type {unknown}"))),
        }
    }

    /// How it leaves a container that is played, if it does.
    fn reaches_out(&self) -> Option<&'static str> {
        match &self.work {
            Work::Line(_) => Some("starts a program of this machine"),
            Work::Concord(_) | Work::Ngrinder(_) => Some("asks a server outside of the cluster"),
            Work::Load(plan) => {
                (!plan.takes_proxies()).then_some("finds no names of the cluster, only those of this machine")
            }
            Work::Verify(_) => None,
        }
    }

    /// Does it; what there is to say at the end.
    pub(crate) async fn run(&self, surroundings: &Surroundings<'_>) -> Result<String, Failure> {
        match &self.work {
            Work::Line(line) => line.run(surroundings).await.map_err(Failure::Fault),
            Work::Concord(concord) => concord.run().await.map_err(Failure::Fault),
            Work::Ngrinder(ngrinder) => ngrinder.run(surroundings.timeout).await.map_err(Failure::Fault),
            Work::Load(plan) => make(plan, surroundings).await,
            Work::Verify(verify) => verify.run(surroundings).await,
        }
    }

    fn load(plan: Plan, text: String, note: Option<String>) -> Self {
        Self { kind: plan.kind(), text, blocks: plan.blocks(), note, work: Work::Load(plan) }
    }
}

/// Makes load; its report.
async fn make(plan: &Plan, surroundings: &Surroundings<'_>) -> Result<String, Failure> {
    let report = load::run(plan, surroundings.timeout, surroundings.world).await;
    surroundings.metrics.load(plan.kind(), report.succeeded(), report.failed());
    match report.verdict(&plan.thresholds) {
        Ok(()) => Ok(report.to_string()),
        Err(reason) => Err(Failure::Verdict(format!("{reason}\n{report}"))),
    }
}

impl Failure {
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Fault(reason) | Self::Verdict(reason) => reason,
        }
    }
}

/// The value of a key, as the original asks for it.
fn required<'a>(metadata: &'a Metadata, key: &str) -> Result<&'a str, Refusal> {
    let value = metadata.get(key).filter(|value| !value.trim().is_empty());
    value.map(String::as_str).ok_or_else(|| Refusal::bad_request(format!("{key} not found in metadata")))
}

/// A duration above zero, or what holds without one.
fn duration(metadata: &Metadata, key: &str, default: Duration) -> Result<Duration, Refusal> {
    let Some(text) = metadata.get(key) else { return Ok(default) };
    let read = ::api::duration::parse(text).ok().filter(|duration| !duration.is_zero());
    read.ok_or_else(|| {
        Refusal::bad_request(format!("{key} {text:?} in metadata is not a duration above 0, such as 5s"))
    })
}

/// The same, where a bare number is one of seconds.
fn seconds(metadata: &Metadata, key: &str, default: Duration) -> Result<Duration, Refusal> {
    match metadata.get(key).map(|text| text.parse()) {
        Some(Ok(secs @ 1..)) => Ok(Duration::from_secs(secs)),
        _ => duration(metadata, key, default),
    }
}

/// A yes or no; no without one.
fn boolean(metadata: &Metadata, key: &str) -> Result<bool, Refusal> {
    let Some(text) = metadata.get(key) else { return Ok(false) };
    let read = process::flags::parse_bool(text);
    read.ok_or_else(|| Refusal::bad_request(format!("{key} {text:?} in metadata is not true or false")))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    pub(super) fn metadata(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn refused(pairs: &[(&str, &str)], allowed: &[&str]) -> (u16, String) {
        let policy = Policy { allowed: allowed.iter().map(|name| (*name).to_owned()).collect(), ..Policy::default() };
        let refusal = Task::read(&metadata(pairs), &policy).unwrap_err();
        (refusal.status.as_u16(), refusal.reason)
    }

    #[test]
    fn what_is_missing_or_unknown_is_refused_in_the_words_of_the_original() {
        let bad = StatusCode::BAD_REQUEST.as_u16();
        assert_eq!(refused(&[], &[]), (bad, "metadata not found in payload".to_owned()));
        assert_eq!(refused(&[("type", "fish")], &[]), (bad, "unknown task type fish".to_owned()));
        for kind in ["cmd", "bash", "helm", "helmv3", "kubectl"] {
            assert_eq!(refused(&[("type", kind)], &[]), (bad, "cmd not found in metadata".to_owned()), "{kind}");
        }
        assert_eq!(refused(&[("type", "concord")], &[]), (bad, "server not found in metadata".to_owned()));
        assert_eq!(
            refused(&[("type", "bash"), ("cmd", "true"), ("returnCmdOutput", "maybe")], &[]),
            (bad, r#"returnCmdOutput "maybe" in metadata is not true or false"#.to_owned())
        );
    }

    #[test]
    fn only_allowed_programs_run_where_there_is_a_list() {
        let forbidden = StatusCode::FORBIDDEN.as_u16();
        for (pairs, program) in [
            (&[("cmd", "curl http://x")][..], "curl"),
            (&[("cmd", "/tmp/hey http://x")], "/tmp/hey"),
            (&[("type", "bash"), ("cmd", "hey http://x")], "bash"),
            (&[("type", "helmv3"), ("cmd", "test x")], "helm"),
            (&[("type", "kubectl"), ("cmd", "get pods")], "kubectl"),
        ] {
            assert_eq!(refused(pairs, &["hey"]), (forbidden, format!("{program} is not among -allowed-commands")));
        }
        let policy = Policy { allowed: vec!["hey".to_owned()], ..Policy::default() };
        assert!(Task::read(&metadata(&[("cmd", "hey http://x")]), &policy).is_ok());
    }

    #[test]
    fn a_played_container_makes_load_and_does_nothing_else_unless_it_may() {
        let read =
            |commands, pairs: &[(&str, &str)]| Task::read(&metadata(pairs), &Policy { commands, ..Policy::default() });
        for (pairs, what) in [
            (&[("cmd", "touch /tmp/here")][..], "cmd starts a program"),
            (&[("cmd", "./hey http://x/")], "cmd starts a program"),
            (&[("type", "bash"), ("cmd", "hey http://x/")], "bash starts a program"),
            (&[("type", "helmv3"), ("cmd", "test x")], "helmv3 starts a program"),
            (&[("type", "kubectl"), ("cmd", "get pods")], "kubectl starts a program"),
            (
                &[("type", "ngrinder"), ("server", "http://x"), ("clone", "1"), ("username", "u"), ("passwd", "cA==")],
                "ngrinder asks a server",
            ),
            (&[("type", "grpc"), ("address", "x:1")], "grpc finds no names"),
            (&[("cmd", "fortio load -grpc x:1")], "grpc finds no names"),
        ] {
            let refusal = read(Commands::None, pairs).unwrap_err();
            assert_eq!(refusal.status, StatusCode::FORBIDDEN);
            assert!(refusal.reason.starts_with(&format!("a task of type {what}")), "{}", refusal.reason);
            assert!(refusal.reason.contains("only with --commands"), "{}", refusal.reason);
            assert!(read(Commands::AllButLoad, pairs).is_ok(), "{what}");
        }
        for commands in [Commands::None, Commands::AllButLoad] {
            for line in ["hey -z 1m http://x/", "fortio load -n 10 http://x/", "wrk http://x/"] {
                assert_eq!(read(commands, &[("cmd", line)]).unwrap().kind, "http", "{line}");
            }
            assert_eq!(read(commands, &[("type", "verify"), ("healthUrl", "http://x/")]).unwrap().kind, "verify");
        }
    }

    #[test]
    fn a_command_runs_in_the_background_and_everything_else_is_waited_for() {
        let blocks = |pairs: &[(&str, &str)]| Task::read(&metadata(pairs), &Policy::default()).unwrap().blocks;
        assert!(!blocks(&[("cmd", "true")]));
        assert!(blocks(&[("type", "bash"), ("cmd", "true")]));
        assert!(blocks(&[("type", "helm"), ("cmd", "test x")]));
        assert!(blocks(&[("type", "kubectl"), ("cmd", "get pods")]));
        assert!(!blocks(&[("type", "http"), ("url", "http://x/")]));
        assert!(
            blocks(&[("type", "http"), ("url", "http://x/"), ("maxP99", "500ms")]),
            "a threshold asks for an answer"
        );
        assert!(blocks(&[("type", "grpc"), ("address", "x:1"), ("wait", "true")]));
    }
}
