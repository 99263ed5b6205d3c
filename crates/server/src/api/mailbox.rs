//! Signing up and in by a code that is mailed. Nobody is asked who is calling: the code says it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use http::HeaderMap;
use http::header::USER_AGENT;
use keywright_identity::CodePurpose;
use keywright_protocol::wire::{
    CodeRequested, CompleteLogin, CompleteSignup, RequestCode, SignedIn, Success,
};
use keywright_protocol::{ApiError, ErrorCode, Principal, routes};
use keywright_secret::PlatformToken;

use crate::api::caller::{Caller, prove};
use crate::api::read::Body;
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};
use crate::plane::Peer;

/// Have a code mailed to sign up with
#[utoipa::path(
    post,
    path = routes::SIGNUP_REQUEST,
    operation_id = "requestSignup",
    tag = "accounts",
    request_body = RequestCode,
    responses((status = 200, description = "A code was mailed.", body = Success<CodeRequested>)),
    extensions(("x-errors" = json!(["EMAIL_REQUIRED", "EMAIL_INVALID", "INVALID_NAME", "USER_ALREADY_HAS_ORGANIZATION", "SIGNUP_CLOSED", "OTP_RESEND_COOLDOWN", "EMAIL_RATE_LIMITED", "IP_RATE_LIMITED", "MAIL_RATE_LIMITED", "MAIL_UNAVAILABLE", "STORAGE_UNAVAILABLE"]))),
)]
pub(super) async fn request_signup(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Body(asked): Body<RequestCode>,
) -> Result<Reply<CodeRequested>, Refusal> {
    request(&api, CodePurpose::Signup, peer, &headers, asked).await
}

/// Have a code mailed to sign in with
#[utoipa::path(
    post,
    path = routes::LOGIN_REQUEST,
    operation_id = "requestLogin",
    tag = "accounts",
    request_body = RequestCode,
    responses((status = 200, description = "A code was mailed.", body = Success<CodeRequested>)),
    extensions(("x-errors" = json!(["EMAIL_REQUIRED", "EMAIL_INVALID", "INVALID_NAME", "USER_NOT_FOUND", "USER_HAS_NO_ORGANIZATION", "OTP_RESEND_COOLDOWN", "EMAIL_RATE_LIMITED", "IP_RATE_LIMITED", "MAIL_RATE_LIMITED", "MAIL_UNAVAILABLE", "STORAGE_UNAVAILABLE"]))),
)]
pub(super) async fn request_login(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Body(asked): Body<RequestCode>,
) -> Result<Reply<CodeRequested>, Refusal> {
    request(&api, CodePurpose::Login, peer, &headers, asked).await
}

/// Sign up with the code: an organization and a key, shown this once
#[utoipa::path(
    post,
    path = routes::SIGNUP_COMPLETE,
    operation_id = "completeSignup",
    tag = "accounts",
    request_body = CompleteSignup,
    responses((status = 200, description = "The organization and the key; `apiKey.raw` is the key itself.", body = Success<SignedIn>)),
    extensions(("x-errors" = json!(["EMAIL_REQUIRED", "EMAIL_INVALID", "OTP_INVALID", "OTP_NOT_FOUND", "OTP_EXPIRED", "OTP_ALREADY_USED", "OTP_PURPOSE_MISMATCH", "OTP_LOCKED_OUT", "EMAIL_RATE_LIMITED", "COMPANY_NAME_TOO_LONG", "INVALID_NAME", "INVALID_EXPIRES_IN_DAYS", "USER_ALREADY_HAS_ORGANIZATION", "SIGNUP_CLOSED", "ORGANIZATION_CREATION_FAILED", "MAX_API_KEYS_REACHED", "UPGRADE_REFUSED", "KEY_MALFORMED", "KEY_UNKNOWN", "KEY_EXPIRED", "KEY_REVOKED", "WRONG_KEY_KIND", "AMBIGUOUS_CREDENTIALS", "STORAGE_UNAVAILABLE"]))),
)]
pub(super) async fn complete_signup(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Body(asked): Body<CompleteSignup>,
) -> Result<Reply<SignedIn>, Refusal> {
    let along = coming_along(&api, &headers, asked.upgrade).await?;
    Ok(reply(api.identity.complete_signup(along.as_deref(), asked).await?))
}

/// Sign in with the code: another key, shown this once
#[utoipa::path(
    post,
    path = routes::LOGIN_COMPLETE,
    operation_id = "completeLogin",
    tag = "accounts",
    request_body = CompleteLogin,
    responses((status = 200, description = "The organization and the key; `apiKey.raw` is the key itself.", body = Success<SignedIn>)),
    extensions(("x-errors" = json!(["EMAIL_REQUIRED", "EMAIL_INVALID", "OTP_INVALID", "OTP_NOT_FOUND", "OTP_EXPIRED", "OTP_ALREADY_USED", "OTP_PURPOSE_MISMATCH", "OTP_LOCKED_OUT", "EMAIL_RATE_LIMITED", "INVALID_NAME", "INVALID_EXPIRES_IN_DAYS", "MULTIPLE_ORGANIZATIONS", "ORGANIZATION_NOT_MEMBER", "USER_NOT_FOUND", "USER_HAS_NO_ORGANIZATION", "MAX_API_KEYS_REACHED", "MAX_ORGANIZATIONS_REACHED", "NOT_FOUND", "SIGNUP_CLOSED", "UPGRADE_REFUSED", "KEY_MALFORMED", "KEY_UNKNOWN", "KEY_EXPIRED", "KEY_REVOKED", "WRONG_KEY_KIND", "AMBIGUOUS_CREDENTIALS", "STORAGE_UNAVAILABLE"]))),
)]
pub(super) async fn complete_login(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Body(asked): Body<CompleteLogin>,
) -> Result<Reply<SignedIn>, Refusal> {
    let along = coming_along(&api, &headers, asked.upgrade).await?;
    Ok(reply(api.identity.complete_login(along.as_deref(), asked).await?))
}

async fn request(
    api: &Api,
    purpose: CodePurpose,
    peer: Peer,
    headers: &HeaderMap,
    asked: RequestCode,
) -> Result<Reply<CodeRequested>, Refusal> {
    let requested = api.identity.request_code(purpose, peer.client, asked, program(headers));
    Ok(Reply(requested.await?))
}

/// The temporary account that is to be upgraded. A token that nobody asked to upgrade is not looked at.
async fn coming_along(
    api: &Api,
    headers: &HeaderMap,
    asked: bool,
) -> Result<Option<Arc<Principal>>, Refusal> {
    if !asked {
        return Ok(None);
    }
    match prove(headers, api).await {
        Ok(Caller(principal)) => Ok(Some(principal)),
        Err(Refusal(ApiError { code: ErrorCode::KeyMissing, .. })) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// The one time that the key is shown.
fn reply((token, mut signed_in): (PlatformToken, SignedIn)) -> Reply<SignedIn> {
    signed_in.api_key.raw = Some(token.expose().to_owned());
    Reply(signed_in)
}

/// The program that asks, as it calls itself, for the person who reads the mail.
fn program(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(USER_AGENT)?.as_bytes();
    let plain = name.iter().filter(|byte| (b' '..=b'~').contains(*byte));
    let plain: String = plain.take(LONGEST_PROGRAM).map(|byte| char::from(*byte)).collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

const LONGEST_PROGRAM: usize = 120;
