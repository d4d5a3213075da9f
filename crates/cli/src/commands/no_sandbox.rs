//! `flagger sandbox` in a program that was built without it.

use std::process::ExitCode;

#[derive(Debug, thiserror::Error)]
#[error("there is no sandbox in this program, which was built as an operator alone")]
struct LeftOut;

pub(crate) fn main() -> ExitCode {
    super::complain(&LeftOut, Some("build it with the feature `sandbox`, as `cargo build --release` does"));
    ExitCode::from(2)
}
