//! `flagger`: the operator.

use std::process::ExitCode;
use std::sync::Arc;

use operator::args;
use operator::shutdown::Signals;
use operator::{run, telemetry};
use ports::RealClock;
use tokio_util::sync::CancellationToken;

pub(crate) fn main() -> ExitCode {
    let settings = match args::parse(std::env::args().skip(1), |name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(exit) => return ExitCode::from(exit.tell()),
    };
    if let Err(error) = telemetry::install(settings.log_level, settings.log_encoding) {
        super::complain(&error, None);
        return ExitCode::FAILURE;
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.worker_threads(settings.threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            super::complain(&error, None);
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let signals = match Signals::install() {
            Ok(signals) => signals,
            Err(error) => return fatal(&error, None),
        };
        let stop = CancellationToken::new();
        tokio::select! {
            ended = run::run(settings, Arc::new(RealClock), stop.clone()) => match ended {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fatal(&error, error.hint()),
            },
            impatient = signals.govern(&stop) => ExitCode::from(impatient),
        }
    });
    // A look that hangs in a call must not keep the process.
    runtime.shutdown_background();
    code
}

/// Ends the process for a reason that is in its log as any other.
fn fatal(error: &(dyn std::error::Error + 'static), hint: Option<&str>) -> ExitCode {
    let chain: Vec<String> =
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    tracing::error!(target: telemetry::FATAL, error = chain.join(": "), hint, "flagger can't run");
    ExitCode::FAILURE
}
