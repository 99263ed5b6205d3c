//! A temporary account on first need: at most one for a profile and a server, however many processes
//! need one at the same time.

use std::path::PathBuf;
use std::sync::Arc;

use keywright_client::{Client, ClientError};
use keywright_protocol::{Clock, Timestamp};
use keywright_secret::Secret;

use crate::store::FileError;
use crate::{CredentialFile, Held, ProfileName, ServerEntry, StoredTemporary};

/// What there is after provisioning.
pub struct Provisioned {
    /// How it came about. Tell the user, unless it was there.
    pub outcome: Outcome,
    /// When the account ends; `None` if a better credential than a temporary account was found.
    pub expires_at: Option<Timestamp>,
}

/// How the account came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Another process stored a credential meanwhile.
    Found,
    /// There was none: this is the first.
    New,
    /// The one that was there had ended.
    Replaced,
}

/// Makes sure that a credential is stored for the client's server. `refused` is a temporary token that
/// the server no longer takes: it counts as ended.
///
/// The lock is held over the call to the server, so that of many processes one asks.
///
/// # Errors
/// [`ProvisionError`]
pub async fn provision(
    file: &CredentialFile,
    profile: &ProfileName,
    client: &Client,
    clock: Arc<dyn Clock>,
    refused: Option<&Secret>,
) -> Result<Provisioned, ProvisionError> {
    let mut held = hold(file.clone(), Arc::clone(&clock)).await?;
    if let Some(path) = held.set_aside.take() {
        return Err(ProvisionError::SetAside { path });
    }
    let entry = held.credentials.entry_mut(profile, client.server());
    if let Some(expires_at) = usable(entry, clock.now(), refused) {
        return Ok(Provisioned { outcome: Outcome::Found, expires_at });
    }
    let outcome = if entry.temporary.is_some() { Outcome::Replaced } else { Outcome::New };
    let account = StoredTemporary::new(client.temporary().await?);
    let expires_at = account.expires_at;
    entry.temporary = Some(account);
    // Those of the account before have ended with it.
    entry.minted_keys.clear();
    entry.signed_out = false;
    held.save()?;
    Ok(Provisioned { outcome, expires_at })
}

/// Notes when the account behind `token` ends, if it is the stored temporary one: an account that was
/// made to last must not be taken for ended when its first time is over.
///
/// # Errors
/// [`ProvisionError`], except `Client`.
pub async fn note_account_end(
    file: &CredentialFile,
    profile: &ProfileName,
    client: &Client,
    clock: Arc<dyn Clock>,
    token: &Secret,
    expires_at: Option<Timestamp>,
) -> Result<(), ProvisionError> {
    let mut held = hold(file.clone(), clock).await?;
    let entry = held.credentials.entry_mut(profile, client.server());
    match &mut entry.temporary {
        Some(temporary) if temporary.token == *token => {
            temporary.expires_at = expires_at;
            Ok(held.save()?)
        }
        _ => Ok(()),
    }
}

/// When the credential that is there ends, if one is there.
fn usable(entry: &ServerEntry, now: Timestamp, refused: Option<&Secret>) -> Option<Option<Timestamp>> {
    if entry.api_key.is_some() || entry.session.is_some() {
        return Some(None);
    }
    let temporary = entry.temporary.as_ref()?;
    let ended = temporary.expired(now) || refused == Some(&temporary.token);
    (!ended).then_some(temporary.expires_at)
}

/// Waits for the lock without stopping the runtime.
async fn hold(file: CredentialFile, clock: Arc<dyn Clock>) -> Result<Held, ProvisionError> {
    match tokio::task::spawn_blocking(move || file.hold(clock.as_ref())).await {
        Ok(held) => Ok(held?),
        Err(_) => Err(ProvisionError::Interrupted),
    }
}

/// No temporary account could be made.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The server could not be reached, or gives out none.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It could not be stored.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file was damaged and was moved out of the way. It may have held a credential of another account,
    /// which a temporary one must not silently replace.
    #[error("the file of credentials was damaged and was moved to {}", path.display())]
    SetAside {
        /// Where it is.
        path: PathBuf,
    },
    /// The program is ending.
    #[error("interrupted while waiting for the lock")]
    Interrupted,
}
