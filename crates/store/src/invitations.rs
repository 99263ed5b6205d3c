//! Mailboxes that were asked to come into an organization.

use keywright_protocol::wire::Invitation;
use keywright_protocol::{InvitationId, Mailbox, OrganizationId, Role, Timestamp, UserId};
use sqlx::FromRow;

use crate::accounts::join;
use crate::callers::{Acting, CallerFacts, OrganizationChange, begin_acting, caller_facts, read_role};
use crate::engine::{Transaction, transaction, values};
use crate::keys::{active_in, free_name};
use crate::organizations::owned_by;
use crate::room::{Room, room};
use crate::statement::statements;
use crate::tokens::{NewToken, read_id, take_turn};
use crate::{Store, StoreError};

/// An invitation as it is to be stored.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Its id.
    pub id: InvitationId,
    /// To whom.
    pub mailbox: Mailbox,
    /// What whoever comes will be.
    pub role: Role,
    /// Until when.
    pub expires_at: Timestamp,
}

/// How many invitations may be mailed within a rolling time.
#[derive(Clone, Copy, Debug)]
pub struct InvitationLimits {
    /// By one organization; at least 1.
    pub per_organization: i64,
    /// By one user, from all organizations; at least 1.
    pub per_inviter: i64,
    /// To one mailbox, by all organizations; at least 1.
    pub per_mailbox: i64,
    /// By all together; at least 1.
    pub overall: i64,
    /// Within so many seconds.
    pub window_seconds: i64,
    /// By one organization to one mailbox at most one within so many seconds.
    pub resend_seconds: i64,
}

/// What is true of an invitation that is to be made.
#[derive(Clone, Debug)]
pub struct InviteFacts {
    /// Whether the mailbox belongs to a member.
    pub is_member: bool,
    /// What of the organization is taken, an earlier invitation of the mailbox not counted.
    pub room: Room,
    /// When the organization may mail this mailbox again, if it may not now.
    pub mailed_until: Option<Timestamp>,
    /// When the organization may mail again at all.
    pub organization_full_until: Option<Timestamp>,
    /// When the user who invites may mail again at all.
    pub inviter_full_until: Option<Timestamp>,
    /// When anybody may mail this mailbox again.
    pub mailbox_full_until: Option<Timestamp>,
    /// When anybody may mail anybody again.
    pub all_full_until: Option<Timestamp>,
}

/// An invitation that was stored and is to be mailed.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The mailbox of whoever invited.
    pub invited_by: Option<Mailbox>,
    /// The one whose place it took.
    pub replaced: Option<Invitation>,
}

/// What is true of an invitation that is to be accepted.
#[derive(Clone, Debug)]
pub struct AcceptFacts {
    /// What the user becomes.
    pub role: Role,
    /// Whether the user is a member already.
    pub is_member: bool,
    /// How many organizations the user owns.
    pub owned: i64,
    /// What of the organization is taken.
    pub room: Room,
}

impl Store {
    /// The open invitations into an organization, newest first.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn invitations_into(
        &self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Vec<Invitation>, StoreError> {
        let rows: Vec<StoredInvitation> = self.all(INTO, values![now, &organization.to_string()]).await?;
        rows.into_iter().map(StoredInvitation::read).collect()
    }

