//! What is recorded of a call: one row, begun before the upstream hears of it and ended once.
//!
//! The gateway fills these, the store keeps them. Nothing here is content: no prompt, no answer.

use std::net::IpAddr;
use std::sync::Arc;

use crate::wire::{ShadowedCredential, TokenUsage, UpstreamError};
use crate::{ErrorCode, KeyId, OrganizationId, RequestId, Timestamp, UserId};

/// What is known of a call before it is sent on.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The id of the call and of its record.
    pub id: RequestId,
    /// When it arrived.
    pub started_at: Timestamp,
    /// Whose token it carried.
    pub user: UserId,
    /// The organization that it counts to.
    pub organization: OrganizationId,
    /// The token.
    pub key: KeyId,
    /// The token that `key` is a child of.
    pub parent_key: Option<KeyId>,
    /// `anthropic`, `openai` or `gemini`.
    pub dialect: &'static str,
    /// Method and path template.
    pub route: &'static str,
    /// The provider, if one was found.
    pub provider: Option<String>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// The program that called, guessed from its headers.
    pub client: Option<&'static str>,
    /// The client's own session id, at most 128 characters.
    pub session_id: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Bytes of the request body.
    pub request_bytes: i64,
    /// Whose provider credential is used.
    pub credential: Option<CredentialKind>,
    /// That credential, masked.
    pub credential_hint: Option<String>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The id of the call.
    pub id: RequestId,
    /// In one word.
    pub kind: OutcomeKind,
    /// The status that the client got, if it got one.
    pub status: Option<u16>,
    /// Our code, when we refused or the upstream failed.
    pub error: Option<ErrorCode>,
    /// Milliseconds to the first byte of the answer.
    pub first_byte_ms: Option<i64>,
    /// Milliseconds to its end.
    pub duration_ms: i64,
    /// Bytes of the answer's body that were passed on.
    pub response_bytes: i64,
    /// Tokens.
    pub usage: TokenUsage,
    /// The upstream's `request-id` or `x-request-id`, at most 128 characters.
    pub upstream_request_id: Option<String>,
    /// The id of the object that the upstream made (`resp_...`), at most 128 characters; it decides
    /// who may refer to it later.
    pub response_id: Option<String>,
    /// What explains it beyond its numbers; absent where there is nothing to explain.
    pub notes: Option<Box<Notes>>,
}

/// What explains a call beyond its numbers: kept for the few calls that have any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Own provider credentials that came along and were not used.
    pub shadowed: Vec<ShadowedCredential>,
    /// How the upstream names its error. Never its message, which can quote the prompt.
    pub upstream_error: Option<UpstreamError>,
}

impl Notes {
    /// Those notes; `None` when there is nothing in them.
    pub fn of(shadowed: Vec<ShadowedCredential>, upstream_error: Option<UpstreamError>) -> Option<Box<Self>> {
        let empty = shadowed.is_empty() && upstream_error.is_none();
        (!empty).then(|| Box::new(Self { shadowed, upstream_error }))
    }
}

/// In one word, how a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// The answer went out whole.
    Succeeded,
    /// Keywright refused it; nothing went upstream.
    Refused,
    /// The upstream answered with an error, or could not be reached.
    UpstreamError,
    /// The upstream, or a time-out, broke the answer off.
    Cut,
    /// The client left.
    ClientAborted,
    /// The token was revoked while the answer was running.
    Revoked,
    /// The server ended before the call did. Written when the next one starts.
    Interrupted,
}

impl OutcomeKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Succeeded,
        Self::Refused,
        Self::UpstreamError,
        Self::Cut,
        Self::ClientAborted,
        Self::Revoked,
        Self::Interrupted,
    ];

    /// The word used in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::UpstreamError => "upstream_error",
            Self::Cut => "cut",
            Self::ClientAborted => "client_aborted",
            Self::Revoked => "revoked",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Whose provider credential a call used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// The server's.
    Central,
    /// The caller's own.
    Byok,
}

impl CredentialKind {
    /// The word used in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Central => "central",
            Self::Byok => "byok",
        }
    }
}

/// One write to the records.
#[derive(Clone, Debug)]
pub enum RecordOp {
    /// A call is about to be sent on.
    Begin(Arc<Intent>),
    /// A call that was begun has ended.
    End(Box<Outcome>),
    /// A call of a known caller that was refused before it was begun.
    Whole(Arc<Intent>, Box<Outcome>),
    /// A caller that nobody could be proven to be: counted by address, code and minute.
    Unproven {
        /// From where.
        address: IpAddr,
        /// Why it was refused.
        error: ErrorCode,
        /// When.
        at: Timestamp,
    },
}
