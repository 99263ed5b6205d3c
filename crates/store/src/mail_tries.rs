//! Tries of mailed codes: five wrong ones of one code, and so many a day, wherever they come from.
//!
//! Whoever names the request that a code was mailed for has tries apart from all who do not: a stranger, who
//! does not know it, cannot kill the code.
//!
//! Nobody may lock a whole server by guessing: what is counted for all together are only tries to get into
//! accounts that are there, and beyond that long codes are still taken, which nobody guesses.

use keywright_protocol::{CodeRequestId, KeyId, Mailbox, Timestamp};
use sqlx::FromRow;

use crate::StoreError;
use crate::engine::{Transaction, values};
use crate::mail_codes::{Moment, SKEW_SECONDS, room_again, window};
use crate::statement::statements;
use crate::tokens::read_id;

/// A code that somebody presents.
#[derive(Clone, Debug)]
pub struct PresentedCode {
    /// For which mailbox.
    pub mailbox: Mailbox,
    /// The request that it was mailed for; the newest of the mailbox when left out.
    pub request: Option<CodeRequestId>,
    /// What it is presented for: `signup` or `login`.
    pub purpose: &'static str,
    /// Now.
    pub at: Moment,
}

/// How many wrong codes are taken.
#[derive(Clone, Copy, Debug)]
pub struct TryLimits {
    /// Of one code, by who names its request and again by who does not. The last one voids it, for all or only
    /// for who names no request.
    pub per_code: i64,
    /// Of one mailbox, within the window; at least 1.
    pub per_mailbox: i64,
    /// Of all that sign in to accounts, together, within the window; at least 1. Beyond it only long codes are
    /// taken.
    pub overall: i64,
    /// Within so many seconds.
    pub window_seconds: i64,
    /// How long a code is good, by a clock that nobody can set.
    pub lifetime_ms: i64,
}

impl TryLimits {
    /// Half of what is taken within the window: from there on it looks as if somebody were guessing.
    pub(crate) fn half(&self) -> Self {
        // One more than half, so that it is beyond it.
        Self { per_mailbox: self.per_mailbox / 2 + 1, overall: self.overall / 2 + 1, ..*self }
    }
}

/// Why a code is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRefusal {
    /// There is none, or another has taken its place.
    NotFound,
    /// It is too old.
    Expired,
    /// It was used.
    Used,
    /// Too many wrong ones were tried.
    LockedOut,
    /// It is wrong; so many tries are left, at least one.
    Wrong(i64),
    /// The code that is open is for something else, which counts as a wrong try; so many are left.
    OtherPurpose(i64),
    /// So many wrong ones were tried lately at all accounts that only long codes are taken, and this is none.
    TooShort,
    /// Too many wrong ones were tried lately of the mailbox; tries are taken again at that time.
    WrongUntil(Timestamp),
}

/// Tries a code, in the turn of the mails. A right one still has to be [used](use_code).
pub(crate) async fn try_code(
    open: &mut Transaction,
    presented: &PresentedCode,
    limits: &TryLimits,
    is_right: impl Fn(CodeRequestId, &[u8]) -> bool,
) -> Result<Result<CodeRequestId, CodeRefusal>, StoreError> {
    let Some(code) = find(open, presented, limits).await? else { return Ok(Err(CodeRefusal::NotFound)) };
    if let Some(refusal) = code.dead(presented, limits) {
        return Ok(Err(refusal));
    }
    let (mailbox, now) = (presented.mailbox.as_str(), presented.at.wall);
    if let Some(until) = too_many_wrong(open, mailbox, limits, now).await? {
        return Ok(Err(CodeRefusal::WrongUntil(until)));
    }
    if !code.long && too_many_of_all(open, limits, now).await? {
        return Ok(Err(CodeRefusal::TooShort));
    }
    let id = read_id(&code.id, "mail_codes.id")?;
    let same_purpose = code.purpose == presented.purpose;
    if same_purpose && code.hash.as_deref().is_some_and(|hash| is_right(id, hash)) {
        return Ok(Ok(id));
    }
    let failures: Option<(i64,)> = match presented.request {
        Some(_) => open.first(COUNT, values![&code.id, limits.per_code]).await?,
        None => open.first(COUNT_UNNAMED, values![&code.id]).await?,
    };
    let (failures,) = failures.ok_or(StoreError::Unreadable { column: "mail_codes.state" })?;
    open.execute(NOTE_FAILURE, values![&KeyId::new().to_string(), mailbox, now, &code.purpose]).await?;
    Ok(Err(match limits.per_code - failures {
        ..=0 => CodeRefusal::LockedOut,
        left if same_purpose => CodeRefusal::Wrong(left),
        left => CodeRefusal::OtherPurpose(left),
    }))
}

/// Voids a code for good.
pub(crate) async fn use_code(open: &mut Transaction, code: CodeRequestId) -> Result<(), StoreError> {
    match open.execute(USE, values![&code.to_string()]).await? {
        1 => Ok(()),
        _ => Err(StoreError::Unreadable { column: "mail_codes.state" }),
    }
}

