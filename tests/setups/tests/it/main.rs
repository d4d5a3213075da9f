//! What users install, held against what it is for.

mod alerts;
mod examples;
mod prometheus;
