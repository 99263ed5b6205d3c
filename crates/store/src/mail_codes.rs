//! Requests for mailed codes, and how many there may be. Of a code only its hash is here.

use keywright_protocol::{CodeRequestId, Mailbox, Timestamp};
use sqlx::FromRow;

use crate::engine::{Transaction, transaction, values};
use crate::mail_tries::{TryLimits, too_many_wrong, wrong_beyond};
use crate::mailbox_facts::{MailboxFacts, facts_of};
use crate::statement::statements;
use crate::{Store, StoreError};

/// A request for a code.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    /// Its id, which is also the code's.
    pub id: CodeRequestId,
    /// Whose code.
    pub mailbox: Mailbox,
    /// What it is good for: `signup` or `login`.
    pub purpose: &'static str,
    /// Who asks: an IPv4 address, the /64 of an IPv6 address, or `loopback`.
    pub address: String,
    /// The request whose code this one's takes the place of.
    pub replaces: Option<CodeRequestId>,
    /// The hash of the code, if it is a short one.
    pub short: [u8; 32],
    /// The hash of the code, if it is a long one.
    pub long: [u8; 32],
    /// Now.
    pub at: Moment,
    /// How long the code is good.
    pub expires_at: Timestamp,
}

/// Now, by the clock on the wall and by one that nobody can set.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the clock on the wall.
    pub wall: Timestamp,
    /// How many milliseconds this process has been running.
    pub steady_ms: i64,
    /// Which process.
    pub process: i64,
}

/// How many requests are taken within a rolling time.
#[derive(Clone, Copy, Debug)]
pub struct CodeLimits {
    /// How long a mailbox gets no other code after one.
    pub cooldown_seconds: i64,
    /// Within so many seconds.
    pub window_seconds: i64,
    /// Accepted ones for one mailbox; at least 1.
    pub per_mailbox: i64,
    /// Accepted or not, by one address; at least 1.
    pub per_address: i64,
    /// Accepted ones of all together; at least 1.
    pub overall: i64,
    /// How many codes of a mailbox are good at the same time.
    pub side_by_side: i64,
    /// How many wrong codes are taken.
    pub tries: TryLimits,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeRequested<E> {
    /// The code is stored, and is to be mailed.
    Accepted {
        /// Whether it is the long one.
        long: bool,
        /// Whether it takes the place of others, once it is mailed.
        replaces: bool,
    },
    /// The mailbox may have none; whoever judged says why.
    Refused(E),
    /// The mailbox got one just before, and gets another at that time.
    CoolUntil(Timestamp),
    /// The mailbox has had as many as it may have.
    MailboxFullUntil(Timestamp),
    /// The address has asked as often as it may.
    AddressFullUntil(Timestamp),
    /// As many were mailed as may be.
    AllFullUntil(Timestamp),
    /// Too many wrong codes of the mailbox were tried.
    WrongUntil(Timestamp),
}

impl Store {
    /// Stores a code that is to be mailed, unless too many were asked for: exact however many ask at once,
    /// on however many servers. `judge` says whether the mailbox may have one at all; without it nobody asks
    /// who that is. What was refused counts for its address all the same.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn request_code<E>(
        &self,
        request: &CodeRequest,
        limits: &CodeLimits,
        judge: Option<impl Fn(&MailboxFacts) -> Result<(), E>>,
    ) -> Result<CodeRequested<E>, StoreError> {
        let (mailbox, now) = (request.mailbox.as_str(), request.at.wall);
        transaction!(self, |open| {
            take_mail_turn(open).await?;
            match address_full_until(open, &request.address, limits, now).await? {
                Some(until) => CodeRequested::AddressFullUntil(until),
                None => {
                    let verdict = match &judge {
                        Some(judge) => judge(&facts_of(open, &request.mailbox, now).await?),
                        None => Ok(()),
                    };
                    let refused = match verdict {
                        Err(why) => Some(CodeRequested::Refused(why)),
                        Ok(()) => full(open, mailbox, limits, now).await?,
                    };
                    note(open, request, refused.is_none(), limits.cooldown_seconds).await?;
                    match refused {
                        Some(refused) => refused,
                        None => store_code(open, request, limits).await?,
                    }
                }
            }
        })
    }

