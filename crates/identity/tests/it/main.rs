//! Identity over a real store, every test on both engines.
#![allow(clippy::expect_used, clippy::panic)]

mod bench;
mod children;
mod claim;
mod code_requests;
mod codes;
mod housekeeping;
mod key_updates;
mod keys;
mod login;
mod mailing;
mod revocation;
mod rotation;
mod signup;
mod temporary;
mod upgrade;
mod verify;
