//! The pages, as a browser without scripts uses them.

mod account;
mod authorize;
pub(crate) mod browser;
mod device;
mod essential;
mod invitations;
mod sign_in;
mod upgrade;
