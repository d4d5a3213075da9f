//! `flagger sandbox`: a cluster on a laptop, the operator on it, and releases of real requests.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use operator::admin::{Admin, BindError};
use operator::args;
use operator::cluster::{ConnectError, connect};
use operator::run::{self, serve};
use operator::shutdown::Signals;
use operator::telemetry::{self, Encoding, Level};
use operator::web::Web;
use sandbox::{Faults, Options, Sandbox};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::demo::{self, Summary, play, script};
use crate::view::{self, Style};

/// How fast the built-in example is played: ten minutes in half a minute.
const EXAMPLE_SPEED: f64 = 20.0;

/// Requests in a second of real time: enough for a share of 10 % to be measured to about a percent in one step.
const PER_SECOND: f64 = 400.0;

/// What the operator's user agent begins with.
const OPERATOR_AGENT: &str = "flagger/";

/// The share of the operator's requests that fails with `--faults`.
const FAULTS_SHARE: f64 = 0.1;

/// The exit status of a process that was interrupted.
const INTERRUPTED: u8 = 130;

/// Play releases of real HTTP traffic on a cluster of its own, without installing anything.
///
/// Without files it plays an example: a good version is promoted, then one that fails three requests in ten is rolled back.
#[derive(Debug, Parser)]
#[command(name = "flagger sandbox", bin_name = "flagger sandbox")]
struct Arguments {
    /// Play these manifests instead, one file after the other: each is applied when the releases of the one before are over
    #[arg(short = 'f', long = "filename", value_name = "FILE", num_args = 1..)]
    files: Vec<PathBuf>,
    /// Run the sandbox's clock this many times faster than the machine's [default: 20 for the example, 1 for files]
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// Leave the cluster and the load running afterwards, until Ctrl-C; its clock goes on at the machine's speed unless --speed is given
    #[arg(long)]
    keep: bool,
    /// Show nothing but the summary
    #[arg(short, long)]
    quiet: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Show the operator's log on stderr, and no live view
    #[arg(short, long)]
    verbose: bool,
    /// Port of the Kubernetes API, 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    api_port: u16,
    /// Port of the gateway, 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    gateway_port: u16,
    /// Port of the Prometheus API, 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    metrics_port: u16,
    /// Requests in a second of real time to each canary's host
    #[arg(long, value_name = "N", default_value_t = PER_SECOND)]
    rate: f64,
    /// Let one in ten of the operator's requests to the Kubernetes API fail, in ways that are drawn from this seed
    #[arg(long, value_name = "SEED")]
    faults: Option<u64>,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One object a line, for programs.
    Json,
}

