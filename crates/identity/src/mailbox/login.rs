//! Signing in: a new key in an organization that the mailbox is in or invited into.

use keywright_protocol::wire::{CompleteLogin, SignedIn};
use keywright_protocol::{ApiError, ErrorCode, Mailbox, OrganizationId, Principal, Role};
use keywright_secret::PlatformToken;
use keywright_store::{Entrance, MailboxFacts};
use serde_json::{Value, json};

use super::completion::Fields;
use super::fields::DEFAULT_ORGANIZATION;
use crate::organizations::refuse_more_organizations;
use crate::{CodePurpose, Identity, IdentitySettings};

impl Identity {
    /// Makes a key with every scope for whoever has the code, in the one organization that the mailbox is in,
    /// or in the one that is named: one that invited the mailbox is joined by that. Keys in `revokeKeys` are
    /// dead when this answers. With `upgrade` the records of `principal`'s temporary account move there, and
    /// all its credentials are dead; a mailbox whose account is in no organization takes the temporary
    /// account as its own. The answer leaves `raw` out: the token beside it is the only copy.
    ///
    /// # Errors
    /// What is wrong with a field, the `OTP_` codes, `EMAIL_RATE_LIMITED`, `MULTIPLE_ORGANIZATIONS` and
    /// `ORGANIZATION_NOT_MEMBER` with `details.organizations`, `USER_NOT_FOUND`, `USER_HAS_NO_ORGANIZATION`,
    /// `MAX_API_KEYS_REACHED` with `details.keys`, `MAX_ORGANIZATIONS_REACHED` for who is invited as an owner, `NOT_FOUND` for a key to revoke, `UPGRADE_REFUSED`,
    /// `SIGNUP_CLOSED`, `STORAGE_UNAVAILABLE`. Only a wrong code or a code for something else counts as a try.
    pub async fn complete_login(
        &self,
        principal: Option<&Principal>,
        asked: CompleteLogin,
    ) -> Result<(PlatformToken, SignedIn), ApiError> {
        let presented = self.read_presented(Fields {
            purpose: CodePurpose::Login,
            email: asked.email.as_ref(),
            code: &asked.code,
            request_id: asked.request_id.as_deref(),
            api_key: asked.api_key,
            essential_traffic_only: asked.essential_traffic_only,
        })?;
        let upgrade = self.read_upgrade(asked.upgrade, principal, asked.keep_keys)?;
        let wish = Wish {
            settings: self.inner.settings.clone(),
            mailbox: presented.mailbox().clone(),
            // What is no id is that of no organization.
            organization: asked.organization_id.map(|id| id.parse().ok()),
            upgrades: upgrade.is_some(),
        };
        self.complete(presented, asked.revoke_keys, upgrade, move |facts| wish.decide(facts)).await
    }
}

/// Where somebody wants to go.
struct Wish {
    settings: IdentitySettings,
    mailbox: Mailbox,
    /// The organization that was named, if it was named by what is an id at all.
    organization: Option<Option<OrganizationId>>,
    upgrades: bool,
}

impl Wish {
    fn decide(&self, facts: &MailboxFacts) -> Result<Entrance, ApiError> {
        let named = self.organization.flatten();
        if let Some(organization) = named.filter(|named| facts.belonging(*named).is_some()) {
            return Ok(Entrance::Return(organization));
        }
        if let Some(invitation) = named.and_then(|named| facts.invitation(named)) {
            if invitation.role == Role::Owner {
                let owned = facts.organizations.iter().filter(|belonging| belonging.role == Role::Owner);
                refuse_more_organizations(owned.count() as i64)?;
            }
            return Ok(Entrance::Accept(invitation.organization));
        }
        match (&facts.organizations[..], self.organization) {
            ([], None) if self.upgrades && facts.user.is_some() => self.take_along(facts),
            ([], Some(_)) if !facts.invitations.is_empty() => {
                let refusal = with_organizations(ErrorCode::OrganizationNotMember, facts);
                Err(refusal
                    .next("Choose one of `details.invitations` with `--organization-id ID`; the code is still good.")
                    .detail("invitations", invitations(facts)))
            }
            ([], _) => Err(nowhere(facts)),
            ([only], None) => Ok(Entrance::Return(only.organization)),
            (_, None) => Err(with_organizations(ErrorCode::MultipleOrganizations, facts)),
            (_, Some(_)) => Err(with_organizations(ErrorCode::OrganizationNotMember, facts)),
        }
    }

    /// The temporary account's organization becomes that of a user who has none.
    fn take_along(&self, facts: &MailboxFacts) -> Result<Entrance, ApiError> {
        super::signup::judge(&self.settings, &self.mailbox, facts)?;
        Ok(Entrance::Found { name: DEFAULT_ORGANIZATION.to_owned(), description: None })
    }
}

/// The mailbox is in no organization: why, and where it could go.
pub(super) fn nowhere(facts: &MailboxFacts) -> ApiError {
    if facts.user.is_none() && facts.invitations.is_empty() {
        return ErrorCode::UserNotFound.into();
    }
    let refusal = ApiError::new(ErrorCode::UserHasNoOrganization);
    if facts.invitations.is_empty() {
        return refusal.next("Sign up to make one: `keywright auth signup-request --email EMAIL`.");
    }
    refusal.detail("invitations", invitations(facts))
}

fn invitations(facts: &MailboxFacts) -> Vec<Value> {
    let invitation = |to: &keywright_store::OpenInvitation| json!({ "organizationId": to.organization, "organizationName": to.name });
    facts.invitations.iter().map(invitation).collect()
}

fn with_organizations(code: ErrorCode, facts: &MailboxFacts) -> ApiError {
    let organization = |of: &keywright_store::Belonging| json!({ "id": of.organization, "name": of.name });
    let organizations: Vec<Value> = facts.organizations.iter().map(organization).collect();
    ApiError::new(code).detail("organizations", organizations)
}
