//! What a request says: read before anything is stored, mailed or counted.

use keywright_protocol::wire::Company;
use keywright_protocol::{ApiError, CodeRequestId, ErrorCode, Mailbox};
use keywright_secret::MailedCode;
use serde_json::Value;

use crate::organizations::{OrganizationDescription, OrganizationName, misleads};

/// The mailbox. Nothing is trimmed: what stands around an address may be meant for a mail's header.
pub(crate) fn mailbox(email: Option<&Value>) -> Result<Mailbox, ApiError> {
    match email {
        None | Some(Value::Null) => Err(ErrorCode::EmailRequired.into()),
        Some(Value::String(text)) if text.trim().is_empty() => Err(ErrorCode::EmailRequired.into()),
        Some(Value::String(text)) => text.parse().map_err(|_| ErrorCode::EmailInvalid.into()),
        Some(_) => Err(ErrorCode::EmailInvalid.into()),
    }
}

/// The code. What cannot be one is no try of one.
pub(crate) fn code(text: &str) -> Result<MailedCode, ApiError> {
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
    if name.chars().count() > LONGEST_MACHINE || name.chars().any(misleads) {
        return Err(ApiError::new(ErrorCode::InvalidName)
            .because("`machine` has at most 64 characters and no control characters."));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// An organization's name and description.
pub(super) fn company(company: Option<Company>) -> Result<(String, Option<String>), ApiError> {
    let Company { name, description } = company.unwrap_or_default();
    let name = name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(DEFAULT_ORGANIZATION);
    let name = OrganizationName::parse(name)?.into_text();
    let description = description.as_deref().map(OrganizationDescription::parse).transpose()?;
    Ok((name, description.map(OrganizationDescription::into_text).filter(|text| !text.is_empty())))
}

pub(crate) const DEFAULT_ORGANIZATION: &str = "My Organization";
const LONGEST_MACHINE: usize = 64;
