//! Identity over a real store, every test on both engines.
#![allow(clippy::expect_used, clippy::panic)]

mod bench;
mod children;
mod claim;
mod housekeeping;
mod key_updates;
mod keys;
mod revocation;
mod rotation;
mod temporary;
mod verify;
