//! Deleting what has ended.

use keywright_protocol::Timestamp;
use keywright_secret::TokenHash;

use crate::engine::{Transaction, transaction, values};
use crate::generation::count_up;
use crate::statement::statements;
use crate::tokens::read_hash;
use crate::{Store, StoreError};

/// What a turn of sweeping deletes, and how much at most.
#[derive(Clone, Copy, Debug)]
pub struct SweepRules {
    /// Now: invitations, browsers at the pages and tickets whose time is over.
    pub now: Timestamp,
    /// Temporary accounts, child tokens and sessions of applications that ended, by themselves or not, at or
    /// before this; applications that registered by then and were never used; codes, however they were given,
    /// that were made or tried in vain, and moves of records that were decided by then.
    pub ended_before: Timestamp,
    /// API keys that were revoked, or whose overlap with a successor ended, at or before this.
    pub revoked_before: Timestamp,
    /// Applications that nobody vouches for, that have no session, and whose last one began at or before this.
    pub used_before: Timestamp,
    /// Signing keys that were made at or before this: nothing that they signed is good any more.
    pub signed_before: Timestamp,
    /// Notes for the hourly limits that were made at or before this.
    pub notes_before: Timestamp,
    /// At most so many accounts, so many former service accounts, and twice so many keys and child tokens.
    pub at_most: i64,
}

/// What a turn of sweeping deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many accounts.
    pub accounts: i64,
    /// The tokens that are no more, those of the accounts included.
    pub tokens: Vec<TokenHash>,
    /// Whether there may be more to delete.
    pub more: bool,
}

impl Store {
    /// Deletes a batch of what has ended, in one transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self, rules: &SweepRules) -> Result<Swept, StoreError> {
        transaction!(self, |open| {
            open.execute(TAKE_TURN, values![]).await?;
            let (mut hashes, more_tokens) = delete_tokens(open, rules).await?;
            let mut users: Vec<(String,)> = Vec::new();
            // The children of an ended account have ended too. Once all are gone, little is left of it.
            if !more_tokens {
                users = open.all(END_ACCOUNTS, values![rules.ended_before, rules.at_most]).await?;
            }
            for (user,) in &users {
                hashes.extend(delete_account(open, user).await?);
            }
            open.execute(DELETE_MINTS, values![rules.notes_before]).await?;
            open.execute(DELETE_FAILURES, values![rules.notes_before]).await?;
            open.execute(DELETE_MOVES, values![rules.ended_before]).await?;
            open.execute(DELETE_MAIL_REQUESTS, values![rules.notes_before]).await?;
            for sql in [DELETE_CODES, DELETE_CODE_FAILURES] {
                open.execute(sql, values![rules.ended_before]).await?;
            }
            open.execute(DELETE_INVITATIONS, values![rules.now]).await?;
            for sql in [DELETE_PAGE_SESSIONS, DELETE_UPGRADE_TICKETS] {
                open.execute(sql, values![rules.now]).await?;
            }
            open.execute(DELETE_INVITATION_MAILS, values![rules.notes_before]).await?;
            open.execute(DELETE_FORMER_SERVICES, values![rules.at_most]).await?;
            open.execute(DELETE_TRIES, values![rules.notes_before]).await?;
            open.execute(DELETE_AUTHORIZATION_CODES, values![rules.ended_before]).await?;
            open.execute(DELETE_DEVICES, values![rules.ended_before]).await?;
            open.execute(DELETE_CLIENTS, values![rules.ended_before]).await?;
            open.execute(DELETE_IDLE_CLIENTS, values![rules.used_before]).await?;
            open.execute(DELETE_SIGNING_KEYS, values![rules.signed_before]).await?;
            if !hashes.is_empty() {
                count_up(open).await?;
            }
            let accounts = users.len() as i64;
            let tokens = hashes.iter().map(|(hash,)| read_hash(hash)).collect::<Result<_, _>>()?;
            Swept { accounts, tokens, more: more_tokens || accounts == rules.at_most }
        })
    }
}

/// The hashes of what went, and whether there may be more.
async fn delete_tokens(
    open: &mut Transaction,
    rules: &SweepRules,
) -> Result<(Vec<(Vec<u8>,)>, bool), StoreError> {
    let (mut hashes, mut more) = (Vec::new(), false);
    for (sql, before) in [
        (DELETE_ENDED_CHILDREN, rules.ended_before),
        (DELETE_REVOKED_CHILDREN, rules.ended_before),
        (DELETE_ENDED_GRANTS, rules.ended_before),
        (DELETE_REVOKED_GRANTS, rules.ended_before),
        (DELETE_REVOKED_KEYS, rules.revoked_before),
        (DELETE_REPLACED_KEYS, rules.revoked_before),
    ] {
        let batch: Vec<(Vec<u8>,)> = open.all(sql, values![before, rules.at_most]).await?;
        more |= batch.len() as i64 == rules.at_most;
        hashes.extend(batch);
    }
    Ok((hashes, more))
}

