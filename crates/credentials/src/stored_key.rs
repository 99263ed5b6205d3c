//! A stored API key, and what may be known of it without asking its server.

use keywright_protocol::wire::{ApiKey, WhoAmI};
use keywright_protocol::{KeyId, OrganizationId, Scope, Scopes, Timestamp};
use keywright_secret::{PlatformToken, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An API key that the user stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredKey {
    /// The `sk_` key.
    #[serde(with = "super::stored::secret_text")]
    pub raw: Secret,
    /// What is known of it.
    #[serde(flatten)]
    pub metadata: KeyMetadata,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What is known of a stored key: nothing, when it was stored while its server could not be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyMetadata {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// `sk_kw_` and four characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_prefix: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it may do, by name: a server may know more scopes than this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Until when; absent for ever, and where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether its account is a temporary one, with which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// The organization that it acts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// That organization's name when the key was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_name: Option<String>,
}

/// A key that is to be stored.
pub struct NewStoredKey {
    /// The `sk_` key.
    pub raw: Secret,
    /// What is known of it.
    pub metadata: KeyMetadata,
}

impl KeyMetadata {
    /// What the server tells of `key`; the organization stands elsewhere in its answers.
    pub fn of(key: &ApiKey) -> Self {
        Self {
            key_id: Some(key.key_id),
            key_prefix: Some(key.key_prefix.clone()),
            name: Some(key.name.clone()),
            scopes: Some(names(key.scopes)),
            created_at: Some(key.created_at),
            expires_at: key.expires_at,
            ..Self::default()
        }
    }

    /// What a server says to the question whose key it is. It does not tell name and age.
    pub fn of_caller(who: &WhoAmI) -> Self {
        Self {
            key_id: Some(who.token_id),
            scopes: Some(names(who.scopes)),
            expires_at: who.expires_at,
            temporary: Some(who.temporary),
            organization_id: Some(who.account.organization_id),
            organization_name: Some(who.organization_name.clone()),
            ..Self::default()
        }
    }

    /// Since when it is there, as far as is known: ids tell when they were made.
    pub fn made_at(&self) -> Option<Timestamp> {
        self.created_at.or_else(|| self.key_id?.made_at())
    }

    /// Whether the key may manage keys, and so put another in its own place, as far as is known.
    pub fn manages_keys(&self) -> bool {
        let manages = |scope: &String| scope == Scope::ApiKeysManage.as_str();
        self.scopes.as_ref().is_some_and(|scopes| scopes.iter().any(manages))
    }

    /// This, and what a server has `told` since; what it did not tell stays.
    #[must_use]
    pub fn with(self, told: Self) -> Self {
        Self {
            key_id: told.key_id.or(self.key_id),
            key_prefix: told.key_prefix.or(self.key_prefix),
            name: told.name.or(self.name),
            scopes: told.scopes.or(self.scopes),
            created_at: told.created_at.or(self.created_at),
            // A key without an end is told by leaving the end out.
            expires_at: told.expires_at,
            temporary: told.temporary.or(self.temporary),
            organization_id: told.organization_id.or(self.organization_id),
            organization_name: told.organization_name.or(self.organization_name),
        }
    }

    /// With the organization that the key acts in.
    #[must_use]
    pub fn in_organization(self, id: OrganizationId, name: impl Into<String>) -> Self {
        Self { organization_id: Some(id), organization_name: Some(name.into()), ..self }
    }
}

impl StoredKey {
    /// What may be shown of it.
    pub fn hint(&self) -> String {
        PlatformToken::parse(self.raw.expose()).map_or_else(|_| self.raw.hint(), |token| token.hint())
    }
}

fn names(scopes: Scopes) -> Vec<String> {
    scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
}

impl From<NewStoredKey> for StoredKey {
    fn from(NewStoredKey { raw, metadata }: NewStoredKey) -> Self {
        Self { raw, metadata, unknown: Map::new() }
    }
}
