//! What an application asks for: scopes of tokens, and what it may know of the person.

use keywright_protocol::{Scope, Scopes};

use crate::oauth::{Client, OAuthCode, OAuthError, Trust};

/// What may be known of a person, and what OpenID Connect calls offline access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdentityScopes(u8);

/// The names, in the order in which they are listed.
const IDENTITY: [(&str, u8); 4] = [("openid", 1), ("email", 2), ("profile", 4), ("offline_access", 8)];

impl IdentityScopes {
    /// `openid`: who the person is.
    pub const OPENID: Self = Self(1);
    /// `email`: the mailbox as well.
    pub const EMAIL: Self = Self(2);

    /// Whether all of `other` is in it.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        IDENTITY.into_iter().filter(move |(_, bit)| self.0 & bit != 0).map(|(name, _)| name)
    }

    fn of(name: &str) -> Option<Self> {
        IDENTITY.into_iter().find(|(known, _)| *known == name).map(|(_, bit)| Self(bit))
    }

    /// The database form, names with blanks between.
    pub(crate) fn to_stored(self) -> String {
        self.names().collect::<Vec<_>>().join(" ")
    }

    /// Reads the database form.
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.split_whitespace().filter_map(Self::of).fold(0, |bits, scope| bits | scope.0))
    }
}

/// All that a session may do and know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionScope {
    /// What its tokens may do.
    pub platform: Scopes,
    /// What may be known of its user.
    pub identity: IdentityScopes,
}

impl SessionScope {
    /// Every name that may stand in a `scope` parameter.
    pub fn supported() -> Vec<&'static str> {
        let identity = IDENTITY.into_iter().map(|(name, _)| name);
        identity.chain(Scope::ALL.map(Scope::as_str)).collect()
    }

    /// Reads the `scope` parameter of a client that asks for something new. Left out it is all that the
    /// client may have. A client that nobody vouches for gets model calls, whatever it asks for.
    ///
    /// # Errors
    /// `invalid_scope` when a name is none, or nothing is left.
    pub(crate) fn asked(client: &Client, text: Option<&str>) -> Result<Self, OAuthError> {
        let most = if client.trust == Trust::Unverified { Scopes::GATEWAY } else { Scopes::EVERY };
        let Some(asked) = text.filter(|text| !text.trim().is_empty()) else {
            return Ok(Self { platform: most, identity: IdentityScopes::default() });
        };
        let asked = Self::parse(asked)?;
        // Who asks to know the person alone gets no model calls on top.
        let granted = Self { platform: asked.platform.and(most), ..asked };
        if granted.is_empty() {
            return Err(OAuthError::new(
                OAuthCode::InvalidScope,
                "An application that registered by itself gets models:use at most. Ask for that, or have an \
                 administrator register it.",
            ));
        }
        Ok(granted)
    }

    /// All that there is.
    pub fn every() -> Self {
        let identity = IDENTITY.into_iter().fold(0, |bits, (_, bit)| bits | bit);
        Self { platform: Scopes::EVERY, identity: IdentityScopes(identity) }
    }

    /// Its names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.identity.names().chain(self.platform.iter().map(Scope::as_str))
    }

    /// What of it has a name that is chosen.
    #[must_use]
    pub fn chosen(self, is_chosen: impl Fn(&str) -> bool) -> Self {
        let identity = IDENTITY.into_iter().filter(|(name, _)| is_chosen(name));
        let identity = IdentityScopes(self.identity.0 & identity.fold(0, |bits, (_, bit)| bits | bit));
        let platform: Vec<Scope> = self.platform.iter().filter(|scope| is_chosen(scope.as_str())).collect();
        Self { platform: Scopes::of(&platform), identity }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.platform.is_empty() && self.identity == IdentityScopes::default()
    }

    /// Reads the `scope` parameter of a refresh: the same or less.
    pub(crate) fn narrowed(self, text: Option<&str>) -> Result<Self, OAuthError> {
        let Some(asked) = text.filter(|text| !text.trim().is_empty()) else { return Ok(self) };
        let asked = Self::parse(asked)?;
        if self.platform.covers(asked.platform) && self.identity.covers(asked.identity) {
            return Ok(asked);
        }
        Err(OAuthError::new(
            OAuthCode::InvalidScope,
            "The session was granted less than that. Leave scope out, or sign in again.",
        ))
    }

    fn parse(text: &str) -> Result<Self, OAuthError> {
        let mut identity = IdentityScopes::default();
        let mut platform = Vec::new();
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            match IdentityScopes::of(name) {
                Some(known) => identity.0 |= known.0,
                None => platform.push(name),
            }
        }
        let platform = Scopes::from_names(platform).map_err(|_| {
            OAuthError::new(
                OAuthCode::InvalidScope,
                "A scope is none that this server knows; scopes_supported of its metadata lists them.",
            )
        })?;
        Ok(Self { platform, identity })
    }
}

impl std::fmt::Display for SessionScope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.names().collect::<Vec<_>>().join(" "))
    }
}
