//! Mailboxes that are asked to come: invited, withdrawn, declined, accepted.
//!
//! An invitation tells nobody whether its mailbox has an account here, and the mail holds nothing that accepts
//! it: who comes has proven the mailbox.

use keywright_protocol::wire::{
    AcceptInvitation, EnteredOrganization, Invitation, Invitations, InviteMember, Organization,
};
use keywright_protocol::{
    ApiError, ErrorCode, InvitationId, Mailbox, OrganizationId, Principal, Role, Scope, Timestamp,
};
use keywright_secret::PlatformToken;
use keywright_store::{
    AcceptFacts, Acting, CallerFacts, InvitationLimits, InviteFacts, Invited, NewInvitation,
};

use super::{MOST_SEATS, made, refuse_more_organizations, refuse_narrow};
use crate::failure::{seconds_until, store_failed};
use crate::keys::fields::{asked_key, refuse_wider};
use crate::keys::{MOST_KEYS, created, mint_key, too_many_keys};
use crate::mail::{Mail, MailContent};
use crate::mailbox::fields;
use crate::require::require_role;
use crate::{Identity, require};

impl Identity {
    /// The open invitations into the organization that the caller acts in, newest first.
    ///
    /// # Errors
    /// `NOT_FOUND` for any other, `FORBIDDEN` for a member, `INSUFFICIENT_SCOPE` without `projects:read`.
    pub async fn organization_invitations(
        &self,
        principal: &Principal,
        organization: OrganizationId,
    ) -> Result<Invitations, ApiError> {
        let now = self.reading(principal, organization)?.at;
        require_role(principal.role, Role::Admin, "see its invitations")?;
        let invitations = self.inner.store.invitations_into(organization, now).await;
        Ok(Invitations { invitations: invitations.map_err(|error| store_failed(&error))? })
    }

    /// The open invitations of the caller's mailbox, into whatever organization, newest first. A user without a
    /// mailbox has none.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE` without `projects:read`, `STORAGE_UNAVAILABLE`.
    pub async fn invitations(&self, principal: &Principal) -> Result<Invitations, ApiError> {
        let now = self.still_standing(principal)?;
        require(principal, Scope::ProjectsRead)?;
        let invitations = self.inner.store.invitations_of(principal.user, now).await;
        Ok(Invitations { invitations: invitations.map_err(|error| store_failed(&error))? })
    }

    /// Invites a mailbox for seven days and mails it, in the place of an earlier invitation. If the mail is not
    /// taken, nothing has changed.
    ///
    /// # Errors
    /// `EMAIL_REQUIRED`, `EMAIL_INVALID`, `ALREADY_MEMBER`, `MAX_MEMBERS_REACHED`, `EMAIL_RATE_LIMITED` and
    /// `MAIL_RATE_LIMITED` with the wait, `MAIL_UNAVAILABLE`, `NOT_FOUND` for another organization, `FORBIDDEN` for a member, for an admin who
    /// invites an owner and for a child, `INSUFFICIENT_SCOPE` without every scope.
    pub async fn invite(
        &self,
        principal: &Principal,
        organization: OrganizationId,
        request: InviteMember,
    ) -> Result<Invitation, ApiError> {
        let acting = self.changing_here(principal, organization)?;
        refuse_narrow(principal.scopes)?;
        let role = request.role.unwrap_or(Role::Member);
        judge_inviter(principal.role, role)?;
        let mailbox = fields::mailbox(request.email.as_ref())?;
        let expires_at = acting.at.plus_seconds(OPEN_SECONDS);
        let new = NewInvitation { id: InvitationId::new(), mailbox, role, expires_at };
        let identity = self.clone();
        // To its end, even if whoever asked goes away: an invitation without its mail would stay.
        let inviting = self.inner.runtime.spawn(async move { identity.invite_and_mail(&acting, new).await });
        inviting.await.map_err(|_panicked_or_shutting_down| ErrorCode::Internal)?
    }

