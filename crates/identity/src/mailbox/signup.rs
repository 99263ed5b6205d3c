//! Signing up: a new organization for a mailbox that is in none.

use keywright_protocol::wire::{CompleteSignup, SignedIn};
use keywright_protocol::{ApiError, ErrorCode, Mailbox, Principal};
use keywright_secret::PlatformToken;
use keywright_store::{Entrance, MailboxFacts};

use super::completion::Fields;
use super::fields;
use crate::{CodePurpose, Identity, IdentitySettings};

impl Identity {
    /// Makes a user, an organization that it owns, and a key with every scope, for whoever has the code. A
    /// user that is there but in no organization gets one. With `upgrade` the temporary account of `principal`
    /// becomes all that: same user, same organization, and every credential of it that is not listed is dead
    /// when this answers. The answer leaves `raw` out: the token beside it is the only copy.
    ///
    /// # Errors
    /// What is wrong with a field, the `OTP_` codes, `EMAIL_RATE_LIMITED`, `SIGNUP_CLOSED`,
    /// `USER_ALREADY_HAS_ORGANIZATION`, `UPGRADE_REFUSED`, `ORGANIZATION_CREATION_FAILED`,
    /// `MAX_API_KEYS_REACHED` for too many kept keys, `STORAGE_UNAVAILABLE`. Only a wrong code or a code for
    /// something else counts as a try.
    pub async fn complete_signup(
        &self,
        principal: Option<&Principal>,
        asked: CompleteSignup,
    ) -> Result<(PlatformToken, SignedIn), ApiError> {
        let presented = self.read_presented(Fields {
            purpose: CodePurpose::Signup,
            email: asked.email.as_ref(),
            code: &asked.code,
            request_id: asked.request_id.as_deref(),
            api_key: asked.api_key,
            essential_traffic_only: asked.essential_traffic_only,
        })?;
        let (name, description) = fields::company(asked.company)?;
        let upgrade = self.read_upgrade(asked.upgrade, principal, asked.keep_keys)?;
        let (settings, mailbox) = (self.inner.settings.clone(), presented.mailbox().clone());
        let decide = move |facts: &MailboxFacts| {
            judge(&settings, &mailbox, facts)?;
            Ok(Entrance::Found { name: name.clone(), description: description.clone() })
        };
        self.complete(presented, Vec::new(), upgrade, decide).await
    }
}

/// Whether the mailbox may have an organization made for it.
pub(super) fn judge(
    settings: &IdentitySettings,
    mailbox: &Mailbox,
    facts: &MailboxFacts,
) -> Result<(), ApiError> {
    if !facts.organizations.is_empty() {
        return Err(ErrorCode::UserAlreadyHasOrganization.into());
    }
    if !settings.signup_is_open_to(mailbox) && facts.invitations.is_empty() {
        return Err(ErrorCode::SignupClosed.into());
    }
    Ok(())
}
