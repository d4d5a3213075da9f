//! `flagger`: the operator, and what people do with it at a terminal.
//!
//! Without a subcommand it is the operator, with the original's flags; `flagger sandbox` plays releases on a cluster of its
//! own. This crate decides nothing about a release: it wires and shows.
//!
//! Start reading in `commands`.

mod commands;
mod demo;
mod inside;
mod real;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("sandbox") => commands::sandbox::main(),
        _ => commands::operator::main(),
    }
}
