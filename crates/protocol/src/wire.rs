//! The bodies of the JSON API. Fields are camelCase; a secret appears only where it is issued.

mod explain;
mod fields;
mod key_changes;
mod mailbox;
mod models;
mod organizations;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use explain::{
    KeyCard, LastCall, ProviderState, ProviderStates, RequestDetail, ShadowedCredential, UpstreamError,
    Verdict,
};
pub use key_changes::{ReplacedKey, RotateKey, RotatedKey, UpdateKey};
pub use mailbox::{
    AskedKey, CodeRequested, Company, CompleteLogin, CompleteSignup, LoginUpgrade, RequestCode, SignedIn,
    Upgrade, UpgradeOutcome, UpgradeTicket,
};
pub use models::{ListedModel, Models};
pub use organizations::{
    AcceptInvitation, CreateOrganization, CreateServiceAccount, DeletedOrganization, EnteredOrganization,
    Invitation, Invitations, InviteMember, Member, Members, Organization, Organizations, RemovedMember,
    ServiceAccount, UpdateMember, UpdateOrganization, UserKind,
};

#[cfg(feature = "openapi")]
use crate::Scope;
use crate::{ErrorCode, KeyId, OrganizationId, RequestId, Role, Scopes, Timestamp, UserId};

/// The envelope of every good answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Success<T> {
    /// Always true.
    pub success: bool,
    /// The answer.
    pub data: T,
}

impl<T> Success<T> {
    /// Wraps `data`.
    pub fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

/// The envelope of every refusal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Always false.
    pub success: bool,
    /// The HTTP status again.
    pub status: u16,
    /// What went wrong.
    pub error: FailureBody,
    /// The id under which the server logged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FailureBody {
    /// A code that programs may rely on; one of [`ErrorCode`] unless the server is newer.
    #[cfg_attr(feature = "openapi", schema(value_type = ErrorCode))]
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// What to do next, to be shown as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<String>,
    /// Facts for programs, `retryInSeconds` for instance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Value>,
}

impl FailureBody {
    /// The code, if this version knows it.
    pub fn known_code(&self) -> Option<ErrorCode> {
        ErrorCode::from_name(&self.code)
    }
}

/// Asks for a temporary account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTemporary {
    /// Whether the account is marked from the start: no content of it is ever captured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub essential_traffic_only: bool,
}

/// A new temporary account, with its token, which is shown this once.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TemporaryAccount {
    /// The `tmp_` token.
    pub token: String,
    /// When the account ends.
    pub expires_at: Timestamp,
    /// Whose it is.
    pub account: Account,
}

/// An account: a user in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The user.
    pub user_id: UserId,
    /// The organization.
    pub organization_id: OrganizationId,
}

/// Asks for a child token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateChild {
    /// How long it lives; 12 hours, the longest there is, when left out. At least 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 60, maximum = 43_200))]
    pub lifetime_seconds: Option<i64>,
}

/// A child token, shown this once. It may use models and nothing else, and dies with its parent.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChildToken {
    /// The `at_` token.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Asks that a child of the caller's token live on.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RenewChild {
    /// The child token.
    pub token: String,
}

/// How long a child token lives now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RenewedChild {
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Who is calling.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WhoAmI {
    /// The account.
    pub account: Account,
    /// The organization's name.
    pub organization_name: String,
    /// What the user is in it; absent from servers that did not tell it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The user's mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the account is temporary.
    pub temporary: bool,
    /// Whether the caller administers this server.
    pub administrator: bool,
    /// Whether the user is marked: no content of it is ever captured.
    #[serde(default)]
    pub essential_traffic_only: bool,
    /// The id of the token.
    pub token_id: KeyId,
    /// `sk`, `tmp` or `at`.
    pub token_kind: String,
    /// What the token may do.
    pub scopes: Scopes,
    /// When the token ends; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Asks for an API key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateKey {
    /// Its name, 1 to 100 characters, unlike that of any other active key of the organization.
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 100,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
        )
    )]
    pub name: String,
    /// What it may do, by name; `models:use` alone when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Scope>>, min_items = 1))]
    pub scopes: Option<Vec<String>>,
    /// Days until it expires, 1 to 365; not beside `lifetimeSeconds`. A JSON value of its own so that
    /// a wrong type gets the code that names the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 1, maximum = 365))]
    pub expires_in_days: Option<Value>,
    /// Seconds until it expires, 3,600 to 31,536,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 3_600, maximum = 31_536_000))]
    pub lifetime_seconds: Option<Value>,
    /// The service account that it is for; the caller's own user when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// An API key. `raw` is there in the answer that makes it and never again.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its id.
    pub key_id: KeyId,
    /// The key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// `sk_kw_` and four characters.
    pub key_prefix: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; absent for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, at most 60 s behind; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// Whose it is.
    pub user_id: UserId,
    /// The key that took its place; it lives on until `expiresAt` and does not count any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<KeyId>,
    /// The key whose place it took, as long as that one lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<KeyId>,
}

