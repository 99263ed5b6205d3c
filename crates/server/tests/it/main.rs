//! The whole server, from a client's bytes to what a provider hears.

mod scene;
mod streaming;
