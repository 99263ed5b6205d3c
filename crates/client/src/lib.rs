//! The public SDK: a typed client of Keywright's JSON API.
//!
//! It reads no stored credential, no environment variable and no file: whoever makes a [`Client`]
//! hands it a server and, for calls that need one, a [`TokenSource`]. It prints nothing, follows no
//! redirect, and makes a call again only if it is told to ([`Retries`]).
//!
//! ```
//! # use std::io::{Read, Write};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let url = format!("http://{}", listener.local_addr()?);
//! # std::thread::spawn(move || for answer in [
//! #     "HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n",
//! #     "HTTP/1.1 401 Unauthorized\r\ncontent-length: 116\r\n\r\n{\"success\":false,\"status\":401,\"error\":{\"code\":\"KEY_REVOKED\",\"message\":\"The key was revoked.\"},\"requestId\":\"req_x\"}    ",
//! # ] {
//! #     let (mut stream, _) = listener.accept().unwrap();
//! #     let _ = stream.read(&mut [0; 4096]);
//! #     stream.write_all(answer.as_bytes()).unwrap();
//! # });
//! use keywright_client::{Client, ClientError, PlainText, Retries, ServerUrl};
//! use keywright_protocol::ErrorCode;
//! use keywright_secret::Secret;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let server = ServerUrl::parse(&url, PlainText::LoopbackOnly)?;
//! let client = Client::new(&server)?
//!     .with_token(Secret::new("sk_kw_..."))
//!     .with_retries(Retries::default());
//!
//! match client.whoami().await {
//!     Ok(who) => assert_eq!(who.token_kind, "sk"),
//!     Err(error) if error.code() == Some(ErrorCode::KeyRevoked) => {
//!         assert_eq!(error.to_string(), "The key was revoked.");
//!     }
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! A token that comes from somewhere else is given by a source, which is asked before each call and told where
//! the token will go:
//!
//! ```
//! use std::sync::Arc;
//!
//! use keywright_client::{Client, ClientError, PlainText, ServerUrl, TokenUnavailable, from_fn};
//! use keywright_secret::Secret;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let source = from_fn(|server: ServerUrl| async move {
//!     match server.host() {
//!         "keywright.example" => Ok(Secret::new("sk_kw_...")),
//!         _ => Err(TokenUnavailable::Missing("the vault knows no such server".into())),
//!     }
//! });
//! let stranger = ServerUrl::parse("https://stranger.example", PlainText::LoopbackOnly)?;
//! let client = Client::new(&stranger)?.with_source(Arc::new(source));
//! assert!(matches!(client.whoami().await, Err(ClientError::NoToken(_))));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! The credential of the command line's user, session refresh included, is `LocalTokens` of
//! `keywright-credentials`: a program that wants it depends on that crate.

mod client;
mod endpoint_url;
mod error;
mod issued;
mod mailbox;
pub mod oauth;
mod organizations;
mod query;
mod retries;
mod server_url;
mod token_source;

pub use client::Client;
pub use endpoint_url::{BadEndpoint, EndpointUrl};
pub use error::ClientError;
pub use issued::{
    ChildToken, CreatedKey, EnteredOrganization, NewServiceAccount, RotatedKey, SignedIn, TemporaryToken,
    UpgradeTicket,
};
pub use keywright_dial::DialError;
pub use query::RequestFilter;
pub use retries::Retries;
pub use server_url::{BadServer, PlainText, ServerUrl};
pub use token_source::{OtherTokenFuture, TokenFuture, TokenSource, TokenUnavailable, from_fn};
