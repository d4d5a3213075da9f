//! `flagger sandbox`: a cluster on a laptop, the operator on it, and releases of real requests.

mod error;
mod folder;
mod live;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use operator::shutdown::Signals;
use operator::telemetry::{self, Encoding, Level};
use tokio_util::sync::CancellationToken;

use crate::demo::script;
use crate::real::outside::Ports;
use crate::real::{self, Doors, inside, outside};
use error::Error;
use folder::Folder;

/// Requests in a second of real time: enough for a share of 10 % to be measured to about a percent in one step.
const PER_SECOND: f64 = 400.0;

/// How long the play may take to end when there is no control plane any more.
const AFTERMATH: Duration = Duration::from_secs(10);

/// How the process in the network namespace is told what it has to know.
const INSIDE: &str = "inside";

/// Play releases of real HTTP traffic on a cluster of its own, without installing anything.
///
/// Without files it plays an example: a good version is promoted, then one that fails three requests in ten is rolled back.
#[derive(Debug, Parser)]
#[command(name = "flagger sandbox", bin_name = "flagger sandbox")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
struct Arguments {
    /// Play these manifests instead, one file or folder after the other: each is applied when the releases of the one before are over
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
    /// Let load testers in the cluster run commands of this machine, as you, when a webhook asks for one
    #[arg(long)]
    commands: bool,
    /// Let one in ten of the operator's requests to the Kubernetes API fail, in ways that are drawn from this seed
    #[arg(long, value_name = "SEED")]
    faults: Option<u64>,
    /// What the API server and the controllers are: played in this process, or Kubernetes' own, built by tests/controlplane/build
    #[arg(long, value_enum, value_name = "KIND", default_value_t = ControlPlaneKind::Played)]
    control_plane: ControlPlaneKind,
    /// Further flags of the operator, such as `-- -mesh-provider=kubernetes`
    #[arg(last = true, value_name = "FLAG")]
    flags: Vec<String>,
    /// Set where the program runs itself again
    #[arg(long = INSIDE, hide = true)]
    inside: Option<Doors>,
}

/// What a control plane is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ControlPlaneKind {
    /// In memory, without privileges, on a clock of its own.
    Played,
    /// Processes of Kubernetes, in a network namespace.
    Real,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One object a line, for programs.
    Json,
}

pub(crate) fn main() -> ExitCode {
    let words = std::env::args().enumerate().filter(|(index, _)| *index != 1).map(|(_, word)| word);
    let arguments = match Arguments::try_parse_from(words).and_then(Arguments::consistent) {
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

impl Arguments {
    fn consistent(self) -> Result<Self, clap::Error> {
        if self.control_plane == ControlPlaneKind::Real && self.faults.is_some() {
            let why = "--faults needs the played control plane: a real one does not fail on demand";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, why));
        }
        Ok(self)
    }
}

fn start(arguments: &Arguments) -> Result<ExitCode, Error> {
    let acts = if arguments.files.is_empty() { script::example() } else { script::read(&arguments.files) };
    let acts = acts.map_err(Error::Script)?;
    if let Some(doors) = &arguments.inside {
        inside::set_up(doors).map_err(Error::Real)?;
    }
    if arguments.verbose {
        telemetry::install(Level::Info, Encoding::Console).map_err(Error::Log)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    let code = runtime.block_on(async {
        let signals = Signals::install().map_err(Error::Signals)?;
        let folder = match &arguments.inside {
            Some(doors) => Folder::adopt(&doors.folder),
            None => Folder::make().map_err(Error::Folder)?,
        };
        let stop = CancellationToken::new();
        let watched = stop.clone();
        let signals = tokio::spawn(async move { signals.govern(&watched).await });
        tokio::select! {
            code = run(arguments, &acts, &folder, &stop) => code,
            // Told twice: leave at once; only the folder is cleaned up.
            Ok(impatient) = signals => Ok(ExitCode::from(impatient)),
        }
    });
    runtime.shutdown_background();
    code
}

/// The play; on a real control plane it is played by the process in the network namespace.
async fn run(
    arguments: &Arguments,
    acts: &[script::Act],
    folder: &Folder,
    stop: &CancellationToken,
) -> Result<ExitCode, Error> {
    if arguments.control_plane == ControlPlaneKind::Played {
        return live::live(arguments, acts, folder.path(), stop).await;
    }
    let Some(doors) = &arguments.inside else {
        let ports = Ports { api: arguments.api_port, gateway: arguments.gateway_port, metrics: arguments.metrics_port };
        let flag = format!("--{INSIDE}");
        return outside::run(ports, folder.path(), &flag, stop).await.map_err(Error::Real);
    };
    inside::follow(stop.clone());
    let _relays = inside::open(doors).map_err(Error::Real)?;
    let starting = stop.run_until_cancelled(real::Plane::start(doors.api)).await;
    let Some(plane) = starting else { return Ok(ExitCode::from(live::INTERRUPTED)) };
    let plane = plane.map_err(Error::Real)?;
    let mut lived = Box::pin(live::live_on(&plane, doors, arguments, acts, stop));
    tokio::select! {
        code = &mut lived => code,
        ended = plane.ended() => {
            // What it meets now follows from this; it only has to put things back.
            stop.cancel();
            let _ = tokio::time::timeout(AFTERMATH, lived).await;
            Err(Error::Real(ended))
        }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (1.0..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("must be a number from 1 to 1000".to_owned()),
    }
}
