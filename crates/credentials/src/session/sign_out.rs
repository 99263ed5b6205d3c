//! Signing out: what is stored for a profile and a server is forgotten, and no account made in its place.

use std::path::PathBuf;
use std::sync::Arc;

use keywright_client::ServerUrl;
use keywright_protocol::Clock;

use super::refresh::hold;
use super::{RefreshError, StoredSession};
use crate::{CredentialFile, ProfileName, ServerEntry, StoredKey, StoredTemporary};

/// What was forgotten.
pub struct SignedOut<T> {
    /// The session.
    pub session: Option<StoredSession>,
    /// The stored API key.
    pub api_key: Option<StoredKey>,
    /// The temporary account.
    pub temporary: Option<StoredTemporary>,
    /// What came of the last words.
    pub outcome: T,
    /// Where a damaged file was moved. Tell the user.
    pub set_aside: Option<PathBuf>,
}

/// Forgets what is stored for `server` under `profile`. `last_words` are said before, under the lock, so that
/// no other process refreshes what is being revoked; when they fail nothing is forgotten.
///
/// # Errors
/// Those of `last_words`, and of the file.
pub async fn sign_out<T, E: From<RefreshError>>(
    file: &CredentialFile,
    profile: &ProfileName,
    server: &ServerUrl,
    clock: Arc<dyn Clock>,
    last_words: impl AsyncFnOnce(&ServerEntry) -> Result<T, E>,
) -> Result<SignedOut<T>, E> {
    let mut held = hold(file, &clock).await?;
    let set_aside = held.set_aside.take();
    let entry = held.credentials.entry_mut(profile, server);
    let outcome = last_words(entry).await?;
    let (session, api_key, temporary) = (entry.session.take(), entry.api_key.take(), entry.temporary.take());
    entry.minted_keys.clear();
    entry.signed_out = true;
    held.save().map_err(RefreshError::from)?;
    Ok(SignedOut { session, api_key, temporary, outcome, set_aside })
}
