//! What a right code opens: an account with an organization and a key, all in one transaction.
//!
//! Who may come in where is decided by `identity`, which is asked in the middle of the transaction.

use keywright_protocol::{CodeRequestId, KeyId, OrganizationId, Role, Scopes, Timestamp, UserId};
use keywright_secret::{TokenHash, TokenKind};

use crate::accounts::{describe_organization, insert_organization, insert_person, join};
use crate::engine::{Transaction, transaction, values};
use crate::essential::{mark, mark_like};
use crate::generation::count_up;
use crate::keys::{KeyRow, active_in, free_name};
use crate::mail_codes::{end_cooldown, take_mail_turn};
use crate::mail_tries::{CodeRefusal, PresentedCode, TryLimits, try_code, use_code};
use crate::mailbox_facts::{MailboxFacts, facts_of};
use crate::statement::statements;
use crate::tokens::{NewToken, revoke, take_turn};
use crate::upgrade::{Merge, UpgradeTerms, Upgraded, check_upgrade, end_account, take_over};
use crate::{Store, StoreError};

/// What is asked for with a code.
#[derive(Clone, Debug)]
pub struct CompletionTerms {
    /// The key to make.
    pub key: IssuedKey,
    /// How many active keys an organization may have.
    pub most_keys: i64,
    /// Keys of the organization to end in the same step.
    pub revoke_keys: Vec<KeyId>,
    /// The temporary account that comes along.
    pub upgrade: Option<UpgradeTerms>,
    /// Whether the user is marked: no content of it is captured.
    pub essential_traffic_only: bool,
}

/// A key whose user and organization are not known yet.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// Its id.
    pub id: KeyId,
    /// What it is looked up by.
    pub hash: TokenHash,
    /// What may be shown of it.
    pub hint: String,
    /// Its name; a number is put behind one that is taken.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// Where whoever has the right code comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// Into a new organization; that of the temporary account, if one comes along.
    Found {
        /// Its name.
        name: String,
        /// What it is.
        description: Option<String>,
    },
    /// Into one that the user is in.
    Return(OrganizationId),
    /// Into one that the mailbox is invited into.
    Accept(OrganizationId),
}

/// What became of a code that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion<E> {
    /// All is made, and the code is used.
    Done(Box<Completed>),
    /// The code is not taken.
    BadCode(CodeRefusal),
    /// Whoever decides lets nobody in; the code is as good as before, as below.
    Refused(E),
    /// The token that came along is not that of a temporary account which can be upgraded.
    NotTemporary,
    /// Others belong to the organization of the temporary account.
    NotAlone,
    /// One of the keys to end is not there, or may not be ended by this user.
    NoSuchKey(KeyId),
    /// The organization has as many active keys as it may have; these may be ended by this user.
    TooManyKeys(Vec<KeyRow>),
    /// More keys of the temporary account are to live on than leave room for the new one; these are its keys.
    KeepsTooMany(Vec<KeyRow>),
}

/// What was made with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The user.
    pub user: UserId,
    /// Whether the mailbox had none before.
    pub new_user: bool,
    /// The organization.
    pub organization: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// The name that the key got.
    pub key_name: String,
    /// Tokens that have ended.
    pub ended: Vec<TokenHash>,
    /// Tokens of which something else is true now.
    pub changed: Vec<TokenHash>,
    /// What became of the temporary account.
    pub upgraded: Option<Upgraded>,
}

/// The transaction failed and left nothing behind.
#[derive(Debug)]
pub struct CompletionFailed {
    /// Why.
    pub error: StoreError,
    /// Whether the code had been found right by then.
    pub making: bool,
}

impl Store {
    /// Tries a code and makes all that it is good for: all of it, or nothing and the code stays as it is.
    /// Only success uses it up. Exact however many ask at once, on however many servers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complete<E>(
        &self,
        presented: &PresentedCode,
        limits: &TryLimits,
        is_right: impl Fn(CodeRequestId, &[u8]) -> bool,
        terms: &CompletionTerms,
        decide: impl Fn(&MailboxFacts) -> Result<Entrance, E>,
    ) -> Result<Completion<E>, CompletionFailed> {
        let request = presented.request.map(|request| request.to_string());
        // Whoever makes up mailboxes must not keep all others waiting.
        let known: Result<Option<(String,)>, _> =
            self.first(KNOWN, values![presented.mailbox.as_str(), &request]).await;
        if known.map_err(|error| CompletionFailed { error, making: false })?.is_none() {
            return Ok(Completion::BadCode(CodeRefusal::NotFound));
        }
        let mut making = false;
        let outcome = transaction!(self, |open| {
            making = false;
            take_mail_turn(open).await?;
            match try_code(open, presented, limits, &is_right).await? {
                Err(refusal) => Completion::BadCode(refusal),
                Ok(code) => {
                    making = true;
                    end_cooldown(open, &presented.mailbox, presented.at.wall).await?;
                    let mut made = enter(open, presented, terms, &decide).await?;
                    if let Completion::Done(made) = &mut made {
                        use_code(open, code).await?;
                        carry_mark(open, terms, made).await?;
                    }
                    made
                }
            }
        });
        outcome.map_err(|error| CompletionFailed { error, making })
    }
}

