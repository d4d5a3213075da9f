//! Where in an object something is. Built on the way down for nothing, written out only when there is something to say.

use std::fmt::{self, Display};

/// A path to a value, as a chain of borrowed steps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
    /// A word in brackets: `properties[spec]`.
    Key(&'a Path<'a>, &'a str),
}

impl<'a> Path<'a> {
    pub(super) fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    pub(super) fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }

    pub(super) fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    /// The path as messages embed it: nothing for the root.
    pub(super) fn bare(&self) -> String {
        match self {
            Path::Root => String::new(),
            _ => self.to_string(),
        }
    }
}

/// `<nil>` for the root, as the real server prints it.
impl Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => write!(out, "<nil>"),
            Path::Field(Path::Root, name) => write!(out, "{name}"),
            Path::Field(parent, name) => write!(out, "{parent}.{name}"),
            Path::Index(Path::Root, index) => write!(out, "[{index}]"),
            Path::Index(parent, index) => write!(out, "{parent}[{index}]"),
            Path::Key(Path::Root, key) => write!(out, "[{key}]"),
            Path::Key(parent, key) => write!(out, "{parent}[{key}]"),
        }
    }
}
