//! API keys that change.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::present;
#[cfg(feature = "openapi")]
use crate::Scope;
use crate::wire::ApiKey;
use crate::{KeyId, Timestamp};

/// Changes an API key: what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateKey {
    /// Its new name.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            value_type = String,
            required = false,
            min_length = 1,
            max_length = 100,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
        )
    )]
    pub name: Option<String>,
    /// What it may do from now on: some of what it may do now.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>, required = false, min_items = 1))]
    pub scopes: Option<Vec<String>>,
    /// Days until it expires, from now, 1 to 365; not beside `lifetimeSeconds`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = i64, required = false, minimum = 1, maximum = 365))]
    pub expires_in_days: Option<Value>,
    /// Seconds until it expires, from now, 3,600 to 31,536,000.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = i64, required = false, minimum = 3_600, maximum = 31_536_000)
    )]
    pub lifetime_seconds: Option<Value>,
}

/// Asks for another key in the place of one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateKey {
    /// For how many seconds the old key lives on, 0 to 604,800 and never beyond its own end; 0 when left
    /// out. A JSON value of its own so that a wrong type gets the code that names the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0, maximum = 604_800))]
    pub overlap_seconds: Option<Value>,
}

/// A rotated key.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RotatedKey {
    /// The new key, with `raw` this once.
    pub api_key: ApiKey,
    /// The key whose place it took.
    pub replaced: ReplacedKey,
}

/// The key whose place another took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReplacedKey {
    /// Its id.
    pub key_id: KeyId,
    /// When it ends; without an overlap that is now.
    pub ends_at: Timestamp,
}
