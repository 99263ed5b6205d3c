//! Asking for a code.

use std::net::IpAddr;

use keywright_protocol::wire::{self, RequestCode};
use keywright_protocol::{ApiError, CodeRequestId, ErrorCode, Mailbox, Timestamp};
use keywright_secret::{KeyedHash, MailedCode};
use keywright_store::{CodeRequest, CodeRequested, MailboxFacts};

use super::{LIFETIME_SECONDS, LIMITS, fields};
use crate::failure::{seconds_until, store_failed};
use crate::temporary::counted_as;
use crate::{Asker, CodePurpose, Identity, IdentitySettings, Mail, MailContent};

impl Identity {
    /// Mails a code to a mailbox, for whoever asks from `address` with a program that calls itself `client`.
    /// Unless accounts are hidden, it is told here already when the code would be of no use.
    ///
    /// # Errors
    /// `EMAIL_REQUIRED`, `EMAIL_INVALID`, and with the wait `IP_RATE_LIMITED`, `OTP_RESEND_COOLDOWN`,
    /// `EMAIL_RATE_LIMITED` and `MAIL_RATE_LIMITED`; `USER_ALREADY_HAS_ORGANIZATION`, `USER_NOT_FOUND`,
    /// `USER_HAS_NO_ORGANIZATION`, `SIGNUP_CLOSED`; `MAIL_UNAVAILABLE` when the mail was not taken: that counts
    /// for the address, and for the mailbox only if the mail may arrive all the same. Another may be asked for
    /// at once.
    pub async fn request_code(
        &self,
        purpose: CodePurpose,
        address: IpAddr,
        request: RequestCode,
        client: Option<String>,
    ) -> Result<wire::CodeRequested, ApiError> {
        let mailbox = fields::mailbox(request.email.as_ref())?;
        let machine = fields::machine(request.machine)?;
        let replaces = request.request_id.as_deref().map(str::parse).transpose().map_err(|_| {
            ApiError::new(ErrorCode::InvalidRequest).because("`requestId` is not the id of a request.")
        })?;
        let asking = Asking { purpose, mailbox, replaces, address, client, machine };
        let identity = self.clone();
        // Somebody who goes away in the middle must not leave a code that nobody was mailed.
        let running = self.inner.runtime.spawn(async move { identity.mail_code(asking).await });
        running.await.unwrap_or_else(|_panicked_or_shutting_down| Err(ErrorCode::Internal.into()))
    }

    async fn mail_code(&self, asking: Asking) -> Result<wire::CodeRequested, ApiError> {
        let Asking { purpose, mailbox, .. } = &asking;
        let (at, id) = (self.moment(), CodeRequestId::new());
        let (short, long) = (MailedCode::mint_digits(), MailedCode::mint_letters());
        let hash = |code| hash(&self.inner.mailroom.codes, id, *purpose, mailbox, code);
        let request = CodeRequest {
            id,
            mailbox: mailbox.clone(),
            purpose: purpose.as_str(),
            address: counted_as(asking.address),
            replaces: asking.replaces,
            short: hash(&short),
            long: hash(&long),
            at,
            expires_at: at.wall.plus_seconds(LIFETIME_SECONDS),
        };
        let settings = &self.inner.settings;
        if settings.hide_accounts && *purpose == CodePurpose::Signup {
            refuse_by_domain(settings, mailbox)?;
        }
        let judge = |facts: &MailboxFacts| judge(settings, *purpose, mailbox, facts);
        let judge = (!settings.hide_accounts).then_some(judge);
        let requested = self.inner.store.request_code(&request, &LIMITS, judge).await;
        let (long_one, replaces) = accepted(requested.map_err(|error| store_failed(&error))?, at.wall)?;
        let code = if long_one { long } else { short };
        let mail = asking.mail(&code, at.wall);
        let domain = mailbox.domain();
        if let Err(failed) = self.inner.mailroom.hand_over(mail).await {
            tracing::error!(mail.domain = domain, "a code could not be mailed to {domain}: {failed}");
            self.withdraw(id, failed.may_arrive).await;
            return Err(ErrorCode::MailUnavailable.into());
        }
        if replaces {
            let replaced = self.inner.store.replace_codes(&request, &LIMITS).await;
            replaced.map_err(|error| store_failed(&error))?;
        }
        tracing::info!(otp.id = %id, mail.domain = domain, "a code for {purpose} was mailed: {id}");
        Ok(wire::CodeRequested {
            email: mailbox.to_string(),
            expires_in_seconds: LIFETIME_SECONDS,
            request_id: id,
        })
    }