/// Decides in the turns of all organizations that it touches.
async fn enter<E>(
    open: &mut Transaction,
    presented: &PresentedCode,
    terms: &CompletionTerms,
    decide: impl Fn(&MailboxFacts) -> Result<Entrance, E>,
) -> Result<Completion<E>, StoreError> {
    let now = presented.at.wall;
    if let Some(upgrade) = &terms.upgrade {
        take_turn(open, upgrade.organization).await?;
    }
    let mut locked = None;
    loop {
        let facts = facts_of(open, &presented.mailbox, now).await?;
        let entrance = match decide(&facts) {
            Ok(entrance) => entrance,
            Err(why) => return Ok(Completion::Refused(why)),
        };
        let organization = match entrance {
            Entrance::Found { name, description } => {
                return found(open, presented, terms, &facts, &name, description).await;
            }
            Entrance::Return(organization) | Entrance::Accept(organization) => organization,
        };
        if locked == Some(organization) {
            return come_in(open, presented, terms, &facts, organization).await;
        }
        take_turn(open, organization).await?;
        // Somebody may have changed it until our turn came: decide again.
        locked = Some(organization);
    }
}

/// Marks the user if that is asked, or the temporary account that went into it was marked.
async fn carry_mark(
    open: &mut Transaction,
    terms: &CompletionTerms,
    made: &mut Completed,
) -> Result<(), StoreError> {
    let marked = match (&terms.upgrade, terms.essential_traffic_only) {
        (_, true) => mark(open, made.user, true).await?,
        (Some(upgrade), false) => mark_like(open, made.user, upgrade.user).await?,
        (None, false) => return Ok(()),
    };
    if !marked.is_empty() {
        made.changed.extend(marked);
        count_up(open).await?;
    }
    Ok(())
}

/// Makes an organization, or takes the temporary account's.
async fn found<E>(
    open: &mut Transaction,
    presented: &PresentedCode,
    terms: &CompletionTerms,
    facts: &MailboxFacts,
    name: &str,
    description: Option<String>,
) -> Result<Completion<E>, StoreError> {
    let now = presented.at.wall;
    let (user, organization, upgraded) = match &terms.upgrade {
        None => {
            let user = match facts.user {
                Some(user) => user,
                None => insert_person(open, &presented.mailbox, now).await?,
            };
            let organization = OrganizationId::new();
            insert_organization(open, organization, name, &description, now).await?;
            join(open, user, organization, Role::Owner, now).await?;
            (user, organization, None)
        }
        Some(upgrade) => {
            let checked = match check_upgrade(open, upgrade, now).await? {
                Ok(checked) => checked,
                Err(obstacle) => return Ok(obstacle.into()),
            };
            if checked.kept_that_count(upgrade) >= terms.most_keys {
                return Ok(Completion::KeepsTooMany(checked.keys));
            }
            let taken = take_over(open, upgrade, checked, &presented.mailbox, facts.user, now).await?;
            let Some(taken) = taken else { return Ok(Completion::NotTemporary) };
            if let Some(former) = facts.user {
                mark_like(open, upgrade.user, former).await?;
            }
            describe_organization(open, upgrade.organization, name, &description).await?;
            (upgrade.user, upgrade.organization, Some(taken))
        }
    };
    let administers = upgraded.as_ref().is_some_and(|upgraded| upgraded.administers);
    let key_name = issue(open, terms, user, organization, now, administers).await?;
    if upgraded.is_some() {
        count_up(open).await?;
    }
    let (ended, changed) = upgraded
        .as_ref()
        .map(|upgraded| (upgraded.ended.clone(), upgraded.kept_hashes.clone()))
        .unwrap_or_default();
    Ok(Completion::Done(Box::new(Completed {
        user,
        new_user: facts.user.is_none(),
        organization,
        organization_name: name.to_owned(),
        key_name,
        ended,
        changed,
        upgraded,
    })))
}

