//! Tickets with which a person takes a temporary account over while signing in at the pages. They stand for the
//! account's token, which may not be in a URL, and are good for nothing else. An account that administers the server
//! is not to be had by one: who else reads the URL would administer it.

use keywright_protocol::wire::LoginUpgrade;
use keywright_protocol::{KeyId, OrganizationId, Timestamp, UserId};
use keywright_secret::TokenHash;

use crate::engine::{Transaction, transaction, values};
use crate::essential::mark_like;
use crate::generation::count_up;
use crate::statement::statements;
use crate::tokens::{read_id, take_turn};
use crate::upgrade::{Merge, UpgradeTerms, check_upgrade, end_account};
use crate::{Store, StoreError};

/// A ticket that is to be given out.
#[derive(Clone, Debug)]
pub struct NewUpgradeTicket {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// The token of the temporary account.
    pub token: KeyId,
    /// The organization of that.
    pub organization: OrganizationId,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A temporary account that a person may take over, as the person is shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedUpgrade {
    /// Its organization, which has its records.
    pub organization: OrganizationId,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// How many keys of it stop working.
    pub keys: i64,
}

/// What a person decides about the temporary account whose ticket came along.
#[derive(Clone, Copy, Debug)]
pub struct TicketDecision {
    /// The hash of the ticket.
    pub hash: [u8; 32],
    /// Whether the account becomes part of the person's.
    pub takes_over: bool,
}

/// What became of that account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketOutcome {
    /// What the application is told; nothing where no ticket came along.
    pub upgrade: Option<LoginUpgrade>,
    /// Its tokens that have ended just now.
    pub ended: Vec<TokenHash>,
    /// Tokens of the person of which something else is true now.
    pub changed: Vec<TokenHash>,
}

impl TicketOutcome {
    /// No account ended.
    pub(crate) fn nothing(upgrade: Option<LoginUpgrade>) -> Self {
        Self { upgrade, ended: Vec::new(), changed: Vec::new() }
    }
}

impl Store {
    /// The account that a ticket stands for, as long as it can be taken over.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn offered_upgrade(
        &self,
        ticket: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<OfferedUpgrade>, StoreError> {
        let row: Option<(String, i64, i64)> = self.first(OFFERED, values![&ticket[..], now]).await?;
        row.map(|(organization, created_at, keys)| {
            let organization = read_id(&organization, "tokens.organization_id")?;
            Ok(OfferedUpgrade { organization, created_at: Timestamp(created_at), keys })
        })
        .transpose()
    }

    /// Stores a ticket; the oldest of its account make room where there are more than `most`. `false` when the
    /// account's token has ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_upgrade_ticket(
        &self,
        ticket: &NewUpgradeTicket,
        most: i64,
    ) -> Result<bool, StoreError> {
        let token = ticket.token.to_string();
        let row = values![&ticket.hash[..], &token, ticket.created_at, ticket.expires_at];
        transaction!(self, |open| {
            take_turn(open, ticket.organization).await?;
            let stored = open.execute(INSERT, row).await? == 1;
            open.execute(MAKE_ROOM, values![&token, most]).await?;
            stored
        })
    }
}

/// Takes the turns of the organizations that a decision about a ticket touches: its account, if it is good.
pub(crate) async fn take_turns(
    open: &mut Transaction,
    decision: Option<&TicketDecision>,
    into: OrganizationId,
    now: Timestamp,
) -> Result<Option<UpgradeTerms>, StoreError> {
    let mut terms = None;
    if let Some(decision) = decision.filter(|decision| decision.takes_over) {
        let row: Option<(String, String, String)> =
            open.first(ACCOUNT, values![&decision.hash[..], now]).await?;
        if let Some((token, user, organization)) = row {
            let found = UpgradeTerms {
                token: read_id(&token, "upgrade_tickets.token_id")?,
                user: read_id(&user, "tokens.user_id")?,
                organization: read_id(&organization, "tokens.organization_id")?,
                keep_keys: Vec::new(),
            };
            take_turn(open, found.organization).await?;
            terms = Some(found);
        }
    }
    take_turn(open, into).await?;
    Ok(terms)
}

