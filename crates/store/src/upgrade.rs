//! The end of a temporary account: it becomes a person's, or its records move to one. Whoever planted its
//! token gets nothing by that: what is not listed dies in the same transaction.

use keywright_protocol::{KeyId, Mailbox, OrganizationId, Timestamp, UserId};
use keywright_secret::TokenHash;

use crate::StoreError;
use crate::completion::Completion;
use crate::engine::{Transaction, values};
use crate::keys::{KeyRow, active_in};
use crate::statement::statements;
use crate::tokens::read_hash;

/// The temporary account that comes along, and what is to live on of it.
#[derive(Clone, Debug)]
pub struct UpgradeTerms {
    /// Its token, which is presented.
    pub token: KeyId,
    /// Its user.
    pub user: UserId,
    /// Its organization.
    pub organization: OrganizationId,
    /// Its keys that live on, where it becomes the person's.
    pub keep_keys: Vec<KeyId>,
}

/// What became of a temporary account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// Whether it is the person's account now; its records belong to another otherwise.
    pub in_place: bool,
    /// Its keys that live on.
    pub kept: Vec<KeyId>,
    /// The tokens of those.
    pub kept_hashes: Vec<TokenHash>,
    /// Its tokens that have ended just now.
    pub ended: Vec<TokenHash>,
    /// Whether the token that was presented acted as an administrator.
    pub administers: bool,
}

/// What is true of a temporary account that can be upgraded.
pub(crate) struct Checked {
    pub(crate) administers: bool,
    /// Its own active keys.
    pub(crate) keys: Vec<KeyRow>,
}

impl Checked {
    /// How many of the keys that are to live on count to the organization's.
    pub(crate) fn kept_that_count(&self, terms: &UpgradeTerms) -> i64 {
        let kept = self.keys.iter().filter(|key| terms.keep_keys.contains(&key.id));
        kept.filter(|key| key.replaced_by.is_none()).count() as i64
    }
}

/// Why it cannot be upgraded.
pub(crate) enum Obstacle {
    NotTemporary,
    NotAlone,
}

impl<E> From<Obstacle> for Completion<E> {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::NotTemporary => Self::NotTemporary,
            Obstacle::NotAlone => Self::NotAlone,
        }
    }
}

/// A temporary account that goes into another one.
pub(crate) struct Merge<'a> {
    pub(crate) terms: &'a UpgradeTerms,
    pub(crate) administers: bool,
}

/// Whether the account can be upgraded, in the turn of its organization: its token lives, it is still
/// temporary, and nobody else is in it. Somebody who was let in by whoever planted the token would stay.
pub(crate) async fn check_upgrade(
    open: &mut Transaction,
    terms: &UpgradeTerms,
    now: Timestamp,
) -> Result<Result<Checked, Obstacle>, StoreError> {
    let (token, user) = (terms.token.to_string(), terms.user.to_string());
    let organization = terms.organization.to_string();
    let standing: Option<(bool,)> = open.first(STANDING, values![&token, &user, &organization, now]).await?;
    let Some((administers,)) = standing else { return Ok(Err(Obstacle::NotTemporary)) };
    let other: Option<(String,)> = open.first(OTHER_MEMBER, values![&organization, &user]).await?;
    if other.is_some() {
        return Ok(Err(Obstacle::NotAlone));
    }
    let mut keys = active_in(open, terms.organization, now).await?;
    keys.retain(|key| key.user == terms.user);
    Ok(Ok(Checked { administers, keys }))
}

/// Makes the account that of the person who reads the mailbox. A user that the mailbox had before, who is in
/// no organization, gives it up. `None` when the account has ended meanwhile; nothing is changed then.
pub(crate) async fn take_over(
    open: &mut Transaction,
    terms: &UpgradeTerms,
    checked: Checked,
    mailbox: &Mailbox,
    former: Option<UserId>,
    now: Timestamp,
) -> Result<Option<Upgraded>, StoreError> {
    let user = terms.user.to_string();
    if open.execute(LAST, values![&user, now]).await? == 0 {
        return Ok(None);
    }
    if let Some(former) = former {
        open.execute(GIVE_UP, values![&former.to_string()]).await?;
    }
    open.execute(NAME_MAILBOX, values![&user, mailbox.as_str()]).await?;
    let kept: Vec<KeyId> =
        checked.keys.iter().map(|key| key.id).filter(|key| terms.keep_keys.contains(key)).collect();
    let (ended, kept_hashes) = end_tokens(open, terms, &kept, now).await?;
    let administers = checked.administers;
    Ok(Some(Upgraded { in_place: true, kept, kept_hashes, ended, administers }))
}