/// Makes a key in an organization that is there; its turn is taken.
async fn come_in<E>(
    open: &mut Transaction,
    presented: &PresentedCode,
    terms: &CompletionTerms,
    facts: &MailboxFacts,
    organization: OrganizationId,
) -> Result<Completion<E>, StoreError> {
    let now = presented.at.wall;
    let (name, role) = match (facts.belonging(organization), facts.invitation(organization)) {
        (Some(belonging), _) => (belonging.name.clone(), belonging.role),
        (None, Some(invitation)) => (invitation.name.clone(), invitation.role),
        (None, None) => return Err(StoreError::Unreadable { column: "memberships.organization_id" }),
    };
    // First all that can refuse, then all that changes.
    let (counted, may_end) = keys_of(open, organization, facts.user, role, now).await?;
    let mut revoke_keys = terms.revoke_keys.clone();
    revoke_keys.sort_unstable();
    revoke_keys.dedup();
    let mut freed = 0;
    for key in &revoke_keys {
        match may_end.iter().find(|row| row.id == *key) {
            Some(row) => freed += i64::from(row.replaced_by.is_none()),
            None => return Ok(Completion::NoSuchKey(*key)),
        }
    }
    if counted - freed >= terms.most_keys {
        return Ok(Completion::TooManyKeys(may_end));
    }
    let merge = match &terms.upgrade {
        None => None,
        Some(upgrade) => match check_upgrade(open, upgrade, now).await? {
            Ok(checked) => Some(Merge { terms: upgrade, administers: checked.administers }),
            Err(obstacle) => return Ok(obstacle.into()),
        },
    };

    let user = match facts.user {
        Some(user) => user,
        None => insert_person(open, &presented.mailbox, now).await?,
    };
    if facts.belonging(organization).is_none() {
        join(open, user, organization, role, now).await?;
        let (mailbox, organization) = (presented.mailbox.as_str(), organization.to_string());
        open.execute(ACCEPT, values![mailbox, &organization]).await?;
    }
    let mut ended = Vec::new();
    for key in &revoke_keys {
        let revoked = revoke(open, organization, *key, now).await?;
        ended.extend(revoked.iter().map(|token| token.hash));
    }
    let administers = merge.as_ref().is_some_and(|merge| merge.administers);
    let key_name = issue(open, terms, user, organization, now, administers).await?;
    let upgraded = match merge {
        None => None,
        Some(merge) => Some(end_account(open, &merge, user, organization, now).await?),
    };
    ended.extend(upgraded.iter().flat_map(|upgraded| upgraded.ended.iter().copied()));
    if !ended.is_empty() {
        count_up(open).await?;
    }
    Ok(Completion::Done(Box::new(Completed {
        user,
        new_user: facts.user.is_none(),
        organization,
        organization_name: name,
        key_name,
        ended,
        changed: Vec::new(),
        upgraded,
    })))
}

/// How many active keys of the organization count, and which of all the user may end.
async fn keys_of(
    open: &mut Transaction,
    organization: OrganizationId,
    user: Option<UserId>,
    role: Role,
    now: Timestamp,
) -> Result<(i64, Vec<KeyRow>), StoreError> {
    let mut keys = active_in(open, organization, now).await?;
    let counted = keys.iter().filter(|key| key.replaced_by.is_none()).count();
    keys.retain(|key| role >= Role::Admin || Some(key.user) == user);
    Ok((counted as i64, keys))
}

/// Stores the key, under a name that is free.
async fn issue(
    open: &mut Transaction,
    terms: &CompletionTerms,
    user: UserId,
    organization: OrganizationId,
    now: Timestamp,
    administers: bool,
) -> Result<String, StoreError> {
    let key = &terms.key;
    let taken = active_in(open, organization, now).await?;
    let name = free_name(&key.name, &taken);
    let token = NewToken {
        id: key.id,
        hash: key.hash,
        kind: TokenKind::ApiKey,
        hint: key.hint.clone(),
        user,
        organization,
        parent: None,
        name: name.clone(),
        scopes: key.scopes,
        created_at: now,
        expires_at: key.expires_at,
    };
    token.insert_plainly(open).await?;
    if administers {
        open.execute(ADMINISTER, values![&key.id.to_string()]).await?;
    }
    Ok(name)
}

statements! {
    KNOWN = "SELECT id FROM mail_codes WHERE mailbox = $1 AND (CAST($2 AS TEXT) IS NULL OR id = $2) LIMIT 1";
    ACCEPT = "DELETE FROM invitations WHERE mailbox = $1 AND organization_id = $2";
    ADMINISTER = "UPDATE tokens SET administrator = TRUE WHERE id = $1";
}
