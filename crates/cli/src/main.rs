//! `flagger`: the operator, and what people do with it at a terminal.
//!
//! Without a subcommand it is the operator, with the original's flags; `flagger sandbox` plays releases on a cluster of its
//! own. This crate decides nothing about a release: it wires and shows.
//!
//! Start reading in `commands`.

mod commands;
#[cfg(feature = "sandbox")]
mod demo;
#[cfg(feature = "sandbox")]
mod images;
#[cfg(feature = "sandbox")]
mod names;
#[cfg(feature = "sandbox")]
mod real;
#[cfg(feature = "sandbox")]
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("sandbox") => commands::sandbox::main(),
        _ => commands::operator::main(),
    }
}
