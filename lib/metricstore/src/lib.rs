//! A small metrics store with the Prometheus HTTP query API.