/// When codes of the mailbox are taken again, if there were too many wrong ones.
pub(crate) async fn too_many_wrong(
    open: &mut Transaction,
    mailbox: &str,
    limits: &TryLimits,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let (since, until) = window(limits.window_seconds, now);
    let own: Option<(i64,)> =
        open.first(NTH_OF_MAILBOX, values![mailbox, since, until, limits.per_mailbox - 1]).await?;
    Ok(room_again(own, limits.window_seconds))
}

/// Whether there were too many wrong ones at all accounts together.
async fn too_many_of_all(
    open: &mut Transaction,
    limits: &TryLimits,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (since, until) = window(limits.window_seconds, now);
    let nth: Option<(i64,)> = open.first(NTH_OF_ALL, values![since, until, limits.overall - 1]).await?;
    Ok(nth.is_some())
}

/// Whether there were as many wrong ones as that, of the mailbox or of all.
pub(crate) async fn wrong_beyond(
    open: &mut Transaction,
    mailbox: &str,
    limits: &TryLimits,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(too_many_wrong(open, mailbox, limits, now).await?.is_some()
        || too_many_of_all(open, limits, now).await?)
}

/// The code that is meant. Without the id of a request that is the newest one for this purpose, as long as
/// it is good, else the newest of all, so that a resent code voids the one before.
async fn find(
    open: &mut Transaction,
    presented: &PresentedCode,
    limits: &TryLimits,
) -> Result<Option<StoredCode>, StoreError> {
    let mailbox = presented.mailbox.as_str();
    if let Some(request) = presented.request {
        return open.first(OF_REQUEST, values![&request.to_string(), mailbox]).await;
    }
    let latest = presented.at.wall.plus_seconds(SKEW_SECONDS);
    let fitting: Option<StoredCode> =
        open.first(NEWEST_FOR, values![mailbox, presented.purpose, latest]).await?;
    match fitting.filter(|code| code.dead(presented, limits).is_none()) {
        Some(code) => Ok(Some(code)),
        None => open.first(NEWEST, values![mailbox]).await,
    }
}

#[derive(FromRow)]
struct StoredCode {
    id: String,
    purpose: String,
    hash: Option<Vec<u8>>,
    long: bool,
    state: String,
    unnamed_failures: i64,
    created_at: i64,
    expires_at: i64,
    process: i64,
    steady_ms: i64,
}

impl StoredCode {
    /// Why it is good no longer, if it is not.
    fn dead(&self, presented: &PresentedCode, limits: &TryLimits) -> Option<CodeRefusal> {
        match self.state.as_str() {
            "open" if self.expired(&presented.at, limits) => Some(CodeRefusal::Expired),
            "open" if presented.request.is_none() && self.unnamed_failures >= limits.per_code => {
                Some(CodeRefusal::LockedOut)
            }
            "open" => None,
            "used" => Some(CodeRefusal::Used),
            "locked" => Some(CodeRefusal::LockedOut),
            _ => Some(CodeRefusal::NotFound),
        }
    }

    /// Whether its time is over. Where the clock was set back a code seems to be of the future, and of one
    /// that this process made it is known how old it is.
    fn expired(&self, now: &Moment, limits: &TryLimits) -> bool {
        let aged = self.process == now.process && now.steady_ms - self.steady_ms >= limits.lifetime_ms;
        let of_the_future = self.created_at > now.wall.plus_seconds(SKEW_SECONDS).0;
        self.expires_at <= now.wall.0 || of_the_future || aged
    }
}

/// The columns of a code, and which one.
macro_rules! code {
    ($rest:literal) => {
        concat!(
            "SELECT id, purpose, hash, long, state, unnamed_failures, created_at, expires_at, process, \
             steady_ms FROM mail_codes ",
            $rest
        )
    };
}

statements! {
    OF_REQUEST = code!("WHERE id = $1 AND mailbox = $2");
    NEWEST_FOR = code!("WHERE mailbox = $1 AND purpose = $2 AND created_at <= $3 \
                        ORDER BY created_at DESC, id DESC LIMIT 1");
    NEWEST = code!("WHERE mailbox = $1 ORDER BY created_at DESC, id DESC LIMIT 1");
    COUNT = "UPDATE mail_codes SET failures = failures + 1, \
             state = CASE WHEN failures + 1 >= $2 THEN 'locked' ELSE state END, \
             hash = CASE WHEN failures + 1 >= $2 THEN NULL ELSE hash END \
             WHERE id = $1 AND state = 'open' RETURNING failures";
    COUNT_UNNAMED = "UPDATE mail_codes SET unnamed_failures = unnamed_failures + 1 \
                     WHERE id = $1 AND state = 'open' RETURNING unnamed_failures";
    NOTE_FAILURE = "INSERT INTO mail_code_failures (id, mailbox, at, at_account) VALUES ($1, $2, $3, \
                    CAST($4 AS TEXT) = 'login' AND EXISTS (SELECT 1 FROM users WHERE mailbox = $2))";
    USE = "UPDATE mail_codes SET state = 'used', hash = NULL WHERE id = $1 AND state = 'open'";
    NTH_OF_MAILBOX = "SELECT at FROM mail_code_failures WHERE mailbox = $1 AND at > $2 AND at <= $3 \
                      ORDER BY at DESC LIMIT 1 OFFSET $4";
    NTH_OF_ALL = "SELECT at FROM mail_code_failures WHERE at_account AND at > $1 AND at <= $2 \
                  ORDER BY at DESC LIMIT 1 OFFSET $3";
}
