//! The session as a source of tokens for a client.

use std::error::Error;
use std::sync::Arc;

use keywright_client::{OtherTokenFuture, ServerUrl, TokenFuture, TokenSource, TokenUnavailable};
use keywright_protocol::Clock;
use keywright_secret::Secret;

use super::{RefreshError, fresh_session};
use crate::{CredentialFile, ProfileName};

/// Gives the access token of the session that is stored for a server, and keeps it fresh.
pub struct SessionTokens {
    file: CredentialFile,
    profile: ProfileName,
    clock: Arc<dyn Clock>,
}

impl SessionTokens {
    /// The sessions under `profile` in `file`.
    pub fn new(file: CredentialFile, profile: ProfileName, clock: Arc<dyn Clock>) -> Self {
        Self { file, profile, clock }
    }

    async fn fresh(&self, server: &ServerUrl, refused: Option<&Secret>) -> Result<Secret, TokenUnavailable> {
        let clock = Arc::clone(&self.clock);
        fresh_session(&self.file, &self.profile, server, clock, refused).await.map_err(unavailable)
    }
}

impl TokenSource for SessionTokens {
    fn token<'a>(&'a self, server: &'a ServerUrl) -> TokenFuture<'a> {
        Box::pin(self.fresh(server, None))
    }

    fn after_refusal<'a>(&'a self, server: &'a ServerUrl, refused: &'a Secret) -> OtherTokenFuture<'a> {
        let clock = Arc::clone(&self.clock);
        Box::pin(async move {
            match fresh_session(&self.file, &self.profile, server, clock, Some(refused)).await {
                Ok(token) => Ok(Some(token)),
                // There is nothing to get another with: what the server said stands.
                Err(RefreshError::NoRefreshToken { .. } | RefreshError::SignedOut) => Ok(None),
                Err(error) => Err(unavailable(error)),
            }
        })
    }
}

fn unavailable(error: RefreshError) -> TokenUnavailable {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    let kind = match error {
        _ if error.is_temporary() => TokenUnavailable::ForNow,
        _ if error.is_signed_out() => TokenUnavailable::SignedOut,
        RefreshError::OAuth(_) => TokenUnavailable::Refused,
        _ => TokenUnavailable::Failed,
    };
    kind(text)
}
