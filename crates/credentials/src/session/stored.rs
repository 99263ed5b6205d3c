//! A session as it is stored.

use keywright_client::oauth::Tokens;
use keywright_protocol::wire::WhoAmI;
use keywright_protocol::{OrganizationId, Timestamp};
use keywright_secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The session of a sign-in.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredSession {
    /// The `at_` token.
    #[serde(with = "crate::stored::secret_text")]
    pub access_token: Secret,
    /// The `rt_` token, which is spent by its first use.
    #[serde(default, with = "crate::stored::optional_secret_text", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// When the access token ends; absent when the server did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The mailbox of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The organization that the session acts in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<SessionOrganization>,
    /// The OAuth client that signed in; only the same one can refresh.
    #[serde(default)]
    pub client_id: String,
    /// The issuer of the tokens: the origin of the server.
    #[serde(default)]
    pub issuer: String,
    /// When the server said that it no longer takes the refresh token. The pair is kept, and used for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// The organization of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOrganization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name at the time of the sign-in.
    pub name: String,
}

impl StoredSession {
    /// A new session of `client_id` at `issuer`; whose it is is not known yet.
    pub fn new(
        tokens: Tokens,
        client_id: impl Into<String>,
        issuer: impl Into<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            expires_at: end_of(&tokens, now),
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            email: None,
            organization: None,
            client_id: client_id.into(),
            issuer: issuer.into(),
            ended_at: None,
            unknown: Map::new(),
        }
    }

    /// With whose it is, as the server sees it.
    #[must_use]
    pub fn of(mut self, who: &WhoAmI) -> Self {
        let (id, name) = (who.account.organization_id, who.organization_name.clone());
        self.email.clone_from(&who.email);
        self.organization = Some(SessionOrganization { id, name });
        self
    }

    /// Whether it is for that organization.
    pub fn acts_in(&self, id: OrganizationId) -> bool {
        self.organization.as_ref().is_some_and(|organization| organization.id == id)
    }

    /// Whether the access token ends within the minute that a call may take, or has ended.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end.millis_since(now) < SPARE_MILLISECONDS)
    }

    /// Whether the access token can still be used now.
    pub(super) fn is_alive(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Puts what a refresh gave in the place of what was. A server that gives no new refresh token means the
    /// old one to be used again (RFC 6749, section 6).
    pub(super) fn renew(&mut self, tokens: Tokens, now: Timestamp) {
        self.expires_at = end_of(&tokens, now);
        self.access_token = tokens.access_token;
        if let Some(refresh_token) = tokens.refresh_token {
            self.refresh_token = Some(refresh_token);
        }
    }
}

fn end_of(tokens: &Tokens, now: Timestamp) -> Option<Timestamp> {
    tokens.expires_in.map(|life| now.plus_seconds(i64::try_from(life.as_secs()).unwrap_or(i64::MAX)))
}

/// What must be left of a token for it to be sent.
const SPARE_MILLISECONDS: i64 = 60_000;
