//! API keys that change: rotated, renamed, narrowed, given another end. Who may do what is asked of the
//! caller in the middle of the transaction, so that it is judged by what is true at the commit.

use keywright_protocol::wire::UserKind;
use keywright_protocol::{KeyId, OrganizationId, Scopes, Timestamp, UserId};
use keywright_secret::{TokenHash, TokenKind};
use sqlx::FromRow;

use crate::callers::{CallerFacts, caller_facts};
use crate::engine::{Transaction, transaction, values};
use crate::generation::count_up;
use crate::keys::name_is_taken;
use crate::members::read_kind;
use crate::statement::statements;
use crate::tokens::{NewToken, RevokedToken, read_hash, read_id, revoke, take_turn};
use crate::{Store, StoreError};

/// Which key is to change, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct TargetKey {
    /// The key.
    pub key: KeyId,
    /// Its organization.
    pub organization: OrganizationId,
    /// The token that asks.
    pub caller: KeyId,
    /// Now.
    pub at: Timestamp,
}

/// What is true of the key that is to change.
#[derive(Clone, Debug)]
pub struct KeyFacts {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub user: UserId,
    /// Whether that is a service account.
    pub of_service: bool,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Since when its present term runs.
    pub term_from: Timestamp,
    /// When that ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it acts as an administrator where its user is one.
    pub administrator: bool,
    /// The key that took its place.
    pub replaced_by: Option<KeyId>,
    /// The key whose place it took, if that still lives, and its end.
    pub replaces: Option<(KeyId, Timestamp)>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange<T, E> {
    /// It is made.
    Made(T),
    /// It was not allowed.
    Refused(E),
    /// Another active key of the organization has the name.
    NameTaken,
    /// The organization has no such key, or it has ended.
    NotThere,
    /// The token of whoever asked has ended meanwhile.
    CallerEnded,
}

/// The key that takes another's place, as far as it is not like that one.
#[derive(Clone, Debug)]
pub struct Successor {
    /// Its id.
    pub id: KeyId,
    /// What it is looked up by.
    pub hash: TokenHash,
    /// What may be shown of it.
    pub hint: String,
}

/// How a rotation goes.
#[derive(Clone, Copy, Debug)]
pub struct RotationTerms {
    /// When the new key ends.
    pub expires_at: Option<Timestamp>,
    /// How long the old one lives on; it ends at once when left out.
    pub overlap_until: Option<Timestamp>,
}

/// A rotation that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// When the old key ends.
    pub old_ends_at: Timestamp,
    /// What has ended.
    pub ended: Vec<RevokedToken>,
    /// Of what lives on, the tokens of which less is true than was.
    pub changed: Vec<TokenHash>,
}

/// What is to change of a key.
#[derive(Clone, Debug, Default)]
pub struct KeyUpdate {
    /// Its name.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Option<Scopes>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Store {
    /// Puts a new key of the same name, user and scopes in the place of an active one. The two count
    /// once, so that no cap is asked. It acts as an administrator if the old key and the caller both do.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rotate_key<E>(
        &self,
        target: &TargetKey,
        successor: &Successor,
        judge: impl Fn(&KeyFacts, &CallerFacts) -> Result<RotationTerms, E>,
    ) -> Result<KeyChange<Rotated, E>, StoreError> {
        transaction!(self, |open| {
            match facts(open, target).await? {
                Err(refused) => refused,
                Ok((key, caller)) => match judge(&key, &caller) {
                    Err(refusal) => KeyChange::Refused(refusal),
                    Ok(terms) => {
                        let by_administrator = key.administrator && caller.administrator;
                        succeed(open, target, &key, successor, &terms).await?;
                        if by_administrator {
                            open.execute(ADMINISTER, values![&successor.id.to_string()]).await?;
                        }
                        let rotated = retire(open, target, successor.id, terms.overlap_until).await?;
                        count_up(open).await?;
                        KeyChange::Made(rotated)
                    }
                },
            }
        })
    }

    /// Changes an active key, and the one that it took the place of, if that still lives: name and scopes
    /// of both, and the older never ends later. What of memory is no longer true.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn update_key<E>(
        &self,
        target: &TargetKey,
        update: &KeyUpdate,
        judge: impl Fn(&KeyFacts, &CallerFacts) -> Result<(), E>,
    ) -> Result<KeyChange<Vec<TokenHash>, E>, StoreError> {
        let organization = target.organization.to_string();
        transaction!(self, |open| {
            match facts(open, target).await? {
                Err(refused) => refused,
                Ok((key, caller)) => {
                    let taken = match &update.name {
                        Some(name) => {
                            name_is_taken(open, &organization, name, target.at, Some(target.key)).await?
                        }
                        None => false,
                    };
                    match judge(&key, &caller) {
                        Err(refusal) => KeyChange::Refused(refusal),
                        Ok(()) if taken => KeyChange::NameTaken,
                        Ok(()) => {
                            apply(open, target, update).await?;
                            let changed = affected(open, target.key).await?;
                            count_up(open).await?;
                            KeyChange::Made(changed)
                        }
                    }
                }
            }
        })
    }
}

/// Takes the organization's turn and reads what is true in it.
async fn facts<T, E>(
    open: &mut Transaction,
    target: &TargetKey,
) -> Result<Result<(KeyFacts, CallerFacts), KeyChange<T, E>>, StoreError> {
    let (organization, key) = (target.organization.to_string(), target.key.to_string());
    take_turn(open, target.organization).await?;
    let Some(caller) = caller_facts(open, target.caller, target.at).await? else {
        return Ok(Err(KeyChange::CallerEnded));
    };
    let Some(stored) = open.first::<StoredFacts>(FACTS, values![&key, &organization, target.at]).await?
    else {
        return Ok(Err(KeyChange::NotThere));
    };
    let replaces: Option<(String, i64)> = open.first(OVERLAPPING, values![&key, target.at]).await?;
    let mut facts = stored.read()?;
    if let Some((id, end)) = replaces {
        facts.replaces = Some((read_id(&id, "tokens.id")?, Timestamp(end)));
    }
    Ok(Ok((facts, caller)))
}

