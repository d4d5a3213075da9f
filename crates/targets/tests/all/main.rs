//! What targets and autoscalers promise, asked through their public interface.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cluster;
mod deployment;
mod hpa;
mod inheritance;
mod knative;
mod service;
