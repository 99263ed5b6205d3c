//! What tests of the whole are made from: a server in this process, a provider that records what it
//! hears and answers by a script, an authorization server that counts and fails, a clock that stands still, and
//! clients down to raw bytes.
//!
//! For tests only: everything here panics when something is not as it should be. Each [`TestServer`]
//! looks, when it is dropped, through all that was sent: no platform token may have gone up, no provider
//! key come down, no secret have been logged.
#![allow(clippy::expect_used, clippy::panic)]

mod audit;
mod chromium;
mod client;
mod clock;
mod issuer;
mod log;
mod mail_server;
mod provider;
mod raw;
mod server;
mod setup;
mod tools;

pub use chromium::chromium;
pub use client::{Broken, Call, Reply, Whole};
pub use clock::FakeClock;
pub use issuer::{FakeIssuer, Fault, Issued, IssuerState};
pub use keywright_identity::{Delivery, MailContent, Postbox};
pub use keywright_store::testing::HeldRecords;
pub use mail_server::{MailManner, MailServer, ReceivedMail, code_in};
pub use provider::{Answer, FakeProvider, Gate, Received, usual};
pub use raw::{RawAnswer, RawConnection};
pub use server::{Account, TestServer};
pub use setup::{Setup, central_key, on_both};
pub use tools::tool;
