//! What explains a call, and how providers are doing.

use serde::{Deserialize, Serialize};

use crate::wire::RequestRecord;
use crate::{KeyId, OrganizationId, RequestId, Timestamp};

/// One call with all that is known of it: who, with which credentials, what came of it and what would
/// mend it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RequestDetail {
    /// The record.
    pub request: RequestRecord,
    /// The organization that it counts to.
    pub organization_id: OrganizationId,
    /// That organization's name.
    pub organization_name: String,
    /// The token that called; absent when the server has forgotten it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyCard>,
    /// The token that `key` is, or was, a child of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_key: Option<KeyCard>,
    /// Provider credentials that came along, or are configured, and were not used.
    pub shadowed: Vec<ShadowedCredential>,
    /// How the upstream names its error, where it answered with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_error: Option<UpstreamError>,
    /// What came of it, in words.
    pub verdict: Verdict,
}

/// What may be shown of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct KeyCard {
    /// Its id.
    pub key_id: KeyId,
    /// `sk`, `tmp` or `at`.
    pub kind: String,
    /// Its name; empty for a token that has none.
    pub name: String,
    /// Its prefix and four characters.
    pub key_prefix: String,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// A provider credential that was there and was not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ShadowedCredential {
    /// `byok` or `central`.
    pub kind: String,
    /// The header that it stood in, or `configuration` for one that the server has now.
    pub place: String,
    /// What may be shown of it.
    pub hint: String,
}

/// How an upstream names an error: words of its own documentation, never what it says about the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UpstreamError {
    /// `invalid_request_error`, or `INVALID_ARGUMENT` of gemini's.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `model_not_found`, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What came of a call, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// What happened.
    pub summary: String,
    /// What would mend it; absent when nothing needs mending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<String>,
}

/// The providers behind a gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProviderStates {
    /// In the order of their names.
    pub providers: Vec<ProviderState>,
}

/// How one provider is doing, as the server sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProviderState {
    /// Its name, as in `/gateway/{name}/...`.
    pub name: String,
    /// Whether the server has a key for it.
    pub has_key: bool,
    /// `connected`, `unresolved`, `unreachable`, `timedOut`, `tls` or `forbidden`: what came of the last
    /// connection, which carried nothing.
    pub connection: String,
    /// When that was tried; at most a quarter of a minute ago.
    pub checked_at: Timestamp,
    /// How the caller's organization last fared with it, among its latest calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_call: Option<LastCall>,
}

/// The end of a call, in short.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LastCall {
    /// Its id.
    pub id: RequestId,
    /// When it arrived.
    pub started_at: Timestamp,
    /// As in a record.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::record::OutcomeKind))]
    pub outcome: String,
    /// The status that the client got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}
