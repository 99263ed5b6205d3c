//! The server: configuration, boot, the router of the JSON API, the listener that all traffic comes in
//! by, and the jobs beside it.
//!
//! Joins `identity`, `store` and `gateway`; decides nothing that is theirs. It never prints: what a
//! person must see at the start is handed to the binary as [`Server::claim`].

mod api;
mod boot;
pub mod config;
pub mod demo;
mod jobs;
pub mod local;
pub mod logging;
mod mail;
mod oauth;
mod operations;
mod pages;
mod plane;
mod server;

pub use api::document as openapi;
pub use boot::{ClaimNotice, StartError, issue_claim};
pub use mail::{StoredMail, outbox, outbox_folder};
pub use server::Server;
