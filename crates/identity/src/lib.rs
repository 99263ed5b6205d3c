//! Accounts, organizations, keys and who is calling, with the cache that answers most of it.
//!
//! Knows no HTTP: what it refuses it says as [`ApiError`](keywright_protocol::ApiError) or
//! [`Unproven`], and it never sees a request. It parses no token: what comes in is a
//! [`PlatformToken`](keywright_secret::PlatformToken), whose checksum was right.

mod account;
mod cache;
mod card;
mod child;
mod claim;
mod entrance;
mod failure;
mod housekeeping;
mod identity;
mod keys;
mod lasting;
mod lookups;
mod mail;
mod mailbox;
pub mod oauth;
mod organizations;
pub mod pages;
#[cfg(any(test, feature = "test-hooks"))]
mod pause;
#[cfg(any(test, feature = "test-hooks"))]
mod postbox;
mod require;
mod temporary;
mod ticket;
mod unproven;
mod verify;

pub use entrance::{EntranceChoice, Entrances};
pub use identity::{Identity, IdentitySettings, Signup};
pub use mail::{Asker, CodePurpose, Mail, MailContent, MailFailed, Mailer, Mailroom, Sending};
#[cfg(any(test, feature = "test-hooks"))]
pub use pause::Pause;
#[cfg(any(test, feature = "test-hooks"))]
pub use postbox::{Delivery, Postbox};
pub use require::{require, restricted_to};
pub use temporary::ProvisionedAccount;
pub use unproven::Unproven;
