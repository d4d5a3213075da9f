//! Chats: alerts to HTTP requests, one chat a file, and what a chat's answer means.
//!
//! *Expected flow.* Make a [`Chat`] of an `AlertProvider` and what its Secret holds, [`find`] who speaks with chats of its
//! type, turn the [`Alert`] into a request ([`Notifier::request`]), send it, and let [`heard`] say what comes next.
//!
//! Nothing is sent and nobody waits here. Who is told of what, when, and where secrets are kept is not known here either.
//!
//! Start reading at [`Notifier`] in `notifier.rs`, then `slack.rs`.

mod answer;
mod attachments;
mod chat;
mod discord;
mod error;
mod gchat;
mod msteams;
mod notifier;
mod post;
mod rocket;
mod slack;

pub use answer::{Next, heard};
pub use chat::Chat;
pub use error::Error;
pub use notifier::{Alert, Notifier, all, find};
