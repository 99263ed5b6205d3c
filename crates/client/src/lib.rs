//! The public SDK: a typed client of Keywright's JSON API.
//!
//! It reads no stored credential, no environment variable and no file: whoever makes a [`Client`]
//! hands it a server and, for calls that need one, a [`TokenSource`]. It prints nothing, follows no
//! redirect and retries nothing.

mod client;
mod endpoint_url;
mod error;
mod issued;
mod mailbox;
mod organizations;
mod query;
mod server_url;
mod token_source;

pub use client::Client;
pub use endpoint_url::{BadEndpoint, EndpointUrl};
pub use error::ClientError;
pub use issued::{
    ChildToken, CreatedKey, EnteredOrganization, NewServiceAccount, RotatedKey, SignedIn, TemporaryToken,
};
pub use keywright_dial::DialError;
pub use query::RequestFilter;
pub use server_url::{BadServer, PlainText, ServerUrl};
pub use token_source::{TokenFuture, TokenSource, TokenUnavailable};
