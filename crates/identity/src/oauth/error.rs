//! What applications are told, in the words of RFC 6749 and its kin.

use std::borrow::Cow;
use std::fmt;

use keywright_protocol::{ApiError, ErrorCode};
use keywright_store::StoreError;

use crate::failure::store_failed;

/// A code of RFC 6749 (5.2, 4.1.2.1), 7591 (3.2.2), 8628 (3.5) or 8707 (2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthCode {
    /// The request lacks a parameter, has one twice, or one that is not as it should be.
    InvalidRequest,
    /// There is no such application, or it did not prove itself.
    InvalidClient,
    /// The code or refresh token is unknown, used, over or of another application.
    InvalidGrant,
    /// The application may not get tokens this way.
    UnauthorizedClient,
    /// There is no such way to get tokens here.
    UnsupportedGrantType,
    /// Only codes are given out.
    UnsupportedResponseType,
    /// A scope is unknown, or more than was granted.
    InvalidScope,
    /// The resource is none that tokens are given out for.
    InvalidTarget,
    /// The person, or the server for the person, said no.
    AccessDenied,
    /// No page may be shown, and the person must sign in.
    LoginRequired,
    /// No page may be shown, and the person must consent.
    ConsentRequired,
    /// The person has not decided yet.
    AuthorizationPending,
    /// The device polls too often.
    SlowDown,
    /// The device waited too long.
    ExpiredToken,
    /// A redirect URI cannot be registered.
    InvalidRedirectUri,
    /// Something else of a registration is not as it should be.
    InvalidClientMetadata,
    /// The token that vouches for a registration is missing or not good enough.
    InvalidToken,
    /// Too many of these; wait.
    TooManyRequests,
    /// The database does not answer; wait.
    TemporarilyUnavailable,
    /// A defect of Keywright.
    ServerError,
}

impl OAuthCode {
    /// The code as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidToken => "invalid_token",
            Self::TooManyRequests | Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    /// The HTTP status that goes with it where the answer is no redirect.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::TooManyRequests => 429,
            Self::TemporarilyUnavailable => 503,
            Self::ServerError => 500,
            _ => 400,
        }
    }
}

impl fmt::Display for OAuthCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A refusal in the words of OAuth.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    /// The code that programs go by.
    pub code: OAuthCode,
    /// What happened and what to do, for people: nothing in it was sent by anybody.
    pub description: Cow<'static, str>,
    /// Seconds after which it is worth while to ask again.
    pub retry_in: Option<i64>,
}

impl OAuthError {
    /// A refusal and its reason: printable ASCII without quotation marks and backslashes, by RFC 6749.
    pub fn new(code: OAuthCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), retry_in: None }
    }

    /// The same with a wait.
    #[must_use]
    pub fn retry_in(self, seconds: i64) -> Self {
        Self { retry_in: Some(seconds.max(1)), ..self }
    }
}

impl From<ApiError> for OAuthError {
    fn from(error: ApiError) -> Self {
        match error.code {
            ErrorCode::StorageUnavailable => Self::new(
                OAuthCode::TemporarilyUnavailable,
                "The database of the server does not answer. Try again in a moment.",
            )
            .retry_in(1),
            _ => Self::new(OAuthCode::ServerError, "Something failed inside the server; its log says what."),
        }
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        store_failed(&error).into()
    }
}