/// Why the sandbox ends early.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to read the manifests")]
    Script(#[source] script::Error),
    #[error("failed to make a folder for the kubeconfig")]
    Folder(#[source] io::Error),
    #[error("failed to start the sandbox")]
    Start(#[source] sandbox::Error),
    #[error("failed to understand the operator's flags: {0}")]
    Flags(String),
    #[error("failed to connect the operator to the sandbox")]
    Connect(#[source] ConnectError),
    #[error("failed to open the operator's port")]
    Port(#[source] BindError),
    #[error("the operator ended by itself")]
    Left,
    #[error("the operator ended")]
    Operator(#[source] run::Error),
    #[error("failed to play the release")]
    Play(#[source] demo::Error),
    #[error("failed to listen for signals")]
    Signals(#[source] io::Error),
    #[error("failed to start")]
    Runtime(#[source] io::Error),
    #[error("failed to open the log")]
    Log(#[source] telemetry::InstallError),
}

impl Error {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Script(_) => Some("see docs/sandbox.md for what a manifest looks like"),
            Self::Start(_) => Some("choose other ports with --api-port, --gateway-port and --metrics-port"),
            Self::Play(demo::Error::Apply { source, .. }) => Some(source.hint()),
            Self::Play(demo::Error::NoCanary(_)) => Some("add a Canary, or leave out -f to play the example"),
            Self::Play(demo::Error::Stuck { .. }) => Some("--keep leaves the cluster running; --verbose shows the log"),
            Self::Connect(error) => Some(error.hint()),
            Self::Port(error) => Some(error.hint()),
            Self::Operator(error) => error.hint(),
            _ => None,
        }
    }
}

pub(crate) fn main() -> ExitCode {
    let words = std::env::args().enumerate().filter(|(index, _)| *index != 1).map(|(_, word)| word);
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to stdout, everything else to stderr.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match start(&arguments) {
        Ok(code) => code,
        Err(error) => {
            super::complain(&error, error.hint());
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<ExitCode, Error> {
    let acts = if arguments.files.is_empty() { script::example() } else { script::read(&arguments.files) };
    let acts = acts.map_err(Error::Script)?;
    if arguments.verbose {
        telemetry::install(Level::Info, Encoding::Console).map_err(Error::Log)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    let code = runtime.block_on(async {
        let signals = Signals::install().map_err(Error::Signals)?;
        let folder = Folder::make().map_err(Error::Folder)?;
        let stop = CancellationToken::new();
        let watched = stop.clone();
        let signals = tokio::spawn(async move { signals.govern(&watched).await });
        tokio::select! {
            code = live(arguments, &acts, &folder.0, &stop) => code,
            // Told twice: leave at once; only the folder is cleaned up.
            Ok(impatient) = signals => Ok(ExitCode::from(impatient)),
        }
    });
    runtime.shutdown_background();
    code
}

/// From the first part that starts to the last that stops.
async fn live(
    arguments: &Arguments,
    acts: &[script::Act],
    folder: &Path,
    stop: &CancellationToken,
) -> Result<ExitCode, Error> {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let example = arguments.files.is_empty();
    let faults = arguments.faults.map(|seed| Faults::mixed(seed, OPERATOR_AGENT, FAULTS_SHARE));
    let options = Options {
        faults: faults.clone(),
        speed: arguments.speed.unwrap_or(if example { EXAMPLE_SPEED } else { 1.0 }),
        api_addr: address(arguments.api_port),
        gateway_addr: address(arguments.gateway_port),
        metrics_addr: address(arguments.metrics_port),
        dir: Some(folder.to_owned()),
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.map_err(Error::Start)?;
    let ended = inhabit(arguments, acts, &sandbox, stop).await;
    sandbox.stop().await;
    if let Some(faults) = faults {
        announce(&format!("{} faults were injected: {faults}\n", faults.total()));
    }
    ended
}

/// The operator and the play, in a sandbox that is there.
async fn inhabit(
    arguments: &Arguments,
    acts: &[script::Act],
    sandbox: &Sandbox,
    stop: &CancellationToken,
) -> Result<ExitCode, Error> {
    // The operator stops last, so that it does not end while somebody waits for it.
    let end = CancellationToken::new();
    let mut operator = Box::pin(operate(sandbox, end.clone()));
    let lived = tokio::select! {
        lived = live_through(arguments, acts, sandbox, stop) => lived,
        ended = &mut operator => return Err(ended.err().unwrap_or(Error::Left)),
    };
    end.cancel();
    let ended = operator.await;
    let code = lived?;
    ended.map(|()| code)
}

/// The play, its report, and what comes after it.
async fn live_through(
    arguments: &Arguments,
    acts: &[script::Act],
    sandbox: &Sandbox,
    stop: &CancellationToken,
) -> Result<ExitCode, Error> {
    let style = style(arguments);
    invite(style, sandbox);
    let (news, heard) = mpsc::unbounded_channel();
    let view = tokio::spawn(view::show(style, heard));
    let summary = stop.run_until_cancelled(play(sandbox, acts, arguments.rate, arguments.keep, news)).await;
    // The view ends with the news, and puts the terminal back; one that panicked has shown what it had.
    let record = view.await.unwrap_or_default();
    let Some(summary) = summary else { return Ok(ExitCode::from(INTERRUPTED)) };
    if let Ok((summary, _)) = &summary {
        // Whoever reads the report may have gone; the exit status still tells.
        let _ = view::conclude(style, &record, summary);
    }
    if arguments.keep {
        if let Err(error) = &summary {
            super::complain(error, None);
        }
        if arguments.speed.is_none() {
            // From here on a person is in it.
            sandbox.set_speed(1.0);
        }
        announce(&format!("the cluster keeps running, Ctrl-C ends it\n{}", view::doors(sandbox)));
        stop.cancelled().await;
    }
    let (summary, _) = summary.map_err(Error::Play)?;
    Ok(verdict(arguments, &summary))
}

/// Tells people where to join in.
fn invite(style: Style, sandbox: &Sandbox) {
    if let Style::Text { .. } = style {
        announce(&view::doors(sandbox));
    }
}

/// What is said to people rather than to programs goes to stderr.
fn announce(text: &str) {
    // Nobody may be reading, which is fine.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The operator, exactly as on any cluster: flags, a kubeconfig, a Prometheus to ask.
async fn operate(sandbox: &Sandbox, stop: CancellationToken) -> Result<(), Error> {
    let kubeconfig = sandbox.kubeconfig_file().map(|path| path.display().to_string()).unwrap_or_default();
    let flags = [
        format!("-kubeconfig={kubeconfig}"),
        format!("-metrics-server={}", sandbox.metrics_url()),
        "-mesh-provider=gatewayapi:v1".to_owned(),
    ];
    let settings = args::parse(flags.into_iter(), |_| None).map_err(|exit| Error::Flags(exit.text))?;
    let client = connect(&settings.access).await.map_err(Error::Connect)?;
    let admin = Admin::bind_local(0).await.map_err(Error::Port)?;
    // Its own series are metrics of the cluster, too. An address that was just bound is one.
    let _ = sandbox.add_scrape_target("flagger", &admin.address().to_string());
    serve(client, Web::new(), settings, sandbox.clock(), admin, stop).await.map_err(Error::Operator)
}

/// How the user wants to see it.
fn style(arguments: &Arguments) -> Style {
    match (arguments.quiet, arguments.output) {
        (true, output) => Style::Quiet { json: output == Output::Json },
        (false, Output::Json) => Style::Json,
        (false, Output::Text) => Style::Text { live: !arguments.verbose },
    }
}

/// The example has to end as it is meant to; whatever files do is what the user wanted to see.
fn verdict(arguments: &Arguments, summary: &Summary) -> ExitCode {
    let as_meant = summary.promoted == 1 && summary.rolled_back == 1 && summary.lost == 0;
    if as_meant || !arguments.files.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (1.0..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("must be a number from 1 to 1000".to_owned()),
    }
}

/// A folder of this process that goes with it.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("flagger-sandbox-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
