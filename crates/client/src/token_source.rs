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

    /// Another token for the same call, after `server` has refused `refused` with 401; none when there is no
    /// other. Asked at most once a call.
    fn after_refusal<'a>(&'a self, server: &'a ServerUrl, refused: &'a Secret) -> OtherTokenFuture<'a> {
        let _ = (server, refused);
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// What [`TokenSource::token`] answers with.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Secret, TokenUnavailable>> + Send + 'a>>;

/// What [`TokenSource::after_refusal`] answers with.
pub type OtherTokenFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Secret>, TokenUnavailable>> + Send + 'a>>;

/// The source has no token to give; the text says why and holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenUnavailable {
    /// None is set.
    #[error("no token: {0}")]
    Missing(String),
    /// There was one, but the sign-in behind it has ended.
    #[error("{0}")]
    SignedOut(String),
    /// None can be had now; the same may go well a little later.
    #[error("{0}")]
    ForNow(String),
    /// The server gives none to this client: it does not know it, or takes no refresh from it.
    #[error("{0}")]
    Refused(String),
    /// What is stored cannot be read or written.
    #[error("{0}")]
    Failed(String),
}

/// A token that is known already.
impl TokenSource for Secret {
    fn token<'a>(&'a self, _server: &'a ServerUrl) -> TokenFuture<'a> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}

/// A source made of a function, for tokens that come from somewhere else: a vault, a login of one's own.
pub fn from_fn<F, R>(give: F) -> impl TokenSource
where
    F: Fn(ServerUrl) -> R + Send + Sync,
    R: Future<Output = Result<Secret, TokenUnavailable>> + Send + 'static,
{
    Given(give)
}

struct Given<F>(F);

impl<F, R> TokenSource for Given<F>
where
    F: Fn(ServerUrl) -> R + Send + Sync,
    R: Future<Output = Result<Secret, TokenUnavailable>> + Send + 'static,
{
    fn token<'a>(&'a self, server: &'a ServerUrl) -> TokenFuture<'a> {
        Box::pin((self.0)(server.clone()))
    }
}
