# What people and CI run. `just` alone lists it.

# List the recipes.
default:
    @just --list

# Format everything.
fmt:
    cargo fmt --all

# All lints, warnings as errors.
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# All tests, those of documentation included.
test:
    cargo test --workspace

# The rules of the house that no lint can see.
tidy:
    cargo xtask tidy

# Write the generated files.
generate:
    cargo xtask generate

# Speed of the decision: one tick, and whole releases in the model world.
bench:
    cargo bench --package apiserver
    cargo bench --package flagger-rollout

# Histories in which everything goes wrong; arguments go to `cargo xtask faults`.
faults *arguments:
    cargo run --release --package xtask -- faults {{arguments}}

# Dependencies: licences, sources, bans and advisories. Needs cargo-deny (`cargo install cargo-deny --locked`).
deny:
    cargo deny check

# All that CI checks, and what it has no time for.
check: fmt-check clippy test tidy deny

# Whether everything is formatted.
fmt-check:
    cargo fmt --all --check

# A release on this machine: one promoted, one rolled back. Arguments go to `flagger sandbox`.
sandbox *arguments:
    cargo run --release -- sandbox {{arguments}}
