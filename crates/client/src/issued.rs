//! Answers that carry a credential, with the credential taken out of the wire's plain text.

use keywright_protocol::Timestamp;
use keywright_protocol::wire::{self, Account, ApiKey, ReplacedKey};
use keywright_secret::Secret;

/// A new temporary account and its token.
pub struct TemporaryToken {
    /// The `tmp_` token.
    pub token: Secret,
    /// When the account ends.
    pub expires_at: Timestamp,
    /// Whose it is.
    pub account: Account,
}

impl From<wire::TemporaryAccount> for TemporaryToken {
    fn from(wire: wire::TemporaryAccount) -> Self {
        Self { token: Secret::new(wire.token), expires_at: wire.expires_at, account: wire.account }
    }
}

/// A token for an agent: it may use models and nothing else, and dies with the token that made it.
pub struct ChildToken {
    /// The `at_` token.
    pub token: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl From<wire::ChildToken> for ChildToken {
    fn from(wire: wire::ChildToken) -> Self {
        Self { token: Secret::new(wire.token), expires_at: wire.expires_at }
    }
}

/// A new API key. The server shows the key itself this once.
pub struct CreatedKey {
    /// The `sk_` key.
    pub raw: Secret,
    /// What is known of it; `raw` is not in here.
    pub key: ApiKey,
}

impl CreatedKey {
    pub(crate) fn from_wire(mut key: ApiKey) -> Option<Self> {
        let raw = Secret::new(key.raw.take()?);
        Some(Self { raw, key })
    }
}

/// A key in the place of another. The server shows the key itself this once.
pub struct RotatedKey {
    /// The new key.
    pub new: CreatedKey,
    /// The one whose place it took.
    pub replaced: ReplacedKey,
}

impl RotatedKey {
    pub(crate) fn from_wire(rotated: wire::RotatedKey) -> Option<Self> {
        Some(Self { new: CreatedKey::from_wire(rotated.api_key)?, replaced: rotated.replaced })
    }
}
