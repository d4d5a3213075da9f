//! `loadtester`: tasks, load and gates for the webhooks of canaries.

use std::process::ExitCode;

fn main() -> ExitCode {
    flagger_loadtester::main(std::env::args().skip(1))
}
