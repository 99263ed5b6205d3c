//! What a person allows of what an application asks for: as much or less, never more.

use keywright_protocol::wire::LoginUpgrade;
use keywright_protocol::{ApiError, Timestamp, UserId};
use keywright_secret::Secret;
use keywright_store::{OfferedUpgrade, TicketDecision, TicketOutcome};

use crate::Identity;
use crate::failure::store_failed;
use crate::oauth::{Client, OAuthCode, OAuthError, SessionScope, Trust};
use crate::ticket;

/// What a person allows: all that was asked for, unless it says less.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// What may be done and known. What was not asked for does not count.
    pub scope: Option<SessionScope>,
    /// Seconds that the session lives. More than was asked for does not count.
    pub lifetime: Option<i64>,
    /// Whether the temporary account that came along becomes part of the person's.
    pub takes_over: bool,
}

/// A ticket that came along with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket([u8; 32]);

impl Allowance {
    /// The scope and the lifetime that are left of what was asked for.
    ///
    /// # Errors
    /// `access_denied` when nothing is left.
    pub(crate) fn of(self, asked: SessionScope, lifetime: i64) -> Result<(SessionScope, i64), OAuthError> {
        let scope = self.scope.map_or(asked, |allowed| {
            let names: Vec<_> = allowed.names().collect();
            asked.chosen(|name| names.contains(&name))
        });
        if scope.is_empty() {
            return Err(OAuthError::new(OAuthCode::AccessDenied, "The person allowed nothing."));
        }
        let chosen = self.lifetime.unwrap_or(lifetime);
        Ok((scope, chosen.min(lifetime).max(SHORTEST_SECONDS.min(lifetime))))
    }

    /// What it says about a ticket.
    pub(crate) fn about(self, ticket: Option<Ticket>) -> Option<TicketDecision> {
        ticket.map(|Ticket(hash)| TicketDecision { hash, takes_over: self.takes_over })
    }
}

impl Ticket {
    /// Reads the parameter `upgrade`, which only the command line of Keywright may send (security rule 13).
    ///
    /// # Errors
    /// `invalid_request` for any other application.
    pub(crate) fn read(client: &Client, text: Option<&str>) -> Result<Option<Self>, OAuthError> {
        let Some(text) = text else { return Ok(None) };
        if client.trust != Trust::Ours {
            return Err(OAuthError::new(
                OAuthCode::InvalidRequest,
                "Only the command line of Keywright takes temporary accounts over. Leave upgrade out.",
            ));
        }
        Ok(Some(Self(ticket::hash(&Secret::new(text)))))
    }

    pub(crate) fn from_stored(hash: Option<[u8; 32]>) -> Option<Self> {
        hash.map(Self)
    }

    pub(crate) fn to_stored(self) -> [u8; 32] {
        self.0
    }
}

/// Reads the parameter `lifetime`: what the session is proposed to live, at most `most` seconds.
///
/// # Errors
/// `invalid_request` for what is no number, or less than an hour.
pub(crate) fn read_lifetime(text: Option<&str>, most: i64) -> Result<i64, OAuthError> {
    let Some(text) = text else { return Ok(most) };
    let seconds = text.parse::<u32>().ok().map(i64::from).filter(|seconds| *seconds >= SHORTEST_SECONDS);
    seconds.map(|seconds| seconds.min(most)).ok_or_else(|| {
        OAuthError::new(
            OAuthCode::InvalidRequest,
            "lifetime must be the seconds that the session is to live, 3600 at least.",
        )
    })
}

impl Identity {
    /// The temporary account that a person may take over by a ticket; `None` when it is good no more.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`.
    pub async fn offered_upgrade(&self, ticket: Ticket) -> Result<Option<OfferedUpgrade>, ApiError> {
        let found = self.inner.store.offered_upgrade(&ticket.0, self.now()).await;
        found.map_err(|error| store_failed(&error))
    }

    /// Lets the cache and the records hear what became of a temporary account.
    pub(crate) fn heed(&self, outcome: &TicketOutcome, user: UserId) {
        self.inner.cache.bury(outcome.ended.iter().copied());
        self.inner.cache.distrust(outcome.changed.iter().copied());
        if outcome.upgrade == Some(LoginUpgrade::Merged) {
            let ended = outcome.ended.len();
            tracing::info!(event = "upgrade", user.id = %user, "{user} took a temporary account over; {ended} tokens ended");
            self.inner.moves.notify_one();
        }
    }

    /// Marks the account of a session that is about to get tokens, where its application asks for that and
    /// somebody vouches for it.
    pub(crate) async fn mark_for(
        &self,
        client: &Client,
        asked: bool,
        user: UserId,
    ) -> Result<(), OAuthError> {
        if asked && client.trust != Trust::Unverified {
            self.set_essential_traffic_only(user, true).await?;
        }
        Ok(())
    }
}

/// Whether that time lies more than so many seconds back.
pub(crate) fn older_than(at: Timestamp, seconds: i64, now: Timestamp) -> bool {
    now.millis_since(at) > seconds.saturating_mul(1_000)
}

/// As short as a key may live.
const SHORTEST_SECONDS: i64 = 3_600;