/// Stores the new key.
async fn succeed(
    open: &mut Transaction,
    target: &TargetKey,
    old: &KeyFacts,
    successor: &Successor,
    terms: &RotationTerms,
) -> Result<(), StoreError> {
    let token = NewToken {
        id: successor.id,
        hash: successor.hash,
        kind: TokenKind::ApiKey,
        hint: successor.hint.clone(),
        user: old.user,
        organization: target.organization,
        parent: None,
        name: old.name.clone(),
        scopes: old.scopes,
        created_at: target.at,
        expires_at: terms.expires_at,
    };
    token.insert_plainly(open).await
}

/// Ends the old key, now or in a while.
async fn retire(
    open: &mut Transaction,
    target: &TargetKey,
    successor: KeyId,
    overlap_until: Option<Timestamp>,
) -> Result<Rotated, StoreError> {
    let (key, new) = (target.key.to_string(), successor.to_string());
    match overlap_until {
        None => {
            let ended = revoke(open, target.organization, target.key, target.at).await?;
            open.execute(REPLACE, values![&key, &new]).await?;
            Ok(Rotated { old_ends_at: target.at, ended, changed: Vec::new() })
        }
        Some(until) => {
            open.execute(REPLACE, values![&key, &new]).await?;
            open.execute(END_AT, values![&key, until]).await?;
            let changed = affected(open, target.key).await?;
            Ok(Rotated { old_ends_at: until, ended: Vec::new(), changed })
        }
    }
}

async fn apply(open: &mut Transaction, target: &TargetKey, update: &KeyUpdate) -> Result<(), StoreError> {
    let key = target.key.to_string();
    let scopes = update.scopes.map(Scopes::to_stored);
    open.execute(RENAME_AND_NARROW, values![&key, &update.name, &scopes]).await?;
    if let Some(end) = update.expires_at {
        open.execute(NEW_TERM, values![&key, end, target.at]).await?;
        open.execute(END_WITH, values![&key, end]).await?;
    }
    Ok(())
}

/// The living tokens that a change of the key touches: itself, the one it took the place of, the children
/// of both.
async fn affected(open: &mut Transaction, key: KeyId) -> Result<Vec<TokenHash>, StoreError> {
    let rows: Vec<(Vec<u8>,)> = open.all(AFFECTED, values![&key.to_string()]).await?;
    rows.iter().map(|(hash,)| read_hash(hash)).collect()
}

#[derive(FromRow)]
struct StoredFacts {
    id: String,
    user_id: String,
    user_kind: String,
    name: String,
    scopes: String,
    created_at: i64,
    term_from: Option<i64>,
    expires_at: Option<i64>,
    administrator: bool,
    replaced_by: Option<String>,
}

impl StoredFacts {
    fn read(self) -> Result<KeyFacts, StoreError> {
        Ok(KeyFacts {
            id: read_id(&self.id, "tokens.id")?,
            user: read_id(&self.user_id, "tokens.user_id")?,
            of_service: read_kind(&self.user_kind)? == UserKind::Service,
            name: self.name,
            scopes: Scopes::from_stored(&self.scopes),
            term_from: Timestamp(self.term_from.unwrap_or(self.created_at)),
            expires_at: self.expires_at.map(Timestamp),
            administrator: self.administrator,
            replaced_by: self.replaced_by.map(|id| read_id(&id, "tokens.replaced_by")).transpose()?,
            replaces: None,
        })
    }
}

statements! {
    FACTS = "SELECT t.id, t.user_id, u.kind AS user_kind, t.name, t.scopes, t.created_at, t.term_from, \
             t.expires_at, t.administrator, t.replaced_by FROM tokens t JOIN users u ON u.id = t.user_id \
             WHERE t.id = $1 AND t.organization_id = $2 AND t.kind = 'sk' AND t.revoked_at IS NULL \
             AND (t.expires_at IS NULL OR t.expires_at > $3)";
    OVERLAPPING = "SELECT id, expires_at FROM tokens WHERE replaced_by = $1 AND revoked_at IS NULL \
                   AND expires_at > $2 LIMIT 1";
    ADMINISTER = "UPDATE tokens SET administrator = TRUE WHERE id = $1";
    REPLACE = "UPDATE tokens SET replaced_by = $2 WHERE id = $1";
    END_AT = "UPDATE tokens SET expires_at = $2 WHERE id = $1";
    RENAME_AND_NARROW = "UPDATE tokens SET name = COALESCE(CAST($2 AS TEXT), name), \
                         scopes = COALESCE(CAST($3 AS TEXT), scopes) \
                         WHERE id = $1 OR (replaced_by = $1 AND revoked_at IS NULL)";
    NEW_TERM = "UPDATE tokens SET expires_at = $2, term_from = $3 WHERE id = $1";
    END_WITH = "UPDATE tokens SET expires_at = $2 WHERE replaced_by = $1 AND revoked_at IS NULL \
                AND (expires_at IS NULL OR expires_at > $2)";
    AFFECTED = "SELECT hash FROM tokens WHERE revoked_at IS NULL AND (id = $1 OR parent_id = $1 \
                OR replaced_by = $1 OR parent_id IN (SELECT id FROM tokens WHERE replaced_by = $1))";
}
