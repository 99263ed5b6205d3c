//! The one-time code that makes somebody the administrator.

use std::path::PathBuf;
use std::sync::Arc;

use keywright_identity::{Identity, IdentitySettings, Mailroom};
use keywright_protocol::SystemClock;
use keywright_secret::Secret;
use keywright_store::Store;

use crate::boot::{StartError, database, private_file};
use crate::config::Config;

/// A code to be shown to the person who started the server.
#[derive(Debug)]
pub struct ClaimNotice {
    /// The code. For a terminal, never for a log.
    pub code: Secret,
    /// The 0600 file that holds it too.
    pub file: PathBuf,
}

/// The code of the first start; `None` when there is an administrator or an open code.
pub(crate) async fn first_claim(
    config: &Config,
    identity: &Identity,
) -> Result<Option<ClaimNotice>, StartError> {
    match identity.issue_claim(false).await? {
        Some(code) => keep(config, code).map(Some),
        None => Ok(None),
    }
}

/// Makes a new code, beside the data folder or the database, whether or not a server is running on it;
/// the older code is void.
///
/// # Errors
/// [`StartError`] when the database or the file cannot be used.
pub async fn issue_claim(config: &Config) -> Result<ClaimNotice, StartError> {
    let store = Arc::new(Store::open_beside(&database(config)).await?);
    let identity = Identity::new(
        Arc::clone(&store),
        Arc::new(SystemClock),
        IdentitySettings::default(),
        Mailroom::closed(),
    );
    let code = identity.issue_claim(true).await?;
    store.close().await;
    keep(config, code.unwrap_or_else(|| Secret::new("")))
}

/// Where the code lies until it is used.
pub(crate) fn claim_file(config: &Config) -> PathBuf {
    config.data_dir.join("admin-claim")
}

fn keep(config: &Config, code: Secret) -> Result<ClaimNotice, StartError> {
    let file = claim_file(config);
    private_file::replace(&file, &code)?;
    Ok(ClaimNotice { code, file })
}