/// The organization's API keys, newest first.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApiKeys {
    /// The keys that are neither deleted nor expired.
    pub keys: Vec<ApiKey>,
    /// How many active keys an organization may have.
    pub limit: u32,
}

/// What was deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeletedKey {
    /// Its id.
    pub key_id: KeyId,
    /// When it died.
    pub revoked_at: Timestamp,
}

/// Presents the one-time administrator code.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimAdministrator {
    /// The code.
    pub code: String,
}

/// The proof of a loopback server that it belongs to this installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InstanceProof {
    /// Lower-case hexadecimal HMAC-SHA-256 under the text of `data_dir/instance` of
    /// `keywright-instance\n<challenge>\n<address the server listens on>`.
    pub proof: String,
    /// The version of the server.
    pub version: String,
    /// The time by the server's clock; absent from servers that did not tell it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
}

/// One call through the gateway, as it is shown. Content is never part of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// Its id.
    pub id: RequestId,
    /// When it arrived.
    pub started_at: Timestamp,
    /// The user.
    pub user_id: UserId,
    /// The token.
    pub key_id: KeyId,
    /// The provider, if one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// `anthropic`, `openai` or `gemini`.
    pub dialect: String,
    /// The route: method and path template.
    pub route: String,
    /// The model that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The program that called, guessed from its headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The client's own session id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Whether the answer was a stream of events.
    pub stream: bool,
    /// The HTTP status that the client got; absent while in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `running`, `succeeded`, `refused`, `upstream_error`, `cut`, `client_aborted`, `revoked` or
    /// `interrupted` (the server ended before the call did).
    #[cfg_attr(feature = "openapi", schema(value_type = crate::record::OutcomeKind))]
    pub outcome: String,
    /// Our error code, if the call was refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Milliseconds to the first byte of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<i64>,
    /// Milliseconds to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// Bytes of the request body.
    pub request_bytes: i64,
    /// Bytes of the answer's body.
    pub response_bytes: i64,
    /// Tokens.
    pub usage: TokenUsage,
    /// `central` or `byok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The provider credential, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_hint: Option<String>,
    /// The upstream's own id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_request_id: Option<String>,
}

/// Tokens of one call or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TokenUsage {
    /// Tokens of the prompt, those read from or written to a cache left out.
    pub input_tokens: i64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: i64,
    /// Prompt tokens read from the provider's cache.
    pub cache_read_tokens: i64,
    /// Prompt tokens written to the provider's cache.
    pub cache_write_tokens: i64,
    /// Whether the provider did not report them, so that they are an estimate.
    pub estimated: bool,
}

/// A page of records, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RequestPage {
    /// The records.
    pub requests: Vec<RequestRecord>,
    /// What to pass as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Usage summed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsageReport {
    /// Since when.
    pub since: Timestamp,
    /// One line a provider and model, the most called first.
    pub models: Vec<ModelUsage>,
    /// The sum of all lines.
    pub total: UsageTotal,
}

/// Usage of one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ModelUsage {
    /// The provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its sums.
    #[serde(flatten)]
    pub total: UsageTotal,
}

/// Sums over calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct UsageTotal {
    /// How many calls.
    pub requests: i64,
    /// How many of them did not succeed.
    pub failed: i64,
    /// Tokens of all.
    #[serde(flatten)]
    pub tokens: TokenUsage,
}