    /// The code was mailed: those that it takes the place of are void. Where too many are good it is the oldest
    /// that was asked for from the same address, and without one the oldest of the address that has most: whoever
    /// asks for the code of a stranger pushes out what they asked for before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn replace_codes(&self, request: &CodeRequest, limits: &CodeLimits) -> Result<(), StoreError> {
        let (id, mailbox) = (request.id.to_string(), request.mailbox.as_str());
        let replaces = request.replaces.map(|id| id.to_string());
        let latest = request.at.wall.plus_seconds(SKEW_SECONDS);
        transaction!(self, |open| {
            take_mail_turn(open).await?;
            let open_codes: Vec<OpenCode> = open.all(OPEN, values![mailbox, request.at.wall, &id]).await?;
            for void in replaced(open_codes, request, replaces.as_deref(), latest, limits.side_by_side) {
                open.execute(REPLACE, values![&void]).await?;
            }
        })
    }

    /// The code could not be mailed. That it was asked for still counts for the address, and for the mailbox if
    /// the mail may arrive all the same; the mailbox need not wait.
    ///
    /// # Errors
    /// When the database does not answer; the code stays then, and nobody has it.
    pub async fn withdraw_code(&self, request: CodeRequestId, may_arrive: bool) -> Result<(), StoreError> {
        let id = request.to_string();
        transaction!(self, |open| {
            take_mail_turn(open).await?;
            open.execute(FORGET_CODE, values![&id]).await?;
            let release = if may_arrive { END_WAIT } else { RELEASE_MAILBOX };
            open.execute(release, values![&id]).await.map(drop)?
        })
    }
}

/// Makes every request for a code and every try of one wait for the one before it to commit.
pub(crate) async fn take_mail_turn(open: &mut Transaction) -> Result<(), StoreError> {
    open.execute(TAKE_TURN, values![]).await.map(drop)
}

/// Lets the mailbox ask for another code at once: whoever had the right one reads its mail.
pub(crate) async fn end_cooldown(
    open: &mut Transaction,
    mailbox: &Mailbox,
    now: Timestamp,
) -> Result<(), StoreError> {
    open.execute(END_COOLDOWN, values![mailbox.as_str(), now]).await.map(drop)
}

async fn address_full_until(
    open: &mut Transaction,
    address: &str,
    limits: &CodeLimits,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let (since, until) = window(limits.window_seconds, now);
    let nth = open.first(NTH_BY_ADDRESS, values![address, since, until, limits.per_address - 1]).await?;
    Ok(room_again(nth, limits.window_seconds))
}

/// Why the mailbox gets no code now, if it gets none.
async fn full<E>(
    open: &mut Transaction,
    mailbox: &str,
    limits: &CodeLimits,
    now: Timestamp,
) -> Result<Option<CodeRequested<E>>, StoreError> {
    let (since, until) = window(limits.window_seconds, now);
    if let Some(again) = too_many_wrong(open, mailbox, &limits.tries, now).await? {
        return Ok(Some(CodeRequested::WrongUntil(again)));
    }
    let cooling: Option<(i64,)> = open.first(COOL_UNTIL, values![mailbox, now, until]).await?;
    if let Some((until,)) = cooling {
        return Ok(Some(CodeRequested::CoolUntil(Timestamp(until))));
    }
    let nth = open.first(NTH_BY_MAILBOX, values![mailbox, since, until, limits.per_mailbox - 1]).await?;
    if let Some(again) = room_again(nth, limits.window_seconds) {
        return Ok(Some(CodeRequested::MailboxFullUntil(again)));
    }
    let nth = open.first(NTH_ACCEPTED, values![since, until, limits.overall - 1]).await?;
    Ok(room_again(nth, limits.window_seconds).map(CodeRequested::AllFullUntil))
}

async fn note(
    open: &mut Transaction,
    request: &CodeRequest,
    accepted: bool,
    cooldown_seconds: i64,
) -> Result<(), StoreError> {
    let (id, now) = (request.id.to_string(), request.at.wall);
    let mailbox = accepted.then(|| request.mailbox.to_string());
    let cool_until = accepted.then(|| now.plus_seconds(cooldown_seconds));
    open.execute(NOTE, values![&id, &request.address, &mailbox, now, cool_until]).await.map(drop)
}

async fn store_code<E>(
    open: &mut Transaction,
    request: &CodeRequest,
    limits: &CodeLimits,
) -> Result<CodeRequested<E>, StoreError> {
    let (id, mailbox) = (request.id.to_string(), request.mailbox.as_str());
    let (at, replaces) = (request.at, request.replaces.map(|id| id.to_string()));
    let long = wrong_beyond(open, mailbox, &limits.tries.half(), at.wall).await?;
    let hash: &[u8] = if long { &request.long } else { &request.short };
    let named: Option<(String,)> = open.first(NAMED, values![mailbox, &replaces]).await?;
    let crowd: Option<(String,)> = open.first(NTH_OPEN, values![mailbox, limits.side_by_side - 1]).await?;
    open.execute(
        STORE,
        values![
            &id,
            mailbox,
            &request.address,
            request.purpose,
            hash,
            i64::from(long),
            at.wall,
            request.expires_at,
            at.process,
            at.steady_ms,
        ],
    )
    .await?;
    Ok(CodeRequested::Accepted { long, replaces: named.is_some() || crowd.is_some() })
}