    /// Takes a code back.
    async fn withdraw(&self, id: CodeRequestId, may_arrive: bool) {
        if let Err(error) = self.inner.store.withdraw_code(id, may_arrive).await {
            // Nobody has the code, and it ends by itself.
            store_failed(&error);
        }
    }
}

/// A request whose fields are good.
struct Asking {
    purpose: CodePurpose,
    mailbox: Mailbox,
    replaces: Option<CodeRequestId>,
    address: IpAddr,
    client: Option<String>,
    machine: Option<String>,
}

impl Asking {
    fn mail(&self, code: &MailedCode, at: Timestamp) -> Mail {
        let asker =
            Asker { address: self.address, client: self.client.clone(), machine: self.machine.clone(), at };
        let minutes = LIFETIME_SECONDS / 60;
        let code = code.secret().clone();
        Mail {
            to: self.mailbox.clone(),
            content: MailContent::Code { purpose: self.purpose, code, minutes, asker },
        }
    }
}

/// What is stored in the place of a code: nothing that fits another request, purpose or mailbox.
pub(super) fn hash(
    key: &KeyedHash,
    request: CodeRequestId,
    purpose: CodePurpose,
    mailbox: &Mailbox,
    code: &MailedCode,
) -> [u8; 32] {
    key.of(&parts(&request.to_string(), purpose, mailbox, code))
}

/// What goes into the hash of a code.
pub(crate) fn parts<'a>(
    request: &'a str,
    purpose: CodePurpose,
    mailbox: &'a Mailbox,
    code: &'a MailedCode,
) -> [&'a [u8]; 4] {
    [
        request.as_bytes(),
        purpose.as_str().as_bytes(),
        mailbox.as_str().as_bytes(),
        code.secret().expose().as_bytes(),
    ]
}

/// Whether the code would be of any use.
fn judge(
    settings: &IdentitySettings,
    purpose: CodePurpose,
    mailbox: &Mailbox,
    facts: &MailboxFacts,
) -> Result<(), ApiError> {
    match purpose {
        CodePurpose::Signup => super::signup::judge(settings, mailbox, facts),
        // Where it is invited, it can go; what is not clear yet is asked with the code.
        CodePurpose::Login if !facts.invitations.is_empty() || !facts.organizations.is_empty() => Ok(()),
        CodePurpose::Login => Err(super::login::nowhere(facts)),
        CodePurpose::Page => super::judge_page(settings, mailbox, facts),
    }
}

/// Where accounts are hidden, only what does not depend on them is told: who was invited into an organization
/// signs in to it, with a domain of any kind.
fn refuse_by_domain(settings: &IdentitySettings, mailbox: &Mailbox) -> Result<(), ApiError> {
    match settings.signup {
        crate::Signup::Domains(_) if !settings.signup_is_open_to(mailbox) => Err(ApiError::new(
            ErrorCode::SignupClosed,
        )
        .next(
            "If somebody has invited this mailbox, sign in: `keywright auth login-request --email EMAIL`; \
                 else ask somebody who is in an organization here to invite it.",
        )),
        _ => Ok(()),
    }
}

/// Whether the long code was stored, and whether others are void now.
fn accepted(requested: CodeRequested<ApiError>, now: Timestamp) -> Result<(bool, bool), ApiError> {
    let wait = |code: ErrorCode, until| ApiError::new(code).retry_in(seconds_until(until, now));
    Err(match requested {
        CodeRequested::Accepted { long, replaces } => return Ok((long, replaces)),
        CodeRequested::Refused(why) => why,
        CodeRequested::CoolUntil(until) => wait(ErrorCode::OtpResendCooldown, until),
        CodeRequested::MailboxFullUntil(until) => wait(ErrorCode::EmailRateLimited, until),
        CodeRequested::AddressFullUntil(until) => wait(ErrorCode::IpRateLimited, until),
        CodeRequested::AllFullUntil(until) => {
            tracing::warn!("no more mail is sent: this hour has had as many as an hour may have");
            wait(ErrorCode::MailRateLimited, until)
        }
        CodeRequested::WrongUntil(until) => super::completion::too_many_wrong(until, now),
    })
}