    async fn invite_and_mail(&self, acting: &Acting, new: NewInvitation) -> Result<Invitation, ApiError> {
        let judge = |caller: &CallerFacts, facts: &InviteFacts| {
            refuse_narrow(caller.scopes)?;
            judge_inviter(caller.role, new.role)?;
            judge_invitation(facts, acting.at)
        };
        let change = self.inner.store.invite(acting, &new, &LIMITS, judge).await;
        let invited = made(change.map_err(|error| store_failed(&error))?)?;
        let (id, organization) = (new.id, acting.organization);
        let sending = self.inner.mailroom.hand_over(mail_of(new.mailbox, &invited)).await;
        if let Err(failed) = sending {
            tracing::error!(org.id = %organization, "the invitation {id} of {organization} is taken back: {failed}");
            self.inner
                .store
                .uninvite(&invited, failed.may_arrive)
                .await
                .map_err(|error| store_failed(&error))?;
            return Err(ErrorCode::MailUnavailable.into());
        }
        tracing::info!(org.id = %organization, "the invitation {id} into {organization} was mailed");
        Ok(invited.invitation)
    }

    /// Ends an open invitation: withdrawn by an admin of the organization that the caller acts in, or declined
    /// by the user whose mailbox it is for. What it was.
    ///
    /// # Errors
    /// `NOT_FOUND` for any other, `FORBIDDEN` for a member of its organization and for a child,
    /// `INSUFFICIENT_SCOPE` without `projects:create`.
    pub async fn close_invitation(
        &self,
        principal: &Principal,
        id: InvitationId,
    ) -> Result<Invitation, ApiError> {
        let acting = self.changing(principal)?;
        let judge = |caller: &CallerFacts, invitation: &Invitation| {
            if caller.mailbox.as_ref().is_some_and(|mailbox| mailbox.as_str() == invitation.email) {
                Ok(())
            } else if invitation.organization_id == acting.organization {
                require_role(caller.role, Role::Admin, "withdraw an invitation")
            } else {
                Err(not_there())
            }
        };
        let change = self.inner.store.close_invitation(&acting, id, judge).await;
        let closed = made(change.map_err(|error| store_failed(&error))?)?;
        tracing::info!(org.id = %closed.organization_id, "the invitation {id} was closed");
        Ok(closed)
    }

    /// Makes the caller's user a member of the organization that invited its mailbox, with a key there that may
    /// do what the caller may. The answer leaves `raw` out: the token beside it is the only copy.
    ///
    /// # Errors
    /// `NOT_FOUND` for an invitation that is over or for another mailbox, `ALREADY_MEMBER`,
    /// `MAX_API_KEYS_REACHED`, `MAX_ORGANIZATIONS_REACHED` for a further owner, `INVALID_NAME`,
    /// `INVALID_EXPIRES_IN_DAYS`, `INSUFFICIENT_SCOPE` without `projects:create`, `FORBIDDEN` for a child.
    pub async fn accept_invitation(
        &self,
        principal: &Principal,
        id: InvitationId,
        request: AcceptInvitation,
    ) -> Result<(PlatformToken, EnteredOrganization), ApiError> {
        let acting = self.changing(principal)?;
        let (key_name, lifetime) = asked_key(request.api_key)?;
        let mine = self.inner.store.invitations_of(principal.user, acting.at).await;
        let mine = mine.map_err(|error| store_failed(&error))?;
        let found = mine.into_iter().find(|invitation| invitation.invitation_id == id);
        let organization = found.ok_or_else(not_there)?.organization_id;
        let (user, scopes) = (principal.user, principal.scopes);
        let (token, mut key) = mint_key(user, organization, key_name, scopes, lifetime, acting.at);
        let judge = |caller: &CallerFacts, facts: &AcceptFacts| {
            refuse_wider(caller.scopes, scopes)?;
            judge_acceptance(facts)
        };
        let change = self.inner.store.accept_invitation(&acting, id, &key, judge).await;
        let (key_name, role) = made(change.map_err(|error| store_failed(&error))?)?;
        key.name = key_name;
        self.inner.cache.distrust([key.hash]);
        tracing::info!(user.id = %user, org.id = %organization, "the user {user} came into {organization} as {role}");
        let row = self.inner.store.organization_of(user, organization).await;
        // It may be deleted already.
        let row = row.map_err(|error| store_failed(&error))?.ok_or_else(not_there)?;
        let entered = Organization { current: false, ..super::shown(row, principal) };
        Ok((token, EnteredOrganization { organization: entered, api_key: created(key, None) }))
    }
}

