//! A cluster on a laptop.
mod clock;
mod cluster;
mod controllers;
mod duration;
mod exposition;
mod images;
mod node;
mod podinfo;
mod wire;
pub use clock::ScaledClock;
