//! What can come of signing in and of refreshing. No variant holds what an answer said beyond its error: a
//! token may stand there.

use keywright_dial::DialError;
use keywright_protocol::Exit;
use oauth2::{ErrorResponse, RequestTokenError};
use serde_json::Value;

use super::transport::Failed;
use crate::ServerUrl;

/// The authorization server did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The server has no metadata of OAuth: an older one, or a gateway without accounts of people.
    #[error("{server} offers no sign-in")]
    NotOffered {
        /// The server.
        server: String,
    },
    /// The server offers sign-in, but not in this way.
    #[error("{server} offers no sign-in {way}")]
    WayNotOffered {
        /// The server.
        server: String,
        /// Which way.
        way: &'static str,
    },
    /// The server calls itself something else than the address it was asked at: it is reached by a second
    /// name, or somebody stands in between.
    #[error("the server at {server} calls itself {issuer}")]
    OtherIssuer {
        /// The address that was asked.
        server: String,
        /// What it calls itself.
        issuer: String,
    },
    /// Nothing answers at that address: the server is not running, or the network is down.
    #[error("{server} cannot be reached")]
    Unreachable {
        /// The server.
        server: String,
        /// What the connection came to.
        #[source]
        source: DialError,
    },
    /// The server, or what stands before it, cannot answer now.
    #[error("{server} cannot answer now (status {status})")]
    Unwell {
        /// The server.
        server: String,
        /// The status.
        status: u16,
    },
    /// Something answers, but not as an authorization server does.
    #[error("{server} does not answer as a Keywright server does: {reason}")]
    NotOurs {
        /// The server.
        server: String,
        /// How it differs.
        reason: String,
    },
    /// The code or refresh token is spent, revoked or expired.
    #[error("{server} no longer takes this sign-in")]
    InvalidGrant {
        /// The server.
        server: String,
    },
    /// The person said no.
    #[error("the sign-in was refused")]
    Denied,
    /// Nobody approved in time.
    #[error("the code has expired before anybody approved it")]
    Expired,
    /// The server refuses for another reason, in the words of OAuth.
    #[error("{server} refuses the sign-in: {error}{}", description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The server.
        server: String,
        /// The code, `invalid_client` for instance.
        error: String,
        /// What the server says about it.
        description: Option<String>,
    },
}

impl OAuthError {
    /// Whether the same may go well a little later. What is kept must then be kept.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unwell { .. } | Self::NotOurs { .. })
    }

    /// How a command that ends in this error should exit.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } | Self::Unwell { .. } | Self::NotOurs { .. } => Exit::Unreachable,
            Self::InvalidGrant { .. } | Self::Denied | Self::Refused { .. } => Exit::Refused,
            Self::Expired => Exit::Expired,
            Self::NotOffered { .. } | Self::WayNotOffered { .. } | Self::OtherIssuer { .. } => Exit::User,
        }
    }

    pub(super) fn of<T: ErrorResponse + 'static>(
        server: &ServerUrl,
        error: RequestTokenError<Failed, T>,
    ) -> Self {
        let server = server.to_string();
        match error {
            RequestTokenError::Request(Failed::Unwell(status)) => Self::Unwell { server, status },
            RequestTokenError::Request(Failed::Dial(source)) => Self::Unreachable { server, source },
            RequestTokenError::ServerResponse(answer) => Self::refused(server, &answer),
            // The parser's path names fields of ours; what stood in them goes no further.
            RequestTokenError::Parse(error, _) => {
                Self::NotOurs { server, reason: format!("unexpected JSON at {}", error.path()) }
            }
            RequestTokenError::Other(_) => {
                Self::NotOurs { server, reason: "its token endpoint answers without JSON".to_owned() }
            }
        }
    }

    fn refused(server: String, answer: &impl serde::Serialize) -> Self {
        let answer = serde_json::to_value(answer).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        match text("error").as_deref() {
            Some("invalid_grant") => Self::InvalidGrant { server },
            Some("access_denied") => Self::Denied,
            Some("expired_token") => Self::Expired,
            error => Self::Refused {
                server,
                error: printable(error.unwrap_or("no error is named")),
                description: text("error_description").map(|text| printable(&text)),
            },
        }
    }
}

/// The server's words may reach a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { '?' } else { c }).collect()
}
