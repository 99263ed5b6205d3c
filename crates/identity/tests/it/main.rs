//! Identity over a real store, every test on both engines.
#![allow(clippy::expect_used, clippy::panic)]

mod bench;
mod children;
mod claim;
mod code_requests;
mod codes;
mod housekeeping;
mod invitations;
mod key_updates;
mod keys;
mod login;
mod mailing;
mod members;
mod oauth;
mod organizations;
mod revocation;
mod roles;
mod rotation;
mod service_accounts;
mod signup;
mod temporary;
mod town;
mod upgrade;
mod verify;
