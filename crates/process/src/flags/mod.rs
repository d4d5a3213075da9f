//! The command line of a program: a table of flags, and what was typed, by the rules of Go's `flag` package.
//!
//! A program lists its flags as [`Flags`]; [`Typed`] is what was typed; the functions of `values.rs` read values of one kind.
//! A flag that has no effect (yet) is accepted and named in [`warnings`], so that it is never silently ignored.

mod table;
mod typed;
mod values;

pub use self::table::{Effect, Flag, Flags, Takes};
pub use self::typed::{Misread, Typed, parse_bool};
pub use self::values::{
    filled, flag, list, log_encoding, log_level, number, optional_url, port, regexp, time, url, warnings, wrong,
};

/// The process has nothing to run: print this and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// What to print, line break included.
    pub text: String,
    /// Where to.
    pub stream: Stream,
    /// The status to end with.
    pub code: u8,
}

/// Where a text is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// For what was asked for.
    Stdout,
    /// For what went wrong.
    Stderr,
}

impl Exit {
    /// The end of a program whose command line is a question (`-help`) or can't be understood.
    pub fn of(misread: &Misread, flags: &Flags) -> Self {
        match misread {
            Misread::Help => Self { text: flags.usage(), stream: Stream::Stdout, code: 0 },
            misread => Self { text: format!("{misread}\n{}", flags.usage()), stream: Stream::Stderr, code: 2 },
        }
    }

    /// The end of a program that was asked for its version.
    pub fn version(line: String) -> Self {
        Self { text: line, stream: Stream::Stdout, code: 0 }
    }

    /// Says what there is to say; the status to end with.
    pub fn tell(&self) -> u8 {
        use std::io::Write;

        // Nobody is left to be told of a closed stream.
        let _ = match self.stream {
            Stream::Stdout => std::io::stdout().write_all(self.text.as_bytes()),
            Stream::Stderr => std::io::stderr().write_all(self.text.as_bytes()),
        };
        self.code
    }
}
