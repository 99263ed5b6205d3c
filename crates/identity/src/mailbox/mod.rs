//! Accounts by mailbox: a code is mailed, and whoever has it gets a key.
//!
//! - `request`: who may have a code mailed, and how often. Until then nothing is mailed and nothing stored.
//! - `completion`: the code comes back. Fields are read first and cost no try; then the store tries the code
//!   and makes everything it is good for in one transaction, in which it asks here who may come in where.
//! - `signup` and `login`: who may.
//!
//! A mailbox proves little: whoever reads it is let into its account, but administers nothing by that.

mod completion;
pub(crate) mod fields;
mod login;
mod request;
mod signup;

pub(crate) use completion::bad_code;
use keywright_store::{CodeLimits, MailboxFacts, TryLimits};
pub(crate) use request::parts;

use crate::{IdentitySettings, Signup};
use keywright_protocol::{ApiError, ErrorCode, Mailbox};

/// How long a code is good.
const LIFETIME_SECONDS: i64 = 600;

pub(crate) const LIMITS: CodeLimits = CodeLimits {
    cooldown_seconds: 30,
    window_seconds: 3_600,
    per_mailbox: 20,
    per_address: 60,
    overall: 3_000,
    side_by_side: 3,
    tries: TryLimits {
        per_code: 5,
        per_mailbox: 100,
        overall: 2_000,
        window_seconds: 86_400,
        lifetime_ms: LIFETIME_SECONDS * 1_000,
    },
};

impl IdentitySettings {
    /// Whether the mailbox may make an account without an invitation.
    pub(crate) fn signup_is_open_to(&self, mailbox: &Mailbox) -> bool {
        match &self.signup {
            Signup::Open => true,
            Signup::Domains(domains) => domains.iter().any(|domain| domain == mailbox.domain()),
            Signup::Invited => false,
        }
    }
}

/// Whether the mailbox may sign in at the pages: whoever is in no organization gets one there, as at a sign-up, or
/// accepts an invitation.
pub(crate) fn judge_page(
    settings: &IdentitySettings,
    mailbox: &Mailbox,
    facts: &MailboxFacts,
) -> Result<(), ApiError> {
    let comes_in = !facts.organizations.is_empty() || !facts.invitations.is_empty();
    if comes_in || settings.signup_is_open_to(mailbox) {
        return Ok(());
    }
    Err(ErrorCode::SignupClosed.into())
}