    /// The open invitations of a user's mailbox, newest first.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn invitations_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Invitation>, StoreError> {
        let rows: Vec<StoredInvitation> = self.all(OF_USER, values![now, &user.to_string()]).await?;
        rows.into_iter().map(StoredInvitation::read).collect()
    }

    /// Stores an invitation in the place of an earlier one of the same mailbox: counted exactly, however many
    /// ask at once, on however many servers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn invite<E>(
        &self,
        acting: &Acting,
        new: &NewInvitation,
        limits: &InvitationLimits,
        judge: impl Fn(&CallerFacts, &InviteFacts) -> Result<(), E>,
    ) -> Result<OrganizationChange<Invited, E>, StoreError> {
        transaction!(self, |open| {
            open.execute(TAKE_TURN, values![]).await?;
            match begin_acting(open, acting).await? {
                None => OrganizationChange::CallerEnded,
                Some(caller) => {
                    match judge(&caller, &invite_facts(open, acting, caller.user, new, limits).await?) {
                        Err(refusal) => OrganizationChange::Refused(refusal),
                        Ok(()) => {
                            let replaced = replace(open, acting, new).await?;
                            insert(open, acting, new, caller.user).await?;
                            let invitation = find(open, new.id, acting.at).await?;
                            let invitation =
                                invitation.ok_or(StoreError::Unreadable { column: "invitations.id" })?;
                            OrganizationChange::Made(Invited {
                                invitation,
                                invited_by: caller.mailbox,
                                replaced,
                            })
                        }
                    }
                }
            }
        })
    }

    /// Takes back an invitation that could not be mailed: the one whose place it took is back. It still counts for
    /// the organization and the inviter, and for the mailbox if the mail may arrive all the same.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn uninvite(&self, invited: &Invited, may_arrive: bool) -> Result<(), StoreError> {
        let id = invited.invitation.invitation_id.to_string();
        transaction!(self, |open| {
            take_turn(open, invited.invitation.organization_id).await?;
            if !may_arrive {
                open.execute(RELEASE_MAILBOX, values![&id]).await?;
            }
            if let Some(former) = &invited.replaced {
                let (former_id, inviter) = (former.invitation_id.to_string(), former.invited_by.to_string());
                let (role, since, until) = (former.role.as_str(), former.created_at, former.expires_at);
                open.execute(BRING_BACK, values![&id, &former_id, role, &inviter, since, until]).await?;
            }
            open.execute(DELETE, values![&id]).await?;
        })
    }

    /// Makes the caller's user a member of the organization that invited its mailbox, with a key there. The
    /// name that the key has got, and what the user is now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn accept_invitation<E>(
        &self,
        acting: &Acting,
        invitation: InvitationId,
        key: &NewToken,
        judge: impl Fn(&CallerFacts, &AcceptFacts) -> Result<(), E>,
    ) -> Result<OrganizationChange<(String, Role), E>, StoreError> {
        let at = acting.at;
        transaction!(self, |open| {
            match accepted(open, acting, invitation, key, &judge).await? {
                Err(refused) => refused,
                Ok(role) => {
                    join(open, key.user, key.organization, role, at).await?;
                    let taken = active_in(open, key.organization, at).await?;
                    let name = free_name(&key.name, &taken);
                    let key = NewToken { name, ..key.clone() };
                    key.insert_plainly(open).await?;
                    OrganizationChange::Made((key.name, role))
                }
            }
        })
    }

    /// Ends an open invitation: withdrawn or declined. What it was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn close_invitation<E>(
        &self,
        acting: &Acting,
        id: InvitationId,
        judge: impl Fn(&CallerFacts, &Invitation) -> Result<(), E>,
    ) -> Result<OrganizationChange<Invitation, E>, StoreError> {
        transaction!(self, |open| {
            let caller = begin_acting(open, acting).await?;
            let found = find(open, id, acting.at).await?;
            match (caller, found) {
                (None, _) => OrganizationChange::CallerEnded,
                (_, None) => OrganizationChange::NotThere,
                (Some(caller), Some(invitation)) => match judge(&caller, &invitation) {
                    Err(refusal) => OrganizationChange::Refused(refusal),
                    // Somebody accepted it at this moment.
                    Ok(()) if open.execute(DELETE, values![&id.to_string()]).await? == 0 => {
                        OrganizationChange::NotThere
                    }
                    Ok(()) => OrganizationChange::Made(invitation),
                },
            }
        })
    }
}

