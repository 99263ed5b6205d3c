//! Service accounts: members without a mailbox, with keys only.

use keywright_protocol::Role;

use crate::accounts::join;
use crate::callers::{Acting, CallerFacts, OrganizationChange, begin_acting};
use crate::engine::{transaction, values};
use crate::keys::{active_in, free_name};
use crate::room::{Room, room};
use crate::statement::statements;
use crate::tokens::NewToken;
use crate::{Store, StoreError};

/// A service account as it is to be stored.
#[derive(Clone, Debug)]
pub struct NewServiceAccount {
    /// Its name.
    pub name: String,
    /// Its first key; it names the new user and the organization. Its own name is changed if it is taken.
    pub key: NewToken,
}

impl Store {
    /// Stores a service account, a member of the organization that the caller acts in, with a key. The name
    /// that the key has got. `judge` is also told whether another service account there has its name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_service_account<E>(
        &self,
        acting: &Acting,
        new: &NewServiceAccount,
        judge: impl Fn(&CallerFacts, &Room, bool) -> Result<(), E>,
    ) -> Result<OrganizationChange<String, E>, StoreError> {
        let (user, organization, at) = (new.key.user.to_string(), acting.organization.to_string(), acting.at);
        transaction!(self, |open| {
            match begin_acting(open, acting).await? {
                None => OrganizationChange::CallerEnded,
                Some(caller) => {
                    let room = room(open, acting.organization, at).await?;
                    let named: Option<(String,)> =
                        open.first(NAMED, values![&organization, &new.name]).await?;
                    if let Err(refusal) = judge(&caller, &room, named.is_some()) {
                        OrganizationChange::Refused(refusal)
                    } else {
                        open.execute(INSERT, values![&user, &new.name, at]).await?;
                        join(open, new.key.user, acting.organization, Role::Member, at).await?;
                        let taken = active_in(open, acting.organization, at).await?;
                        let name = free_name(&new.key.name, &taken);
                        let key = NewToken { name, ..new.key.clone() };
                        key.insert_plainly(open).await?;
                        OrganizationChange::Made(key.name)
                    }
                }
            }
        })
    }
}

statements! {
    NAMED = "SELECT u.id FROM users u JOIN memberships m ON m.user_id = u.id \
             WHERE m.organization_id = $1 AND u.kind = 'service' AND u.name = $2 LIMIT 1";
    INSERT = "INSERT INTO users (id, kind, status, administrator, created_at, name) \
              VALUES ($1, 'service', 'active', FALSE, $3, $2)";
}
