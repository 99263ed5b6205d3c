//! Refreshing a session: once for all processes, and so that nothing is lost whoever dies when.
//!
//! 1. Under the lock of the file the session is read again: another process may have refreshed it.
//! 2. The file is written once as it is. A disk that is full must be found out before the refresh token is
//!    spent, not after.
//! 3. The refresh token is sent. An answer that got lost is asked for again at once: within ten seconds the
//!    server gives the same pair again.
//! 4. The new pair is on the disk before anybody uses it.
//!
//! Nothing here takes a pair out of the file. One that the server no longer takes is marked as ended.

use std::sync::Arc;
use std::time::Duration;

use keywright_client::ServerUrl;
use keywright_client::oauth::{OAuth, OAuthError, Tokens};
use keywright_protocol::{Clock, Timestamp};
use keywright_secret::Secret;
use tokio::time::timeout;

use super::StoredSession;
use crate::store::FileError;
use crate::{CredentialFile, Held, ProfileName};

/// An access token of the session that is stored for `server`, refreshed if it ends within a minute. `refused`
/// is one that the server no longer takes: it counts as ended.
///
/// # Errors
/// [`RefreshError`]
pub async fn fresh_session(
    file: &CredentialFile,
    profile: &ProfileName,
    server: &ServerUrl,
    clock: Arc<dyn Clock>,
    refused: Option<&Secret>,
) -> Result<Secret, RefreshError> {
    let credentials = file.peek()?.ok_or(RefreshError::SignedOut)?;
    let stored = credentials.entry(profile, server).and_then(|entry| entry.session.as_ref());
    if let Some(token) = good(stored.ok_or(RefreshError::SignedOut)?, clock.now(), refused)? {
        return Ok(token);
    }
    let alive = stored.and_then(|session| still_alive(session, clock.now(), refused));
    let work = refresh(file.clone(), profile.clone(), server.clone(), Arc::clone(&clock), refused.cloned());
    // On a task of its own: whoever waits may give up, and a pair that has come must still reach the disk.
    let refreshed = tokio::spawn(work).await.unwrap_or(Err(RefreshError::Interrupted));
    match (refreshed, alive) {
        // It has some seconds left, which may be enough.
        (Err(error), Some(token)) if error.is_temporary() => Ok(token),
        (refreshed, _) => refreshed,
    }
}

async fn refresh(
    file: CredentialFile,
    profile: ProfileName,
    server: ServerUrl,
    clock: Arc<dyn Clock>,
    refused: Option<Secret>,
) -> Result<Secret, RefreshError> {
    let (profile, server, refused) = (&profile, &server, refused.as_ref());
    let mut held = hold(&file, &clock).await?;
    let session = session_in(&mut held, profile, server)?;
    if let Some(token) = good(session, clock.now(), refused)? {
        return Ok(token);
    }
    let Some(spent) = session.refresh_token.clone() else {
        return Err(RefreshError::NoRefreshToken { server: server.to_string() });
    };
    if session.issuer != server.to_string() {
        return Err(RefreshError::OtherIssuer { server: server.to_string() });
    }
    let oauth = OAuth::new(server, session.client_id.clone())?;
    held.save()?;
    match exchange(&oauth, &spent).await {
        Ok(tokens) => {
            let session = session_in(&mut held, profile, server)?;
            session.renew(tokens, clock.now());
            let token = session.access_token.clone();
            held.save()?;
            Ok(token)
        }
        Err(OAuthError::InvalidGrant { .. }) => adopt_or_end(held, profile, server, &clock, &spent),
        Err(error) => Err(error.into()),
    }
}

/// The server does not take the refresh token. Something that takes no lock, a synchronized folder for
/// instance, may have brought a newer pair meanwhile; else the sign-in is over.
fn adopt_or_end(
    mut held: Held,
    profile: &ProfileName,
    server: &ServerUrl,
    clock: &Arc<dyn Clock>,
    spent: &Secret,
) -> Result<Secret, RefreshError> {
    held.read_again()?;
    let now = clock.now();
    let session = session_in(&mut held, profile, server)?;
    if session.refresh_token.as_ref() != Some(spent) {
        return good(session, now, None)?.ok_or(RefreshError::Again { server: server.to_string() });
    }
    session.ended_at = Some(now);
    held.save()?;
    Err(RefreshError::Ended { server: server.to_string() })
}

