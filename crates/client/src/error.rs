//! What can come of a call.

use std::time::Duration;

use keywright_dial::DialError;
use keywright_protocol::wire::Failure;
use keywright_protocol::{ErrorCode, Exit};

use crate::TokenUnavailable;

/// A call to the server failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with a refusal: it says why and what to do next.
    #[error("{}", .0.error.message)]
    Refused(Box<Failure>),
    /// Nothing answers at that address: the server is not running, or the network is down.
    #[error("{server} cannot be reached")]
    Unreachable {
        /// The server.
        server: String,
        /// What the connection came to.
        #[source]
        source: DialError,
    },
    /// Something answers, but not as Keywright does: another program has the address, or a proxy is
    /// in between.
    #[error("{server} does not answer as a Keywright server does: {reason}")]
    NotOurs {
        /// The server.
        server: String,
        /// How it differs.
        reason: String,
    },
    /// The endpoint that was named is not on the client's server; a token must not go there.
    #[error("the endpoint is not on {server}")]
    Elsewhere {
        /// The client's server.
        server: String,
    },
    /// There is no token to call with.
    #[error(transparent)]
    NoToken(#[from] TokenUnavailable),
    /// The call cannot be written as HTTP: a token with a line break in it, for instance.
    #[error("the request cannot be sent")]
    Unsendable(#[source] http::Error),
}

impl ClientError {
    /// The server's code, if it refused with one that this version knows.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(failure) => failure.error.known_code(),
            _ => None,
        }
    }

    /// How long the server asks to wait before the same is asked again, if it does.
    pub fn retry_in(&self) -> Option<Duration> {
        let Self::Refused(failure) = self else { return None };
        let seconds = failure.error.details.get("retryInSeconds")?.as_u64()?;
        Some(Duration::from_secs(seconds))
    }

    /// How a command that ends in this error should exit.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused(failure) => {
                failure.error.known_code().map_or_else(|| exit_of_status(failure.status), ErrorCode::exit)
            }
            Self::Unreachable { .. } | Self::NotOurs { .. } => Exit::Unreachable,
            Self::NoToken(TokenUnavailable::ForNow(_)) => Exit::Unreachable,
            Self::NoToken(TokenUnavailable::Refused(_)) => Exit::Refused,
            Self::NoToken(TokenUnavailable::Failed(_)) => Exit::User,
            Self::NoToken(_) => Exit::NotSignedIn,
            Self::Unsendable(_) | Self::Elsewhere { .. } => Exit::User,
        }
    }
}

/// For codes of a newer server.
fn exit_of_status(status: u16) -> Exit {
    match status {
        401 => Exit::NotSignedIn,
        403 => Exit::Refused,
        410 => Exit::Expired,
        402 | 429 => Exit::RateLimited,
        500.. => Exit::Unreachable,
        _ => Exit::User,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use keywright_protocol::wire::FailureBody;

    use super::*;

    fn refused(code: &str, status: u16) -> ClientError {
        ClientError::Refused(Box::new(Failure {
            success: false,
            status,
            error: FailureBody {
                code: code.into(),
                message: "No.".into(),
                next_action: None,
                details: BTreeMap::new(),
            },
            request_id: None,
        }))
    }

    #[test]
    fn a_known_code_decides_how_to_exit_and_an_unknown_one_leaves_it_to_the_status() {
        for (code, status, exit) in [
            ("KEY_EXPIRED", 401, Exit::Expired),
            ("KEY_REVOKED", 401, Exit::NotSignedIn),
            ("MAX_API_KEYS_REACHED", 429, Exit::RateLimited),
            ("LATER_CODE", 401, Exit::NotSignedIn),
            ("LATER_CODE", 403, Exit::Refused),
            ("LATER_CODE", 410, Exit::Expired),
            ("LATER_CODE", 402, Exit::RateLimited),
            ("LATER_CODE", 503, Exit::Unreachable),
            ("LATER_CODE", 418, Exit::User),
        ] {
            assert_eq!(refused(code, status).exit(), exit, "{code} {status}");
        }
    }
}
