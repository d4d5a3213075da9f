//! What all services of this binary have in common: how one starts, logs, and ends.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use process::cause;
use process::flags::{
    Exit, Flag, Flags, Misread, Takes, Typed, filled, flag, log_encoding, log_level, port, regexp, warnings,
};
use process::log::{self, Encoding, Level};
use process::server::{BindError, Limits, Server};
use process::shutdown::Signals;
use tokio_util::sync::CancellationToken;

use crate::caller::Authorizer;
use crate::world::World;
use crate::{cluster, store};

/// The version of this binary.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a service that is asked by canaries and by people needs: a task may take an hour, and gets a minute at the end.
pub(crate) const LIMITS: Limits =
    Limits { connections: 1024, connection: Duration::from_secs(24 * 60 * 60), grace: Duration::from_secs(60) };

/// The flags that every service has.
pub(crate) const fn port_flag(default: &'static str) -> Flag {
    Flag::new("port", Takes::Text, default, "port to listen on")
}
pub(crate) const LOG_LEVEL: Flag =
    Flag::new("log-level", Takes::Text, "debug", "least important kind of log line: debug, info, warn, error or fatal");
pub(crate) const ZAP_ENCODING: Flag =
    Flag::new("zap-encoding", Takes::Text, "json", "form of log lines: json or console");
pub(crate) const VERSION_FLAG: Flag = Flag::new("version", Takes::Bool, "false", "print the version and exit");

pub(crate) const NAMESPACES: Flag = Flag::new(
    "namespace-regexp",
    Takes::Text,
    "",
    "namespaces whose canaries are served: what it matches anywhere; all without it",
);

/// The settings that every service has.
#[derive(Debug)]
pub(crate) struct Common {
    /// Whose canaries are served.
    pub(crate) authorizer: Authorizer,
    /// The cluster, unless it is the user's or the pod's.
    pub(crate) kubeconfig: Option<PathBuf>,
    port: u16,
    log_level: Level,
    log_encoding: Encoding,
    warnings: Vec<String>,
}

/// Why a service can't run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    #[error(transparent)]
    Store(#[from] store::OpenError),
}

impl Common {
    /// What the typed flags mean.
    pub(crate) fn read(typed: &Typed) -> Result<Self, Misread> {
        let mut warnings = warnings(typed);
        Ok(Self {
            port: port(typed, "port")?,
            log_level: log_level(typed, &mut warnings),
            log_encoding: log_encoding(typed)?,
            warnings,
            authorizer: Authorizer::new(regexp(typed, "namespace-regexp")?),
            kubeconfig: filled(typed, "kubeconfig").map(PathBuf::from),
        })
    }

    /// Opens the port.
    pub(crate) async fn open(&self, world: &mut World) -> Result<Server, Failure> {
        Ok(world.open(self.port).await?)
    }

    /// Says what of the flags has no effect.
    pub(crate) fn warn(&self) {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
    }
}

/// Settings that have the common ones.
pub(crate) trait HasCommon {
    fn common(&self) -> &Common;
}

impl Failure {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Bind(error) => Some(error.hint()),
            Self::Cluster(_) | Self::Store(store::OpenError::Cluster(_)) => {
                Some("check -kubeconfig, or the ServiceAccount of the pod")
            }
            Self::Store(_) => None,
        }
    }
}

/// Runs a service from its command line to its end: until a first signal asks for it, or a second one demands it.
pub(crate) fn run<S: HasCommon, F: Future<Output = Result<(), Failure>>>(
    flags: &'static Flags,
    words: Vec<String>,
    read: impl FnOnce(&Typed) -> Result<S, Misread>,
    serve: impl FnOnce(S, World, CancellationToken) -> F,
) -> ExitCode {
    let typed = Typed::read(flags, words.into_iter(), |name| std::env::var(name).ok());
    let settings = match typed.and_then(|typed| if flag(&typed, "version") { Ok(None) } else { read(&typed).map(Some) })
    {
        Ok(Some(settings)) => settings,
        Ok(None) => return ExitCode::from(Exit::version(format!("{VERSION}\n")).tell()),
        Err(misread) => return ExitCode::from(Exit::of(&misread, flags).tell()),
    };
    let common = settings.common();
    if log::install(common.log_level, common.log_encoding).is_err() {
        return ExitCode::FAILURE;
    }
    common.warn();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fatal(&error, None),
    };
    let code = runtime.block_on(async {
        let signals = match Signals::install() {
            Ok(signals) => signals,
            Err(error) => return fatal(&error, None),
        };
        let stop = CancellationToken::new();
        tokio::select! {
            ended = serve(settings, World::machine(), stop.clone()) => match ended {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => fatal(&failure, failure.hint()),
            },
            impatient = signals.govern(&stop) => ExitCode::from(impatient),
        }
    });
    // Whatever still hangs in a call must not keep the process.
    runtime.shutdown_background();
    code
}

fn fatal(error: &(dyn std::error::Error + 'static), hint: Option<&str>) -> ExitCode {
    tracing::error!(target: log::FATAL, error = cause::chain(error), hint, "the service can't run");
    ExitCode::FAILURE
}
