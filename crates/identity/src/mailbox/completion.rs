//! The code comes back.

use keywright_protocol::wire::{ApiKey, AskedKey, SignedIn, Upgrade, UpgradeOutcome};
use keywright_protocol::{ApiError, CodeRequestId, ErrorCode, KeyId, Mailbox, Principal, Scopes, Timestamp};
use keywright_secret::{MailedCode, PlatformToken, TokenKind};
use keywright_store::{
    CodeRefusal, Completed, Completion, CompletionFailed, CompletionTerms, Entrance, IssuedKey, KeyRow,
    MailboxFacts, PresentedCode, UpgradeTerms, Upgraded,
};
use serde_json::{Value, json};

use super::request::parts;
use super::{LIMITS, fields};
use crate::failure::{seconds_until, store_failed};
use crate::keys::MOST_KEYS;
use crate::keys::fields::asked_key;
use crate::{CodePurpose, Identity};

/// A code that comes back, its fields read.
pub(super) struct Presented {
    purpose: CodePurpose,
    mailbox: Mailbox,
    code: MailedCode,
    request: Option<CodeRequestId>,
    key_name: String,
    key_expires_at: Option<Timestamp>,
    essential_traffic_only: bool,
    at: keywright_store::Moment,
}

impl Presented {
    /// For which mailbox.
    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }
}

/// The fields that sign-up and sign-in share.
pub(super) struct Fields<'a> {
    pub(super) purpose: CodePurpose,
    pub(super) email: Option<&'a Value>,
    pub(super) code: &'a str,
    pub(super) request_id: Option<&'a str>,
    pub(super) api_key: Option<AskedKey>,
    pub(super) essential_traffic_only: bool,
}

impl Identity {
    pub(super) fn read_presented(&self, asked: Fields<'_>) -> Result<Presented, ApiError> {
        let at = self.moment();
        let mailbox = fields::mailbox(asked.email)?;
        let (key_name, lifetime) = asked_key(asked.api_key)?;
        let key_name = key_name.into_text();
        let code = fields::code(asked.code)?;
        let request = fields::request(asked.request_id)?;
        let key_expires_at = lifetime.map(|lifetime| at.wall.plus_seconds(lifetime.seconds()));
        let (purpose, essential_traffic_only) = (asked.purpose, asked.essential_traffic_only);
        Ok(Presented {
            purpose,
            mailbox,
            code,
            request,
            key_name,
            key_expires_at,
            essential_traffic_only,
            at,
        })
    }

    /// The temporary account that comes along, where one is to be upgraded.
    pub(super) fn read_upgrade(
        &self,
        asked: bool,
        principal: Option<&Principal>,
        keep_keys: Vec<KeyId>,
    ) -> Result<Option<UpgradeTerms>, ApiError> {
        if !asked {
            return Ok(None);
        }
        let principal = principal.ok_or_else(|| {
            ApiError::new(ErrorCode::UpgradeRefused).because("No token came along that could be upgraded.")
        })?;
        self.still_standing(principal)?;
        if principal.kind != TokenKind::Temporary {
            return Err(ErrorCode::UpgradeRefused.into());
        }
        let (token, user, organization) = (principal.token, principal.user, principal.organization);
        Ok(Some(UpgradeTerms { token, user, organization, keep_keys }))
    }

    /// Tries the code, and makes what it is good for. The answer leaves `raw` out: the token beside it is the
    /// only copy.
    pub(super) async fn complete(
        &self,
        presented: Presented,
        revoke_keys: Vec<KeyId>,
        upgrade: Option<UpgradeTerms>,
        decide: impl Fn(&MailboxFacts) -> Result<Entrance, ApiError> + Send + Sync + 'static,
    ) -> Result<(PlatformToken, SignedIn), ApiError> {
        let Presented {
            purpose,
            mailbox,
            code,
            request,
            key_name,
            key_expires_at,
            essential_traffic_only,
            at,
        } = presented;
        let token = PlatformToken::mint(TokenKind::ApiKey);
        let key = IssuedKey {
            id: KeyId::new(),
            hash: token.hash(),
            hint: token.hint(),
            name: key_name,
            scopes: Scopes::EVERY,
            expires_at: key_expires_at,
        };
        let most_keys = MOST_KEYS.into();
        let terms = CompletionTerms { key, most_keys, revoke_keys, upgrade, essential_traffic_only };
        let key = terms.key.clone();
        let domain = mailbox.domain().to_owned();
        let hides_used = self.inner.settings.hide_accounts && request.is_none();
        let identity = self.clone();
        let completion = self.to_its_end(async move {
            let hashes = &identity.inner.mailroom.codes;
            let is_right = |request: CodeRequestId, hash: &[u8]| {
                hashes.is_of(hash, &parts(&request.to_string(), purpose, &mailbox, &code))
            };
            let tried = PresentedCode { mailbox: mailbox.clone(), request, purpose: purpose.as_str(), at };
            let store = &identity.inner.store;
            let completion = store.complete(&tried, &LIMITS.tries, is_right, &terms, decide).await?;
            if let Completion::Done(made) = &completion {
                let cache = &identity.inner.cache;
                cache.bury(made.ended.iter().copied());
                cache.distrust(made.changed.iter().copied().chain([terms.key.hash]));
                if made.upgraded.as_ref().is_some_and(|upgraded| !upgraded.in_place) {
                    identity.inner.moves.notify_one();
                }
            }
            Ok(completion)
        });
        let made = match completion.await? {
            // A used code tells of an account; only who asked for it knows the request to name.
            Ok(Completion::BadCode(CodeRefusal::Used)) if hides_used => Err(ErrorCode::OtpNotFound.into()),
            Ok(completion) => done(completion, at.wall),
            Err(failed) => Err(failure(&failed, purpose)),
        };
        let made = made.inspect_err(|error| {
            let code = error.code.as_str();
            tracing::info!(mail.domain = domain, error.code = code, "no {purpose} by code: {code}");
        })?;
        let (user, organization) = (made.user, made.organization);
        tracing::info!(user.id = %user, org.id = %organization, "{purpose} of {user} in {organization}");
        Ok((token, signed_in(made, key, at.wall)))
    }
}

