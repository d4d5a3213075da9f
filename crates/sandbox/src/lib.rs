//! A cluster on a laptop.