/// Does as the person decided, in the turns of both organizations. The ticket is good no more after it.
pub(crate) async fn settle(
    open: &mut Transaction,
    decision: Option<&TicketDecision>,
    terms: Option<&UpgradeTerms>,
    into_user: UserId,
    into: OrganizationId,
    now: Timestamp,
) -> Result<TicketOutcome, StoreError> {
    let Some(decision) = decision else { return Ok(TicketOutcome::nothing(None)) };
    let taken = open.execute(TAKE, values![&decision.hash[..], now]).await? == 1;
    if !decision.takes_over {
        return Ok(TicketOutcome::nothing(Some(LoginUpgrade::Declined)));
    }
    let unavailable = Ok(TicketOutcome::nothing(Some(LoginUpgrade::Unavailable)));
    let Some(terms) = terms.filter(|_| taken) else { return unavailable };
    let belongs: Option<(String,)> =
        open.first(BELONGS, values![&into_user.to_string(), &into.to_string()]).await?;
    if belongs.is_none() {
        return unavailable;
    }
    // Somebody may have claimed administration with it while this waited for the turn.
    let administers: Option<(String,)> = open.first(ADMINISTERS, values![&terms.user.to_string()]).await?;
    if administers.is_some() || check_upgrade(open, terms, now).await?.is_err() {
        return unavailable;
    }
    let merge = Merge { terms, administers: false };
    let ended = end_account(open, &merge, into_user, into, now).await?;
    let changed = mark_like(open, into_user, terms.user).await?;
    count_up(open).await?;
    Ok(TicketOutcome { upgrade: Some(LoginUpgrade::Merged), ended: ended.ended, changed })
}

statements! {
    /// The empty half of the union gives the placeholders their types.
    INSERT = "INSERT INTO upgrade_tickets (hash, token_id, created_at, expires_at) \
              SELECT hash, token_id, created_at, expires_at FROM upgrade_tickets WHERE FALSE UNION ALL \
              SELECT $1, $2, $3, $4 FROM tokens WHERE id = $2 AND revoked_at IS NULL";
    OFFERED = "SELECT t.organization_id, u.created_at, (SELECT COUNT(*) FROM tokens k \
               WHERE k.user_id = t.user_id AND k.kind = 'sk' AND k.revoked_at IS NULL \
               AND (k.expires_at IS NULL OR k.expires_at > $2)) AS keys \
               FROM upgrade_tickets p JOIN tokens t ON t.id = p.token_id JOIN users u ON u.id = t.user_id \
               WHERE p.hash = $1 AND p.expires_at > $2 AND t.revoked_at IS NULL AND u.kind = 'temporary' \
               AND u.status = 'active' AND (u.expires_at IS NULL OR u.expires_at > $2) \
               AND NOT u.administrator";
    ACCOUNT = "SELECT t.id, t.user_id, t.organization_id FROM upgrade_tickets p \
               JOIN tokens t ON t.id = p.token_id JOIN users u ON u.id = t.user_id \
               WHERE p.hash = $1 AND p.expires_at > $2 AND NOT u.administrator";
    ADMINISTERS = "SELECT id FROM users WHERE id = $1 AND administrator";
    TAKE = "DELETE FROM upgrade_tickets WHERE hash = $1 AND expires_at > $2";
    BELONGS = "SELECT m.role FROM memberships m JOIN users u ON u.id = m.user_id \
               WHERE m.user_id = $1 AND m.organization_id = $2 AND u.status = 'active' AND u.kind <> 'temporary'";
    MAKE_ROOM = "DELETE FROM upgrade_tickets WHERE hash IN (SELECT hash FROM upgrade_tickets \
                 WHERE token_id = $1 ORDER BY created_at DESC, hash LIMIT 1000 OFFSET $2)";
}