async fn invite_facts(
    open: &mut Transaction,
    acting: &Acting,
    inviter: UserId,
    new: &NewInvitation,
    limits: &InvitationLimits,
) -> Result<InviteFacts, StoreError> {
    let (organization, mailbox, at) = (acting.organization.to_string(), new.mailbox.as_str(), acting.at);
    let member: Option<(String,)> = open.first(MEMBER, values![&organization, mailbox]).await?;
    let invited: Option<(String,)> = open.first(INVITED, values![&organization, mailbox, at]).await?;
    let mut room = room(open, acting.organization, at).await?;
    room.seats -= i64::from(invited.is_some());
    let (window, pause) = (limits.window_seconds, limits.resend_seconds);
    let last: Option<(i64,)> =
        open.first(LAST_MAIL, values![&organization, mailbox, at.plus_seconds(-pause)]).await?;
    // The n-th newest: while it is inside the window there is no room, and its leaving makes some.
    let (since, inviter) = (at.plus_seconds(-window), inviter.to_string());
    let full = [
        (NTH_BY_ORGANIZATION, organization.as_str(), limits.per_organization),
        (NTH_BY_INVITER, inviter.as_str(), limits.per_inviter),
        (NTH_BY_MAILBOX, mailbox, limits.per_mailbox),
    ];
    let mut until = [None; 3];
    for ((sql, whose, most), until) in full.into_iter().zip(&mut until) {
        let nth: Option<(i64,)> = open.first(sql, values![whose, since, most - 1]).await?;
        *until = over(nth, window);
    }
    let overall: Option<(i64,)> = open.first(NTH_OVERALL, values![since, limits.overall - 1]).await?;
    let [organization_full_until, inviter_full_until, mailbox_full_until] = until;
    Ok(InviteFacts {
        is_member: member.is_some(),
        room,
        mailed_until: over(last, pause),
        organization_full_until,
        inviter_full_until,
        mailbox_full_until,
        all_full_until: over(overall, window),
    })
}

/// When a mail no longer counts.
fn over(mail: Option<(i64,)>, seconds: i64) -> Option<Timestamp> {
    mail.map(|(at,)| Timestamp(at).plus_seconds(seconds))
}

/// Takes out the earlier invitation of the same mailbox, over or not. What it was, if it was not.
async fn replace(
    open: &mut Transaction,
    acting: &Acting,
    new: &NewInvitation,
) -> Result<Option<Invitation>, StoreError> {
    let (organization, mailbox) = (acting.organization.to_string(), new.mailbox.as_str());
    let former: Option<StoredInvitation> =
        open.first(EARLIER, values![acting.at, &organization, mailbox]).await?;
    open.execute(DELETE_EARLIER, values![&organization, mailbox]).await?;
    former.map(StoredInvitation::read).transpose()
}

/// Stores it, and notes that it is mailed.
async fn insert(
    open: &mut Transaction,
    acting: &Acting,
    new: &NewInvitation,
    inviter: UserId,
) -> Result<(), StoreError> {
    let (id, organization, inviter) =
        (new.id.to_string(), acting.organization.to_string(), inviter.to_string());
    let (mailbox, role) = (new.mailbox.as_str(), new.role.as_str());
    let values = values![&id, &organization, mailbox, role, &inviter, acting.at, new.expires_at];
    open.execute(INSERT, values).await?;
    open.execute(NOTE_MAIL, values![&id, &organization, &inviter, mailbox, acting.at]).await.map(drop)
}

/// Judges, and takes the invitation out; nothing is changed before that.
async fn accepted<T, E>(
    open: &mut Transaction,
    acting: &Acting,
    id: InvitationId,
    key: &NewToken,
    judge: &impl Fn(&CallerFacts, &AcceptFacts) -> Result<(), E>,
) -> Result<Result<Role, OrganizationChange<T, E>>, StoreError> {
    // In the order of ids, so that two who accept never wait for each other crosswise.
    let mut organizations = [acting.organization, key.organization];
    organizations.sort_unstable();
    for organization in organizations {
        take_turn(open, organization).await?;
    }
    let Some(caller) = caller_facts(open, acting.token, acting.at).await? else {
        return Ok(Err(OrganizationChange::CallerEnded));
    };
    let own = |invitation: &Invitation| {
        invitation.organization_id == key.organization
            && caller.mailbox.as_ref().is_some_and(|mailbox| mailbox.as_str() == invitation.email)
    };
    let Some(invitation) = find(open, id, acting.at).await?.filter(own) else {
        return Ok(Err(OrganizationChange::NotThere));
    };
    let (organization, mailbox) = (key.organization.to_string(), invitation.email.as_str());
    let member: Option<(String,)> = open.first(MEMBER, values![&organization, mailbox]).await?;
    let facts = AcceptFacts {
        role: invitation.role,
        is_member: member.is_some(),
        owned: owned_by(open, caller.user).await?,
        room: room(open, key.organization, acting.at).await?,
    };
    if let Err(refusal) = judge(&caller, &facts) {
        return Ok(Err(OrganizationChange::Refused(refusal)));
    }
    // Somebody withdrew it at this moment.
    if open.execute(DELETE, values![&id.to_string()]).await? == 0 {
        return Ok(Err(OrganizationChange::NotThere));
    }
    Ok(Ok(invitation.role))
}

