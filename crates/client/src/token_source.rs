//! Where the token of a call comes from.

use std::future::Future;
use std::pin::Pin;

use keywright_secret::Secret;

use crate::ServerUrl;

/// Gives the platform token for calls to one server.
///
/// It is asked before each call, so that a source can refresh what is about to expire. It is told
/// which server the token will be sent to, and must give only what that server issued.
pub trait TokenSource: Send + Sync {
    /// The token to send to `server` now.
    fn token<'a>(&'a self, server: &'a ServerUrl) -> TokenFuture<'a>;
}

/// What [`TokenSource::token`] answers with.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Secret, TokenUnavailable>> + Send + 'a>>;

/// The source has no token to give; the text says why and holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no token: {0}")]
pub struct TokenUnavailable(pub String);

/// A token that is known already.
impl TokenSource for Secret {
    fn token<'a>(&'a self, _server: &'a ServerUrl) -> TokenFuture<'a> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}