/// Ends the account, whose records are the other's from now on.
pub(crate) async fn end_account(
    open: &mut Transaction,
    merge: &Merge<'_>,
    into_user: UserId,
    into: OrganizationId,
    now: Timestamp,
) -> Result<Upgraded, StoreError> {
    let terms = merge.terms;
    let (user, organization) = (terms.user.to_string(), terms.organization.to_string());
    let (into_user, into) = (into_user.to_string(), into.to_string());
    let (ended, _) = end_tokens(open, terms, &[], now).await?;
    open.execute(MOVE_RECORDS, values![&organization, &into, &into_user, now]).await?;
    open.execute(DELETE_USER, values![&user, now]).await?;
    if merge.administers {
        open.execute(RAISE, values![&into_user]).await?;
    }
    let administers = merge.administers;
    Ok(Upgraded { in_place: false, kept: Vec::new(), kept_hashes: Vec::new(), ended, administers })
}

/// Ends every token of the account but some keys, and every invitation into it. What ended, and what did not.
async fn end_tokens(
    open: &mut Transaction,
    terms: &UpgradeTerms,
    kept: &[KeyId],
    now: Timestamp,
) -> Result<(Vec<TokenHash>, Vec<TokenHash>), StoreError> {
    let (user, organization) = (terms.user.to_string(), terms.organization.to_string());
    let mut rows: Vec<(Vec<u8>,)> = open.all(END_ALL_BUT_KEYS, values![&user, &organization, now]).await?;
    let keys: Vec<(String, Vec<u8>)> = open.all(KEYS, values![&user]).await?;
    let mut kept_hashes = Vec::new();
    for (id, hash) in keys {
        if kept.iter().any(|key| key.to_string() == id) {
            kept_hashes.push(read_hash(&hash)?);
        } else {
            open.execute(END_KEY, values![&id, now]).await?;
            rows.push((hash,));
        }
    }
    open.execute(WITHDRAW_INVITATIONS, values![&organization, &user]).await?;
    let ended = rows.iter().map(|(hash,)| read_hash(hash)).collect::<Result<_, _>>()?;
    Ok((ended, kept_hashes))
}

statements! {
    STANDING = "SELECT t.administrator AND u.administrator FROM tokens t JOIN users u ON u.id = t.user_id \
                WHERE t.id = $1 AND t.user_id = $2 AND t.organization_id = $3 AND t.kind = 'tmp' \
                AND t.revoked_at IS NULL AND u.kind = 'temporary' AND u.status = 'active' \
                AND (u.expires_at IS NULL OR u.expires_at > $4) AND EXISTS (SELECT 1 FROM memberships m \
                WHERE m.user_id = t.user_id AND m.organization_id = t.organization_id)";
    OTHER_MEMBER = "SELECT user_id FROM memberships WHERE organization_id = $1 AND user_id <> $2 LIMIT 1";
    /// The conditions again: a sweep takes no turn of the organization.
    LAST = "UPDATE users SET kind = 'person', expires_at = NULL WHERE id = $1 AND kind = 'temporary' \
            AND status = 'active' AND (expires_at IS NULL OR expires_at > $2)";
    GIVE_UP = "UPDATE users SET mailbox = NULL, status = 'deleted' WHERE id = $1";
    NAME_MAILBOX = "UPDATE users SET mailbox = $2 WHERE id = $1";
    END_ALL_BUT_KEYS = "UPDATE tokens SET revoked_at = $3 WHERE (user_id = $1 OR organization_id = $2) \
                        AND revoked_at IS NULL AND (user_id <> $1 OR organization_id <> $2 OR kind <> 'sk' \
                        OR parent_id IS NOT NULL) RETURNING hash";
    KEYS = "SELECT id, hash FROM tokens WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id";
    END_KEY = "UPDATE tokens SET revoked_at = $2 WHERE id = $1";
    WITHDRAW_INVITATIONS = "DELETE FROM invitations WHERE organization_id = $1 OR invited_by = $2";
    MOVE_RECORDS = "INSERT INTO record_moves (from_organization, to_organization, to_user, at) \
                    VALUES ($1, $2, $3, $4)";
    /// Its end is what the sweep looks for.
    DELETE_USER = "UPDATE users SET status = 'deleted', expires_at = $2 WHERE id = $1";
    RAISE = "UPDATE users SET administrator = TRUE WHERE id = $1";
}