async fn find(
    open: &mut Transaction,
    id: InvitationId,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    let found: Option<StoredInvitation> = open.first(FIND, values![now, &id.to_string()]).await?;
    found.map(StoredInvitation::read).transpose()
}

#[derive(FromRow)]
struct StoredInvitation {
    id: String,
    organization_id: String,
    organization_name: String,
    mailbox: String,
    role: String,
    invited_by: String,
    created_at: i64,
    expires_at: i64,
}

impl StoredInvitation {
    fn read(self) -> Result<Invitation, StoreError> {
        Ok(Invitation {
            invitation_id: read_id(&self.id, "invitations.id")?,
            organization_id: read_id(&self.organization_id, "invitations.organization_id")?,
            organization_name: self.organization_name,
            email: self.mailbox,
            role: read_role(&self.role, "invitations.role")?,
            invited_by: read_id(&self.invited_by, "invitations.invited_by")?,
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
        })
    }
}

/// `$1` is now.
macro_rules! open_invitations {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.organization_id, o.name AS organization_name, i.mailbox, i.role, i.invited_by, \
             i.created_at, i.expires_at FROM invitations i JOIN organizations o ON o.id = i.organization_id \
             WHERE i.expires_at > $1 ",
            $rest
        )
    };
}

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'invite'";
    INTO = open_invitations!("AND i.organization_id = $2 ORDER BY i.id DESC");
    OF_USER = open_invitations!(
        "AND i.mailbox = (SELECT mailbox FROM users WHERE id = $2) ORDER BY i.id DESC"
    );
    FIND = open_invitations!("AND i.id = $2");
    EARLIER = open_invitations!("AND i.organization_id = $2 AND i.mailbox = $3");
    DELETE_EARLIER = "DELETE FROM invitations WHERE organization_id = $1 AND mailbox = $2";
    INSERT = "INSERT INTO invitations (id, organization_id, mailbox, role, invited_by, created_at, \
              expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    DELETE = "DELETE FROM invitations WHERE id = $1";
    /// Not if it is accepted or withdrawn already, or if whoever made the former one has left or could not
    /// make it any more.
    BRING_BACK = "UPDATE invitations SET id = $2, role = $3, invited_by = $4, created_at = $5, \
                  expires_at = $6 WHERE id = $1 AND EXISTS (SELECT 1 FROM memberships m \
                  WHERE m.organization_id = invitations.organization_id AND m.user_id = $4 \
                  AND (m.role = 'owner' OR m.role = 'admin' AND $3 <> 'owner'))";
    MEMBER = "SELECT m.role FROM memberships m JOIN users u ON u.id = m.user_id \
              WHERE m.organization_id = $1 AND u.mailbox = $2";
    INVITED = "SELECT id FROM invitations WHERE organization_id = $1 AND mailbox = $2 AND expires_at > $3";
    NOTE_MAIL = "INSERT INTO invitation_mails (id, organization_id, invited_by, mailbox, at) \
                 VALUES ($1, $2, $3, $4, $5)";
    RELEASE_MAILBOX = "UPDATE invitation_mails SET mailbox = NULL WHERE id = $1";
    LAST_MAIL = "SELECT at FROM invitation_mails WHERE organization_id = $1 AND mailbox = $2 AND at > $3 \
                 ORDER BY at DESC LIMIT 1";
    NTH_BY_ORGANIZATION = "SELECT at FROM invitation_mails WHERE organization_id = $1 AND at > $2 \
                           ORDER BY at DESC LIMIT 1 OFFSET $3";
    NTH_BY_INVITER = "SELECT at FROM invitation_mails WHERE invited_by = $1 AND at > $2 \
                      ORDER BY at DESC LIMIT 1 OFFSET $3";
    NTH_OVERALL = "SELECT at FROM invitation_mails WHERE mailbox IS NOT NULL AND at > $1 \
                   ORDER BY at DESC LIMIT 1 OFFSET $2";
    NTH_BY_MAILBOX = "SELECT at FROM invitation_mails WHERE mailbox = $1 AND at > $2 \
                      ORDER BY at DESC LIMIT 1 OFFSET $3";
}
