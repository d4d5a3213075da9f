//! From the first part that starts to the last that stops.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use operator::admin::Admin;
use operator::args;
use operator::cluster::connect;
use operator::run::serve;
use operator::web::Web;
use sandbox::{Faults, Kubernetes, Options, Sandbox};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::{Arguments, Output};
use crate::demo::{Player, Summary, play, script};
use crate::images;
use crate::names::Names;
use crate::real::{Doors, Plane};
use crate::view::{self, Style};

/// How fast the built-in example is played: ten minutes in half a minute.
const EXAMPLE_SPEED: f64 = 20.0;

/// What the operator's user agent begins with.
const OPERATOR_AGENT: &str = "flagger/";

/// The share of the operator's requests that fails with `--faults`.
const FAULTS_SHARE: f64 = 0.1;

/// The exit status of a process that was interrupted.
pub(super) const INTERRUPTED: u8 = 130;

/// On the played control plane.
pub(super) async fn live(
    arguments: &Arguments,
    acts: &[script::Act],
    folder: &Path,
    stop: &CancellationToken,
) -> Result<ExitCode, Error> {
    let faults = arguments.faults.map(|seed| Faults::mixed(seed, OPERATOR_AGENT, FAULTS_SHARE));
    let options = Options {
        faults: faults.clone(),
        api_addr: local(arguments.api_port),
        gateway_addr: local(arguments.gateway_port),
        metrics_addr: local(arguments.metrics_port),
        ..options(arguments, folder)
    };
    let sandbox = Sandbox::start(options).await.map_err(Error::Start)?;
    let kubeconfig = sandbox.kubeconfig_file().map(Path::to_owned).unwrap_or_default();
    let web = Web::over(Arc::new(Names::of(&sandbox)));
    let ended = inhabit(arguments, acts, &sandbox, Access { kubeconfig: &kubeconfig, web }, stop).await;
    sandbox.stop().await;
    if let Some(faults) = faults {
        announce(&format!("{} faults were injected: {faults}\n", faults.total()));
    }
    ended
}

/// On a real control plane, in the network namespace.
pub(super) async fn live_on(
    plane: &Plane,
    doors: &Doors,
    arguments: &Arguments,
    acts: &[script::Act],
    stop: &CancellationToken,
) -> Result<ExitCode, Error> {
    let options = Options {
        kubernetes: Kubernetes::Given(plane.given().map_err(Error::Real)?),
        gateway_addr: local(doors.gateway),
        metrics_addr: local(doors.metrics),
        ..options(arguments, &doors.folder)
    };
    let sandbox = Sandbox::start(options).await.map_err(Error::Start)?;
    let ended = match plane.operator(&doors.folder).await {
        Ok(kubeconfig) => {
            // There names are resolved as on any cluster.
            let access = Access { kubeconfig: &kubeconfig, web: Web::new() };
            inhabit(arguments, acts, &sandbox, access, stop).await
        }
        Err(error) => Err(Error::Real(error)),
    };
    sandbox.stop().await;
    ended
}

fn options(arguments: &Arguments, folder: &Path) -> Options {
    let default = if arguments.files.is_empty() { EXAMPLE_SPEED } else { 1.0 };
    Options {
        speed: arguments.speed.unwrap_or(default),
        dir: Some(folder.to_owned()),
        programs: images::programs(arguments.commands),
        ..Options::default()
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// How the operator reaches the cluster.
struct Access<'a> {
    kubeconfig: &'a Path,
    /// What it asks metrics and hooks through.
    web: Web,
}

/// The operator and the play, in a sandbox that is there.
async fn inhabit(
    arguments: &Arguments,
    acts: &[script::Act],
    sandbox: &Sandbox,
    access: Access<'_>,
    stop: &CancellationToken,
) -> Result<ExitCode, Error> {
    // The operator stops last, so that it does not end while somebody waits for it.
    let end = CancellationToken::new();
    let mut operator = Box::pin(operate(sandbox, access, &arguments.flags, end.clone()));
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
    let outcome = stop.run_until_cancelled(play(sandbox, acts, arguments.rate, news)).await;
    // The view ends with the news, and puts the terminal back; one that panicked has shown what it had.
    let record = view.await.unwrap_or_default();
    let Some(mut outcome) = outcome else { return Ok(ExitCode::from(INTERRUPTED)) };
    if let Ok((summary, _)) = &outcome {
        // Whoever reads the report may have gone; the exit status still tells.
        let _ = view::conclude(style, &record, summary);
    }
    if arguments.keep {
        if let Err(error) = &outcome {
            crate::commands::complain(error, None);
        }
        if arguments.speed.is_none() {
            // From here on a person is in it.
            sandbox.set_speed(1.0);
        }
        announce(&format!("the cluster keeps running, Ctrl-C ends it\n{}", view::doors(sandbox)));
        match &mut outcome {
            Ok((_, player)) => go_on(player, style, stop).await,
            Err(_) => stop.cancelled().await,
        }
    }
    let (summary, player) = outcome.map_err(Error::Play)?;
    player.end().await;
    Ok(verdict(arguments, &summary))
}

/// Shows what others do in the cluster.
async fn go_on(player: &mut Player<'_>, style: Style, stop: &CancellationToken) {
    let (news, heard) = mpsc::unbounded_channel();
    tokio::join!(player.go_on(news, stop), view::show(style.plain(), heard));
}

/// Tells where to join in.
fn invite(style: Style, sandbox: &Sandbox) {
    match style {
        Style::Text { .. } => announce(&view::doors(sandbox)),
        // Whoever reads may have gone, which the play shows.
        Style::Json => drop(view::open(sandbox)),
        Style::Quiet { .. } => {}
    }
}

/// What is said to people rather than to programs goes to stderr.
fn announce(text: &str) {
    // Nobody may be reading, which is fine.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The operator, exactly as on any cluster: flags, a kubeconfig, a Prometheus to ask.
async fn operate(
    sandbox: &Sandbox,
    access: Access<'_>,
    further: &[String],
    stop: CancellationToken,
) -> Result<(), Error> {
    let flags = [
        format!("-kubeconfig={}", access.kubeconfig.display()),
        format!("-metrics-server={}", sandbox.metrics_url()),
        "-mesh-provider=gatewayapi:v1".to_owned(),
    ];
    // Of a flag that is given twice the last one counts.
    let flags = flags.into_iter().chain(further.iter().cloned());
    let settings = args::parse(flags, |_| None).map_err(|exit| Error::Flags(exit.text))?;
    let client = connect(&settings.access).await.map_err(Error::Connect)?;
    let admin = Admin::bind_local(0).await.map_err(Error::Port)?;
    // Its own series are metrics of the cluster, too. An address that was just bound is one.
    let _ = sandbox.add_scrape_target("flagger", &admin.address().to_string());
    let serving = Box::pin(serve(client, access.web, settings, sandbox.clock(), admin, stop));
    serving.await.map_err(|error| Error::Operator(Box::new(error)))
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
