//! What a request says: read before anything is stored, mailed or counted.

use keywright_protocol::wire::{AskedKey, Company};
use keywright_protocol::{ApiError, CodeRequestId, ErrorCode, Lifetime, Mailbox};
use keywright_secret::MailedCode;
use serde_json::Value;

use crate::keys::fields::{KeyName, lifetime};

/// The mailbox. Nothing is trimmed: what stands around an address may be meant for a mail's header.
pub(super) fn mailbox(email: Option<&Value>) -> Result<Mailbox, ApiError> {
    match email {
        None | Some(Value::Null) => Err(ErrorCode::EmailRequired.into()),
        Some(Value::String(text)) if text.trim().is_empty() => Err(ErrorCode::EmailRequired.into()),
        Some(Value::String(text)) => text.parse().map_err(|_| ErrorCode::EmailInvalid.into()),
        Some(_) => Err(ErrorCode::EmailInvalid.into()),
    }
}

/// The code. What cannot be one is no try of one.
pub(super) fn code(text: &str) -> Result<MailedCode, ApiError> {
    MailedCode::parse(text).ok_or_else(|| {
        ApiError::new(ErrorCode::OtpInvalid)
            .because("That is no code: a code has six digits, or eight letters.")
            .next("Read the mail again and repeat the command; no try was used up.")
    })
}

/// The request that the code was mailed for. What is no id is that of no request.
pub(super) fn request(id: Option<&str>) -> Result<Option<CodeRequestId>, ApiError> {
    id.map(|id| id.parse().map_err(|_| ErrorCode::OtpNotFound.into())).transpose()
}

/// What to call the machine in the mail, of letters that no line of a mail can be made of.
pub(super) fn machine(name: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(name) = name else { return Ok(None) };
    let name = name.trim();
    if name.chars().count() > LONGEST_MACHINE || !name.chars().all(is_plain) {
        return Err(ApiError::new(ErrorCode::InvalidName)
            .because("`machine` has at most 64 characters and no control characters."));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// An organization's name and description.
pub(super) fn company(company: Option<Company>) -> Result<(String, Option<String>), ApiError> {
    let Company { name, description } = company.unwrap_or_default();
    let name = name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(DEFAULT_ORGANIZATION);
    if name.chars().count() > LONGEST_NAME {
        return Err(ErrorCode::CompanyNameTooLong.into());
    }
    if !name.chars().all(is_plain) {
        return Err(ApiError::new(ErrorCode::InvalidName)
            .because("The name of an organization holds a character that cannot be shown."));
    }
    let described = description.as_deref().unwrap_or_default();
    if described.chars().count() > LONGEST_DESCRIPTION
        || !described.chars().all(|character| character == '\n' || is_plain(character))
    {
        return Err(ApiError::new(ErrorCode::InvalidRequest).because(
            "`description` has at most 500 characters and no control characters but ends of lines.",
        ));
    }
    Ok((name.to_owned(), description.filter(|text| !text.trim().is_empty())))
}

/// A key's name and how long it lives.
pub(super) fn key(asked: Option<AskedKey>) -> Result<(String, Option<Lifetime>), ApiError> {
    let AskedKey { name, expires_in_days } = asked.unwrap_or_default();
    let name = KeyName::parse(name.unwrap_or_else(|| DEFAULT_KEY.to_owned()))?;
    Ok((name.into_text(), lifetime(expires_in_days.as_ref(), None)?))
}

/// Neither a control character nor one that turns the direction of what follows.
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) const DEFAULT_ORGANIZATION: &str = "My Organization";
const DEFAULT_KEY: &str = "CLI default key";
const LONGEST_NAME: usize = 100;
const LONGEST_DESCRIPTION: usize = 500;
const LONGEST_MACHINE: usize = 64;
