//! The session of a sign-in: what is stored of it, and how it is kept alive.

mod refresh;
mod save;
mod sign_out;
mod source;
mod stored;

pub use refresh::{RefreshError, fresh_session};
pub use save::{SavedSession, save_session};
pub use sign_out::{SignedOut, sign_out};
pub use source::SessionTokens;
pub use stored::{SessionOrganization, StoredSession};

use crate::Environment;
use keywright_client::oauth::DEFAULT_CLIENT_ID;

/// The OAuth client to sign in as: `KEYWRIGHT_CLIENT_ID`, else the one that every server knows.
pub fn client_id(environment: &Environment) -> &str {
    environment.text("KEYWRIGHT_CLIENT_ID").unwrap_or(DEFAULT_CLIENT_ID)
}
