//! Whole releases in the model world.

mod canaries;
mod faults;
mod finalizing;
mod sentences;
mod situations;
mod strategies;
mod transcripts;
mod waiting;