fn judge_inviter(inviter: Role, invited: Role) -> Result<(), ApiError> {
    require_role(inviter, Role::Admin, "invite")?;
    match invited {
        Role::Owner => require_role(inviter, Role::Owner, "invite an owner"),
        Role::Admin | Role::Member => Ok(()),
    }
}

fn judge_invitation(facts: &InviteFacts, now: Timestamp) -> Result<(), ApiError> {
    if facts.is_member {
        return Err(ErrorCode::AlreadyMember.into());
    }
    if facts.room.seats >= MOST_SEATS {
        return Err(ApiError::new(ErrorCode::MaxMembersReached).detail("limit", MOST_SEATS));
    }
    if let Some(until) = facts.all_full_until {
        tracing::warn!("no more invitations are mailed: this hour has had as many as an hour may have");
        return Err(ApiError::new(ErrorCode::MailRateLimited).retry_in(seconds_until(until, now)));
    }
    let waits = [
        (facts.mailed_until, "This mailbox was invited a moment ago."),
        (facts.organization_full_until, "The organization has mailed 20 invitations within an hour."),
        (facts.inviter_full_until, "You have mailed 60 invitations within an hour."),
        (facts.mailbox_full_until, "20 invitations were mailed to this mailbox within an hour."),
    ];
    let longest = waits.into_iter().filter_map(|(until, why)| Some((until?, why))).max();
    match longest {
        None => Ok(()),
        Some((until, why)) => Err(ApiError::new(ErrorCode::EmailRateLimited)
            .because(why)
            .next("Wait for `details.retryInSeconds` seconds; an invitation that is open stays so.")
            .retry_in(seconds_until(until, now))),
    }
}

fn judge_acceptance(facts: &AcceptFacts) -> Result<(), ApiError> {
    if facts.is_member {
        return Err(ErrorCode::AlreadyMember.into());
    }
    if facts.role == Role::Owner {
        refuse_more_organizations(facts.owned)?;
    }
    if facts.room.keys >= i64::from(MOST_KEYS) {
        return Err(too_many_keys()
            .next("Ask an admin of the organization to delete one of its keys; the invitation stays open."));
    }
    Ok(())
}

fn mail_of(to: Mailbox, invited: &Invited) -> Mail {
    let Invitation { organization_id, organization_name, role, expires_at, .. } = &invited.invitation;
    let content = MailContent::Invitation {
        organization: *organization_id,
        organization_name: organization_name.clone(),
        role: *role,
        invited_by: invited.invited_by.clone(),
        expires_at: *expires_at,
    };
    Mail { to, content }
}

fn not_there() -> ApiError {
    ApiError::new(ErrorCode::NotFound)
        .because("There is no such invitation for this mailbox or organization, or it is over.")
        .next("See `keywright orgs invitations`, or ask for another.")
}

/// Seven days.
const OPEN_SECONDS: i64 = 7 * 86_400;
const LIMITS: InvitationLimits = InvitationLimits {
    per_organization: 20,
    per_inviter: 60,
    per_mailbox: 20,
    overall: 1_000,
    window_seconds: 3_600,
    resend_seconds: 30,
};
