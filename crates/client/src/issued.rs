//! Answers that carry a credential, with the credential taken out of the wire's plain text.

use keywright_protocol::wire::{self, Account, ApiKey, Member, Organization, ReplacedKey, Upgrade};
use keywright_protocol::{OrganizationId, Timestamp};
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

/// Lets the person who signs in next take a temporary account over, once.
pub struct UpgradeTicket {
    /// The ticket.
    pub ticket: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl From<wire::UpgradeTicket> for UpgradeTicket {
    fn from(wire: wire::UpgradeTicket) -> Self {
        Self { ticket: Secret::new(wire.ticket), expires_at: wire.expires_at }
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

/// Signed up or signed in by a mailed code.
pub struct SignedIn {
    /// The organization that the key acts in.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// Whether the mailbox had no account before.
    pub is_new_user: bool,
    /// The new key.
    pub key: CreatedKey,
    /// What became of the temporary account whose token came along.
    pub upgrade: Option<Upgrade>,
}

impl SignedIn {
    pub(crate) fn from_wire(signed_in: wire::SignedIn) -> Option<Self> {
        Some(Self {
            organization_id: signed_in.organization_id,
            organization_name: signed_in.organization_name,
            is_new_user: signed_in.is_new_user,
            key: CreatedKey::from_wire(signed_in.api_key)?,
            upgrade: signed_in.upgrade,
        })
    }
}

/// An organization that the caller's user has just come into.
pub struct EnteredOrganization {
    /// The organization.
    pub organization: Organization,
    /// A key that acts in it.
    pub key: CreatedKey,
}

impl EnteredOrganization {
    pub(crate) fn from_wire(entered: wire::EnteredOrganization) -> Option<Self> {
        Some(Self { organization: entered.organization, key: CreatedKey::from_wire(entered.api_key)? })
    }
}

/// A new service account.
pub struct NewServiceAccount {
    /// The account, as a member of the organization.
    pub member: Member,
    /// Its first key.
    pub key: CreatedKey,
}

impl NewServiceAccount {
    pub(crate) fn from_wire(made: wire::ServiceAccount) -> Option<Self> {
        Some(Self { member: made.member, key: CreatedKey::from_wire(made.api_key)? })
    }
}
