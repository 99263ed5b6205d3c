//! Sign-up and sign-in by a code that is mailed: seed 002 of the product's requirements.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::object;
use crate::wire::ApiKey;
use crate::{CodeRequestId, KeyId, OrganizationId, Timestamp};

/// Asks that a code be mailed, to sign up or to sign in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestCode {
    /// The mailbox. A JSON value of its own so that a missing or wrong one gets its own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = true, format = Email, max_length = 254))]
    pub email: Option<Value>,
    /// The `requestId` of an earlier request by the same program, whose code is void from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<CodeRequestId>))]
    pub request_id: Option<String>,
    /// What to call the machine in the mail, for the person who reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 64,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*$"
        )
    )]
    pub machine: Option<String>,
}

/// A code was mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CodeRequested {
    /// The mailbox, as the server writes it.
    pub email: String,
    /// How long the code is good.
    pub expires_in_seconds: i64,
    /// Send it along with the code: then nobody else's request voids the code or uses up its tries.
    pub request_id: CodeRequestId,
}

/// The organization that a sign-up makes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Company {
    /// Its name, at most 100 characters; `My Organization` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 100,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*$"
        )
    )]
    pub name: Option<String>,
    /// What it is, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 500,
            pattern = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*$"
        )
    )]
    pub description: Option<String>,
}

/// The key that comes with a sign-up, a sign-in or a new organization.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskedKey {
    /// Its name; `CLI default key` when left out. ` (2)` is put behind a name that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 100,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
        )
    )]
    pub name: Option<String>,
    /// Days until it expires, 1 to 365; it does not when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 1, maximum = 365))]
    pub expires_in_days: Option<Value>,
}

/// Presents a mailed code to sign up.
#[derive(Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompleteSignup {
    /// The mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = true, format = Email, max_length = 254))]
    pub email: Option<Value>,
    /// The code: six digits, or eight letters. Blanks and dashes in it do not matter, nor does the case.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, pattern = "^([0-9]{6}|[BCDFGHJKLMNPQRSTVWXZ]{8})$")
    )]
    pub code: String,
    /// The organization to make.
    #[serde(default, deserialize_with = "object", skip_serializing_if = "Option::is_none")]
    pub company: Option<Company>,
    /// The key to make.
    #[serde(default, deserialize_with = "object", skip_serializing_if = "Option::is_none")]
    pub api_key: Option<AskedKey>,
    /// What the request for the code answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<CodeRequestId>))]
    pub request_id: Option<String>,
    /// Whether the temporary account whose token comes along becomes this account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upgrade: bool,
    /// Its keys that live on; every other credential of it dies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep_keys: Vec<KeyId>,
    /// Whether the account is marked: no content of it is ever captured. `false` leaves it as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub essential_traffic_only: bool,
}

/// Presents a mailed code to sign in.
#[derive(Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompleteLogin {
    /// The mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = true, format = Email, max_length = 254))]
    pub email: Option<Value>,
    /// The code: six digits, or eight letters. Blanks and dashes in it do not matter, nor does the case.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, pattern = "^([0-9]{6}|[BCDFGHJKLMNPQRSTVWXZ]{8})$")
    )]
    pub code: String,
    /// For which organization; needed by who belongs to several. One that invited the mailbox is joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<OrganizationId>))]
    pub organization_id: Option<String>,
    /// The key to make.
    #[serde(default, deserialize_with = "object", skip_serializing_if = "Option::is_none")]
    pub api_key: Option<AskedKey>,
    /// What the request for the code answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<CodeRequestId>))]
    pub request_id: Option<String>,
    /// Keys to delete in the same step, so that there is room for the new one: `details.keys` of
    /// `MAX_API_KEYS_REACHED` lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoke_keys: Vec<KeyId>,
    /// Whether the records of the temporary account whose token comes along move here. Its keys end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upgrade: bool,
    /// Keys of it that live on, where it becomes this account as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep_keys: Vec<KeyId>,
    /// Whether the account is marked: no content of it is ever captured. `false` leaves it as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub essential_traffic_only: bool,
}

/// Signed up or signed in.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// The organization that the key acts in.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// Whether the mailbox had no account before.
    pub is_new_user: bool,
    /// The new key, with `raw` this once.
    pub api_key: ApiKey,
    /// What became of the temporary account that came along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
}

/// What became of a temporary account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// Whether it is this account now, or its records moved into another.
    pub outcome: UpgradeOutcome,
    /// Its keys that live on.
    pub kept_keys: Vec<KeyId>,
    /// How many of its credentials died.
    pub ended_credentials: i64,
}

/// How a temporary account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum UpgradeOutcome {
    /// It is this account now: same user, same organization, same records.
    Upgraded,
    /// The account was there before; the records moved into it, and the temporary one ended.
    Merged,
}

/// Lets whoever signs in at the pages take a temporary account over, once. Nothing else can be done with it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UpgradeTicket {
    /// The ticket, shown this once: the parameter `upgrade` of `/oauth/authorize` and
    /// `/oauth/device_authorization`.
    pub ticket: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What became of the temporary account whose ticket came along with a sign-in at the pages: the member
/// `upgrade` of the answer of `/oauth/token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginUpgrade {
    /// Its records are the person's now, and none of its credentials is good any more.
    Merged,
    /// The person left it as it was; its token is still good.
    Declined,
    /// The ticket was good no more, or the account not one that can be taken over.
    Unavailable,
}

impl LoginUpgrade {
    /// Its name, as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Declined => "declined",
            Self::Unavailable => "unavailable",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Merged, Self::Declined, Self::Unavailable].into_iter().find(|one| one.as_str() == name)
    }
}
