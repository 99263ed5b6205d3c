//! What is told line by line with `--json`, so that a program can show it to its person. The last line may be a failure,
//! which [`Output`](crate::output::Output) prints.

use keywright_protocol::Timestamp;
use keywright_protocol::wire::LoginUpgrade;
use serde::Serialize;

/// A step of a sign-in.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(super) enum Event<'a> {
    /// The person enters this code there.
    Code {
        user_code: String,
        verification_uri: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        verification_uri_complete: Option<&'a str>,
        expires_at: Timestamp,
    },
    /// The person opens this address in a browser on this machine.
    Url { url: &'a str, expires_at: Timestamp },
    /// It is done.
    SignedIn(&'a SignedIn),
}

/// Who is signed in, and where that is kept.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedIn {
    pub(super) server: String,
    pub(super) profile_name: String,
    pub(super) is_new: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Timestamp>,
    /// Whether the account is marked, so that the server captures no content of it, because that was asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) essential_traffic_only: bool,
    /// What stands in the way of using the session.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    /// What became of the temporary account that was offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upgrade: Option<LoginUpgrade>,
}
