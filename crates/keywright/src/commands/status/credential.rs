//! The credential that counts, as far as it is known here, and what it shadows.

use keywright_credentials::{Resolved, ServerEntry, Source};
use keywright_protocol::Timestamp;
use serde::Serialize;

use crate::table::printable;

/// The credential that counts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CredentialStatus {
    source: &'static str,
    pub(super) hint: String,
    /// Whose it is, as it was when it was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_name: Option<String>,
    /// When it ends; a session is refreshed before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    pub(super) shadowed: Vec<ShadowedStatus>,
    #[serde(skip)]
    pub(super) place: &'static str,
}

/// One that is set and does not count.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShadowedStatus {
    source: &'static str,
    hint: String,
    /// Why it could not be used either.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip)]
    place: &'static str,
}

impl CredentialStatus {
    pub(super) fn of(resolved: Resolved, entry: Option<&ServerEntry>) -> Self {
        let shadowed = resolved.shadowed.into_iter().map(|shadowed| ShadowedStatus {
            source: shadowed.source.as_str(),
            place: shadowed.source.describe(),
            hint: shadowed.hint,
            problem: shadowed.problem.map(|problem| problem.to_string()),
        });
        let mut status = Self {
            source: resolved.source.as_str(),
            place: resolved.source.describe(),
            hint: resolved.hint,
            email: None,
            organization_name: None,
            expires_at: None,
            shadowed: shadowed.collect(),
        };
        match (resolved.source, entry) {
            (Source::StoredKey, Some(ServerEntry { api_key: Some(key), .. })) => {
                status.organization_name.clone_from(&key.metadata.organization_name);
                status.expires_at = key.metadata.expires_at;
            }
            (Source::Session, Some(ServerEntry { session: Some(session), .. })) => {
                status.email.clone_from(&session.email);
                status.organization_name = session.organization.as_ref().map(|of| of.name.clone());
                status.expires_at = session.expires_at;
            }
            (Source::Temporary, Some(ServerEntry { temporary: Some(temporary), .. })) => {
                status.expires_at = temporary.expires_at;
            }
            _ => {}
        }
        status
    }

    /// Whether it is renewed by itself.
    pub(super) fn is_session(&self) -> bool {
        self.source == Source::Session.as_str()
    }

    /// What is known without the server.
    pub(super) fn whose(&self) -> Option<String> {
        let of = [self.email.as_deref(), self.organization_name.as_deref()];
        let of: Vec<String> = of.into_iter().flatten().map(printable).collect();
        (!of.is_empty()).then(|| format!("            of {}", of.join(", ")))
    }
}

impl ShadowedStatus {
    pub(super) fn words(&self) -> String {
        let problem = self.problem.as_deref().map(|problem| format!("; {problem}")).unwrap_or_default();
        format!("shadows {} ({}…){problem}", self.place, self.hint)
    }
}

/// Everything about credentials that somebody may stumble over.
pub(super) fn warnings(credential: Option<&CredentialStatus>, problem: Option<&str>) -> Vec<String> {
    let mut found: Vec<String> = problem.map(str::to_owned).into_iter().collect();
    if let Some(credential) = credential {
        let shadows = |shadowed: &ShadowedStatus| format!("{} {}", credential.place, shadowed.words());
        found.extend(credential.shadowed.iter().map(shadows));
    }
    found
}
