//! The temporary account of the profile in use, which may go along when somebody signs up or in.
//!
//! Only a token that this program got from this server itself is ever presented: one from a flag or the
//! environment may have been planted by somebody who would then own the account too.

use keywright_protocol::KeyId;
use keywright_secret::Secret;

use crate::context::Context;
use crate::error::CommandError;

/// A temporary account to go along.
pub(super) struct Offer {
    pub(super) token: Secret,
    pub(super) keep_keys: Vec<KeyId>,
    /// What it is called: the day on which it was made.
    pub(super) day: String,
}

impl Offer {
    /// The account that is stored for the server, if there is one that has not ended.
    pub(super) fn of(context: &Context) -> Result<Option<Self>, CommandError> {
        let stored = context.stored()?;
        let entry = stored.entry(&context.profile, &context.server.url);
        let Some((entry, temporary)) = entry.and_then(|entry| Some((entry, entry.temporary.as_ref()?)))
        else {
            return Ok(None);
        };
        if temporary.expired(context.now()) {
            return Ok(None);
        }
        let made = temporary.account.user_id.made_at().map(|made| made.to_string());
        Ok(Some(Self {
            token: temporary.token.clone(),
            keep_keys: entry.minted_keys.clone(),
            day: made.and_then(|text| Some(text.get(..10)?.to_owned())).unwrap_or_default(),
        }))
    }
}