fn done(completion: Completion<ApiError>, now: Timestamp) -> Result<Completed, ApiError> {
    Err(match completion {
        Completion::Done(made) => return Ok(*made),
        Completion::BadCode(refusal) => bad_code(refusal, now),
        Completion::Refused(why) => why,
        Completion::NotTemporary => ErrorCode::UpgradeRefused.into(),
        Completion::NotAlone => ApiError::new(ErrorCode::UpgradeRefused)
            .because("Others belong to the organization of the temporary account, and would belong to yours.")
            .next("Repeat it without `upgrade`, the code is still good; or remove them from it first."),
        Completion::NoSuchKey(key) => ApiError::new(ErrorCode::NotFound)
            .because(format!("There is no active key {key} in the organization that this user may delete."))
            .next("Choose from `details.keys` of MAX_API_KEYS_REACHED; the code is still good."),
        Completion::TooManyKeys(keys) if keys.is_empty() => too_many_keys(&keys)
            .next("Ask an admin of the organization to delete one of its keys; the code is still good."),
        Completion::TooManyKeys(keys) => too_many_keys(&keys).next(
            "Repeat it with the ids of some of `details.keys` in `revokeKeys`, on the command line with \
             `--revoke-key ID`; the code is still good.",
        ),
        Completion::KeepsTooMany(keys) => too_many_keys(&keys)
            .next(
            "Repeat it with fewer of `details.keys` in `keepKeys`, or delete some first with `keywright tokens rm`; \
             the code is still good.",
        ),
    })
}

fn too_many_keys(keys: &[KeyRow]) -> ApiError {
    let keys: Vec<Value> = keys.iter().map(shown).collect();
    ApiError::new(ErrorCode::MaxApiKeysReached).detail("limit", MOST_KEYS).detail("keys", keys)
}

pub(crate) fn bad_code(refusal: CodeRefusal, now: Timestamp) -> ApiError {
    let counted = |code: ErrorCode, left| ApiError::new(code).detail("attemptsRemaining", left);
    match refusal {
        CodeRefusal::NotFound => ErrorCode::OtpNotFound.into(),
        CodeRefusal::Expired => ErrorCode::OtpExpired.into(),
        CodeRefusal::Used => ErrorCode::OtpAlreadyUsed.into(),
        CodeRefusal::LockedOut => ErrorCode::OtpLockedOut.into(),
        CodeRefusal::Wrong(left) => counted(ErrorCode::OtpInvalid, left),
        CodeRefusal::OtherPurpose(left) => counted(ErrorCode::OtpPurposeMismatch, left),
        CodeRefusal::TooShort => too_short(),
        CodeRefusal::WrongUntil(until) => too_many_wrong(until, now),
    }
}

/// Refuses a code of six digits, a right one too: somebody is guessing at many accounts.
fn too_short() -> ApiError {
    tracing::warn!("no mailed code of six digits is taken: too many wrong ones were tried within a day");
    ApiError::new(ErrorCode::OtpLockedOut)
        .because("Too many wrong codes were tried on this server: codes of six digits are not taken for now.")
        .next(
            "Ask for a new one, which has eight letters: `keywright auth signup-request` or `login-request`.",
        )
}

/// Refuses codes of a mailbox for a while, right ones too: somebody is guessing.
pub(super) fn too_many_wrong(until: Timestamp, now: Timestamp) -> ApiError {
    tracing::warn!("no mailed code of a mailbox is taken: too many wrong ones were tried within a day");
    ApiError::new(ErrorCode::EmailRateLimited)
        .because("Too many wrong codes of this mailbox were tried within a day.")
        .retry_in(seconds_until(until, now))
}

fn failure(failed: &CompletionFailed, purpose: CodePurpose) -> ApiError {
    let told = store_failed(&failed.error);
    let reached = matches!(
        failed.error,
        keywright_store::StoreError::Full(_) | keywright_store::StoreError::Statement(_)
    );
    match failed.making && reached && purpose == CodePurpose::Signup {
        true => ErrorCode::OrganizationCreationFailed.into(),
        false => told,
    }
}

/// A key as far as somebody must know it who is to choose one to delete.
fn shown(key: &KeyRow) -> Value {
    json!({
        "keyId": key.id,
        "name": key.name,
        "keyPrefix": key.hint,
        "createdAt": key.created_at,
        "lastUsedAt": key.last_used_at,
    })
}

fn signed_in(made: Completed, key: IssuedKey, at: Timestamp) -> SignedIn {
    let api_key = ApiKey {
        key_id: key.id,
        raw: None,
        key_prefix: key.hint,
        name: made.key_name,
        scopes: key.scopes,
        created_at: at,
        expires_at: key.expires_at,
        last_used_at: None,
        user_id: made.user,
        replaced_by: None,
        replaces: None,
    };
    SignedIn {
        organization_id: made.organization,
        organization_name: made.organization_name,
        is_new_user: made.new_user,
        api_key,
        upgrade: made.upgraded.map(upgrade),
    }
}

fn upgrade(upgraded: Upgraded) -> Upgrade {
    let outcome = if upgraded.in_place { UpgradeOutcome::Upgraded } else { UpgradeOutcome::Merged };
    let ended_credentials = upgraded.ended.len() as i64;
    Upgrade { outcome, kept_keys: upgraded.kept, ended_credentials }
}