/// From the leaves to the root: children, tokens, membership, organization, user.
async fn delete_account(open: &mut Transaction, user: &str) -> Result<Vec<(Vec<u8>,)>, StoreError> {
    let mut hashes: Vec<(Vec<u8>,)> = open.all(DELETE_CHILDREN_OF_USER, values![user]).await?;
    hashes.extend(open.all::<(Vec<u8>,)>(DELETE_TOKENS_OF_USER, values![user]).await?);
    open.execute(DELETE_INVITATIONS_BY_USER, values![user]).await?;
    let organizations: Vec<(String,)> = open.all(LEAVE, values![user]).await?;
    for (organization,) in &organizations {
        open.execute(DELETE_EMPTY_ORGANIZATION, values![organization]).await?;
    }
    open.execute(DELETE_USER, values![user]).await?;
    Ok(hashes)
}

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'sweep'";
    DELETE_ENDED_CHILDREN = "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens \
                             WHERE parent_id IS NOT NULL AND expires_at <= $1 \
                             ORDER BY expires_at LIMIT $2) RETURNING hash";
    DELETE_REVOKED_CHILDREN = "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens \
                               WHERE parent_id IS NOT NULL AND revoked_at <= $1 \
                               ORDER BY revoked_at LIMIT $2) RETURNING hash";
    /// A key goes after its children, which were revoked with it.
    DELETE_REVOKED_KEYS = "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens AS gone \
                           WHERE kind = 'sk' AND revoked_at <= $1 AND NOT EXISTS \
                           (SELECT 1 FROM tokens AS child WHERE child.parent_id = gone.id) \
                           ORDER BY revoked_at LIMIT $2) RETURNING hash";
    DELETE_REPLACED_KEYS = "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens AS gone \
                            WHERE replaced_by IS NOT NULL AND expires_at <= $1 AND NOT EXISTS \
                            (SELECT 1 FROM tokens AS child WHERE child.parent_id = gone.id) \
                            ORDER BY expires_at LIMIT $2) RETURNING hash";
    /// A session goes after all that was made in it.
    DELETE_ENDED_GRANTS = "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens AS gone \
                           WHERE kind = 'grant' AND expires_at <= $1 AND NOT EXISTS \
                           (SELECT 1 FROM tokens AS child WHERE child.parent_id = gone.id) \
                           ORDER BY expires_at LIMIT $2) RETURNING hash";
    DELETE_REVOKED_GRANTS = "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens AS gone \
                             WHERE kind = 'grant' AND revoked_at <= $1 AND NOT EXISTS \
                             (SELECT 1 FROM tokens AS child WHERE child.parent_id = gone.id) \
                             ORDER BY revoked_at LIMIT $2) RETURNING hash";
    /// The outer condition is asked again once the row is locked: somebody may have claimed the account.
    END_ACCOUNTS = "UPDATE users SET status = 'deleted' WHERE id IN (SELECT id FROM users \
                    WHERE kind = 'temporary' AND expires_at <= $1 ORDER BY expires_at LIMIT $2) \
                    AND expires_at <= $1 RETURNING id";
    DELETE_CHILDREN_OF_USER = "DELETE FROM tokens WHERE user_id = $1 AND parent_id IS NOT NULL \
                               RETURNING hash";
    DELETE_TOKENS_OF_USER = "DELETE FROM tokens WHERE user_id = $1 RETURNING hash";
    LEAVE = "DELETE FROM memberships WHERE user_id = $1 RETURNING organization_id";
    DELETE_EMPTY_ORGANIZATION = "DELETE FROM organizations WHERE id = $1 AND NOT EXISTS \
                                 (SELECT 1 FROM memberships WHERE organization_id = $1) AND NOT EXISTS \
                                 (SELECT 1 FROM tokens WHERE organization_id = $1) AND NOT EXISTS \
                                 (SELECT 1 FROM invitations WHERE organization_id = $1)";
    DELETE_USER = "DELETE FROM users WHERE id = $1";
    DELETE_MINTS = "DELETE FROM mints WHERE at <= $1";
    DELETE_MOVES = "DELETE FROM record_moves WHERE at <= $1";
    DELETE_TRIES = "DELETE FROM oauth_failures WHERE at <= $1";
    DELETE_AUTHORIZATION_CODES = "DELETE FROM authorization_codes WHERE expires_at <= $1";
    DELETE_DEVICES = "DELETE FROM device_codes WHERE expires_at <= $1";
    DELETE_CLIENTS = "DELETE FROM clients WHERE used_at IS NULL AND approved_at IS NULL AND created_at <= $1";
    DELETE_IDLE_CLIENTS = "DELETE FROM clients WHERE used_at <= $1 AND approved_at IS NULL AND NOT EXISTS \
                           (SELECT 1 FROM grants WHERE grants.client_id = clients.id)";
    DELETE_SIGNING_KEYS = "DELETE FROM signing_keys WHERE created_at <= $1";
    DELETE_FAILURES = "DELETE FROM admin_claim_failures WHERE at <= $1";
    DELETE_MAIL_REQUESTS = "DELETE FROM mail_requests WHERE at <= $1";
    DELETE_CODES = "DELETE FROM mail_codes WHERE created_at <= $1";
    DELETE_CODE_FAILURES = "DELETE FROM mail_code_failures WHERE at <= $1";
    DELETE_PAGE_SESSIONS = "DELETE FROM page_sessions WHERE expires_at <= $1";
    DELETE_UPGRADE_TICKETS = "DELETE FROM upgrade_tickets WHERE expires_at <= $1";
    DELETE_INVITATIONS = "DELETE FROM invitations WHERE expires_at <= $1";
    /// Into its own organization, which nobody else belongs to, only it has invited anybody.
    DELETE_INVITATIONS_BY_USER = "DELETE FROM invitations WHERE invited_by = $1";
    DELETE_INVITATION_MAILS = "DELETE FROM invitation_mails WHERE at <= $1";
    DELETE_FORMER_SERVICES = "DELETE FROM users WHERE id IN (SELECT id FROM users AS gone \
                              WHERE kind = 'service' AND status = 'deleted' AND NOT EXISTS \
                              (SELECT 1 FROM tokens WHERE user_id = gone.id) AND NOT EXISTS \
                              (SELECT 1 FROM invitations WHERE invited_by = gone.id) LIMIT $1)";
}
