//! The authorization server: applications, their sessions, and the ways in which they get them. OAuth 2.1 with
//! RFC 7009, 7591, 7662, 8628, 8707 and 9207, and the ID tokens of OpenID Connect.
//!
//! Access tokens are opaque and platform tokens like any other; how they are checked does not stand here.

mod allowance;
mod authorize;
mod client;
mod code;
mod device;
mod error;
mod introspect;
mod redirect;
mod refresh;
mod register;
mod resource;
mod scope;
mod session;
mod sign_in_again;
mod signing;

pub use allowance::{Allowance, Ticket};
pub use authorize::{Authorization, Consent, Unanswerable, read_machine};
pub use client::{Authentication, Client, GrantType, KEYWRIGHT_CLI, PresentedClient, Trust};
pub use code::CodeExchange;
pub use device::{DeviceCodes, DevicePerson, DeviceRefusal, DeviceRequest, WaitingDevice, shown_user_code};
pub use error::{OAuthCode, OAuthError};
pub use introspect::Introspection;
pub use refresh::Refresh;
pub use register::Registration;
pub(crate) use resource::Resources;
pub use scope::{IdentityScopes, SessionScope};
pub use session::UserInfo;
pub use signing::OAuthKeys;
