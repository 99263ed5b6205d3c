//! The shared vocabulary of Keywright's HTTP API: ids, scopes, error codes, routes, wire types, and the
//! verified caller as every pillar knows it.
//!
//! No server, no input or output. Times on the wire are RFC 3339 in UTC; inside they are
//! [`Timestamp`]s, milliseconds since 1970.

mod advice;
mod error;
mod id;
mod lifetime;
mod mailbox;
pub mod oauth_routes;
#[cfg(feature = "openapi")]
mod openapi;
mod overlap;
mod page;
mod principal;
pub mod record;
mod role;
pub mod routes;
mod scope;
mod timestamp;
mod verdict;
pub mod wire;

pub use error::{ApiError, ErrorCode, Exit};
pub use id::{BadId, CodeRequestId, InvitationId, KeyId, OrganizationId, RequestId, UserId};
pub use lifetime::{BadLifetime, Lifetime};
pub use mailbox::{BadMailbox, Mailbox};
pub use overlap::{BadOverlap, Overlap};
pub use page::{BadCursor, Cursor};
pub use principal::{Liveness, Principal, Session, Tombstone};
pub use role::Role;
pub use scope::{Scope, Scopes, UnknownScope};
pub use timestamp::{Clock, SystemClock, Timestamp};
pub use verdict::verdict;
