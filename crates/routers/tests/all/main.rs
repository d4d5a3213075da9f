//! What routers promise, asked through their public interface.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cases;
mod cluster;
mod compliance;
mod gatewayapi;
mod istio;
mod kubernetes;
mod nginx;
mod services;
