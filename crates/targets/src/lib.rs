//! Workloads as pure functions.