#[derive(FromRow)]
struct OpenCode {
    id: String,
    address: String,
    created_at: i64,
}

/// Which of the others, the oldest first, the new code takes the place of. Those that were made in the future are
/// left over from a clock that was set back.
fn replaced(
    others: Vec<OpenCode>,
    request: &CodeRequest,
    named: Option<&str>,
    latest: Timestamp,
    side_by_side: i64,
) -> Vec<String> {
    let is_void = |code: &OpenCode| Some(code.id.as_str()) == named || code.created_at > latest.0;
    let (void, mut good): (Vec<OpenCode>, Vec<OpenCode>) = others.into_iter().partition(is_void);
    let mut void: Vec<String> = void.into_iter().map(|code| code.id).collect();
    // The new one is good too.
    while !good.is_empty() && good.len() as i64 >= side_by_side {
        let of_address = |address: &str| good.iter().filter(|code| code.address == address).count();
        let most = good.iter().map(|code| of_address(&code.address)).max();
        let own = good.iter().position(|code| code.address == request.address);
        let crowd = || good.iter().position(|code| Some(of_address(&code.address)) == most);
        let oldest = own.or_else(crowd).unwrap_or_default();
        void.push(good.remove(oldest).id);
    }
    void
}

/// What lies inside a rolling time. Requests that run side by side take their turns in another order than
/// they looked at the clock, so that a little of the future belongs to it; what a clock that was set back
/// has left beyond does not, or it would lock for as long as the clock had been wrong.
pub(crate) fn window(seconds: i64, now: Timestamp) -> (Timestamp, Timestamp) {
    (now.plus_seconds(-seconds), now.plus_seconds(SLACK_SECONDS))
}

/// When there is room again, where the n-th newest row inside the window leaves none.
pub(crate) fn room_again(nth: Option<(i64,)>, window_seconds: i64) -> Option<Timestamp> {
    nth.map(|(at,)| Timestamp(at).plus_seconds(window_seconds))
}

/// Longer than any request waits for its turn.
const SLACK_SECONDS: i64 = 60;
/// How far the clocks of two servers may be apart.
pub(crate) const SKEW_SECONDS: i64 = 2;

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'mail'";
    NTH_BY_ADDRESS = "SELECT at FROM mail_requests WHERE address = $1 AND at > $2 AND at <= $3 \
                      ORDER BY at DESC LIMIT 1 OFFSET $4";
    NTH_BY_MAILBOX = "SELECT at FROM mail_requests WHERE mailbox = $1 AND at > $2 AND at <= $3 \
                      ORDER BY at DESC LIMIT 1 OFFSET $4";
    NTH_ACCEPTED = "SELECT at FROM mail_requests WHERE mailbox IS NOT NULL AND at > $1 AND at <= $2 \
                    ORDER BY at DESC LIMIT 1 OFFSET $3";
    COOL_UNTIL = "SELECT cool_until FROM mail_requests WHERE mailbox = $1 AND cool_until > $2 AND at <= $3 \
                  ORDER BY cool_until DESC LIMIT 1";
    END_COOLDOWN = "UPDATE mail_requests SET cool_until = $2 WHERE mailbox = $1 AND cool_until > $2";
    NOTE = "INSERT INTO mail_requests (id, address, mailbox, at, cool_until) VALUES ($1, $2, $3, $4, $5)";
    NAMED = "SELECT id FROM mail_codes WHERE mailbox = $1 AND id = $2 AND state = 'open'";
    NTH_OPEN = "SELECT id FROM mail_codes WHERE mailbox = $1 AND state = 'open' LIMIT 1 OFFSET $2";
    STORE = "INSERT INTO mail_codes (id, mailbox, address, purpose, hash, long, state, created_at, expires_at, process, \
             steady_ms) VALUES ($1, $2, $3, $4, $5, CAST($6 AS BIGINT) = 1, 'open', $7, $8, $9, $10)";
    OPEN = "SELECT id, address, created_at FROM mail_codes WHERE mailbox = $1 AND state = 'open' \
            AND expires_at > $2 AND id <> $3 ORDER BY created_at, id";
    REPLACE = "UPDATE mail_codes SET state = 'replaced', hash = NULL WHERE id = $1 AND state = 'open'";
    FORGET_CODE = "DELETE FROM mail_codes WHERE id = $1";
    END_WAIT = "UPDATE mail_requests SET cool_until = at WHERE id = $1";
    RELEASE_MAILBOX = "UPDATE mail_requests SET mailbox = NULL, cool_until = NULL WHERE id = $1";
}
