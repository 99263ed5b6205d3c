//! The real binary against a small server in the test that answers as the real one does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod admin;
mod arguments;
mod cli;
mod fake_api;
mod provisioning;
mod run;
mod status;
mod tokens;
mod usage;
