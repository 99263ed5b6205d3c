//! What is printed of a sign-up or sign-in: all but the key, in the form of seed 002.

use keywright_client::SignedIn;
use keywright_credentials::ProfileName;
use keywright_protocol::OrganizationId;
use serde::Serialize;

use crate::commands::new_key::MaskedKey;
use crate::table::printable;

/// The account, its organization, and the profile that holds the key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    profile_name: String,
    organization_id: OrganizationId,
    organization_name: String,
    is_new_user: bool,
    api_key: MaskedKey,
}

impl Shown {
    /// What may be shown of `signed_in`, whose key `profile` holds.
    pub(super) fn of(signed_in: &SignedIn, profile: &ProfileName) -> Self {
        Self {
            profile_name: profile.to_string(),
            organization_id: signed_in.organization_id,
            organization_name: signed_in.organization_name.clone(),
            is_new_user: signed_in.is_new_user,
            api_key: MaskedKey::of(&signed_in.key.key),
        }
    }

    /// In lines.
    pub(super) fn describe(&self) -> String {
        [
            format!("profile       {}, active now", self.profile_name),
            format!("organization  {} {}", self.organization_id, printable(&self.organization_name)),
            format!("key           {}", self.api_key.describe()),
        ]
        .join("\n")
    }
}
