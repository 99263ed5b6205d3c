//! The whole server, from a client's bytes to what a provider hears.
#![allow(clippy::expect_used, clippy::panic)]

mod api;
mod audit;
mod bodies;
mod byok;
mod credentials;
mod errors;
mod explain;
mod headers;
mod held;
mod keys;
mod litellm;
mod mailbox;
mod models;
mod openapi;
mod organizations;
mod records;
mod review;
mod revocation;
mod rotation;
mod routes;
mod scene;
mod streaming;
mod upgrade;
mod upstream;
