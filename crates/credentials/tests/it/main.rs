//! The files, the accounts in them and the agents started with them, as other processes meet them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod agents;
mod crash;
mod fake_api;
mod files;
mod instance;
mod launch;
mod overlay;
mod pending;
mod process;
mod profiles;
mod provision;
mod resolve;
mod settings;
mod stored;
mod stored_keys;
