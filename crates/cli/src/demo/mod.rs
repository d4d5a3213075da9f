//! A release on a laptop: manifests are applied one file after the other, and what happens to real requests is recorded.

pub(crate) mod apply;
mod play;
pub(crate) mod script;

pub(crate) use play::{Error, News, Player, Step, Summary, Told, play};
