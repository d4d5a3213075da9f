//! Whole releases in the model world.

mod canaries;
mod faults;
mod finalizing;
mod misfortunes;
mod sentences;
mod situations;
mod strategies;
mod taking_over;
mod transcripts;
mod unmeasured;
mod waiting;
