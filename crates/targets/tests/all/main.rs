//! What targets and autoscalers promise, asked through their public interface.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cluster;
mod configs;
mod daemonset;
mod deployment;
mod foreign;
mod hpa;
mod inheritance;
mod keda;
mod knative;
mod service;