/// Sends the refresh token, and once more if the answer got lost.
async fn exchange(oauth: &OAuth, spent: &Secret) -> Result<Tokens, OAuthError> {
    let first = timeout(PATIENCE, oauth.refresh(spent)).await;
    match first {
        Ok(Err(error)) if error.is_temporary() => {}
        Ok(answer) => return answer,
        Err(_) => {}
    }
    timeout(PATIENCE, oauth.refresh(spent)).await.unwrap_or_else(|_| {
        let source = keywright_client::DialError::TimedOut;
        Err(OAuthError::Unreachable { server: oauth.server().to_string(), source })
    })
}

/// Waits for the lock without stopping the runtime.
pub(super) async fn hold(file: &CredentialFile, clock: &Arc<dyn Clock>) -> Result<Held, RefreshError> {
    let (file, clock) = (file.clone(), Arc::clone(clock));
    match tokio::task::spawn_blocking(move || file.hold(clock.as_ref())).await {
        Ok(held) => Ok(held?),
        Err(_) => Err(RefreshError::Interrupted),
    }
}

fn session_in<'a>(
    held: &'a mut Held,
    profile: &ProfileName,
    server: &ServerUrl,
) -> Result<&'a mut StoredSession, RefreshError> {
    held.credentials.entry_mut(profile, server).session.as_mut().ok_or(RefreshError::SignedOut)
}

/// The access token, if it is good for a call as far as anybody knows here.
fn good(
    session: &StoredSession,
    now: Timestamp,
    refused: Option<&Secret>,
) -> Result<Option<Secret>, RefreshError> {
    if session.ended_at.is_some() {
        return Err(RefreshError::Ended { server: session.issuer.clone() });
    }
    let good = !session.is_due(now) && refused != Some(&session.access_token);
    Ok(good.then(|| session.access_token.clone()))
}

fn still_alive(session: &StoredSession, now: Timestamp, refused: Option<&Secret>) -> Option<Secret> {
    let alive = session.is_alive(now) && refused != Some(&session.access_token);
    alive.then(|| session.access_token.clone())
}

/// There is no access token to be had.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// No session is stored, or no longer.
    #[error("nobody is signed in")]
    SignedOut,
    /// The server no longer takes the refresh token: it was revoked, it expired, or a copy of it was used.
    #[error("{server} has ended this sign-in")]
    Ended {
        /// The server.
        server: String,
    },
    /// The access token has ended and the server gave nothing to get another with.
    #[error("the sign-in at {server} has expired")]
    NoRefreshToken {
        /// The server.
        server: String,
    },
    /// The session stands under one server and was issued by another: somebody edited the file.
    #[error("the stored session was not issued by {server}")]
    OtherIssuer {
        /// The server that it stands under.
        server: String,
    },
    /// Another program has brought a pair that is just as old.
    #[error("the session at {server} was changed by another program meanwhile")]
    Again {
        /// The server.
        server: String,
    },
    /// The server did not give new tokens. The old ones are kept.
    #[error("the session cannot be refreshed")]
    OAuth(#[from] OAuthError),
    /// The file could not be read or written. What was in it is still there.
    #[error(transparent)]
    File(#[from] FileError),
    /// The program is ending.
    #[error("interrupted while waiting for the lock")]
    Interrupted,
}

impl RefreshError {
    /// Whether the same may go well a little later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::OAuth(error) => error.is_temporary(),
            Self::File(FileError::Busy { .. }) | Self::Again { .. } => true,
            _ => false,
        }
    }

    /// Whether signing in anew is what mends it.
    pub fn is_signed_out(&self) -> bool {
        matches!(
            self,
            Self::SignedOut | Self::Ended { .. } | Self::NoRefreshToken { .. } | Self::OtherIssuer { .. }
        )
    }
}

/// Twice as long is less than the ten seconds in which a server gives the same pair again.
const PATIENCE: Duration = Duration::from_millis(4500);
