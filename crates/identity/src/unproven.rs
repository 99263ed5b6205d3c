//! Why a token proves nobody.

use keywright_protocol::{ApiError, ErrorCode};

/// Why a token proves nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// This server did not issue it, or it is of a kind that opens nothing.
    #[error("the token is not known here")]
    Unknown,
    /// Its time, or that of its account, is over.
    #[error("the token has expired")]
    Expired,
    /// It, its parent or its user was ended.
    #[error("the token has been revoked")]
    Revoked,
    /// It was given out for another resource.
    #[error("the token is for another resource")]
    Elsewhere,
    /// The database cannot be asked; nobody is let in on a guess.
    #[error("the token cannot be checked now")]
    Unavailable,
}

impl Unproven {
    /// The code that the caller is told.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Unknown => ErrorCode::KeyUnknown,
            Self::Expired => ErrorCode::KeyExpired,
            Self::Revoked => ErrorCode::KeyRevoked,
            Self::Elsewhere => ErrorCode::WrongAudience,
            Self::Unavailable => ErrorCode::StorageUnavailable,
        }
    }
}

impl From<Unproven> for ApiError {
    fn from(why: Unproven) -> Self {
        why.code().into()
    }
}
