//! Applications: the command line's own, and those that registered.

use keywright_protocol::Timestamp;
use keywright_secret::{Secret, hex};
use keywright_store::ClientRow;
use sha2::{Digest, Sha256};

use crate::Identity;
use crate::oauth::{OAuthCode, OAuthError, redirect};

/// The id of the command line, which is known without registration.
pub const KEYWRIGHT_CLI: &str = "keywright-cli";

const COMMAND_LINE: &str = "Keywright command line";

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// What it calls itself.
    pub name: String,
    /// Who vouches for it.
    pub trust: Trust,
    /// Whether it runs on its user's machine.
    pub native: bool,
    /// Where answers may be sent.
    pub redirect_uris: Vec<String>,
    /// The ways in which it gets tokens.
    pub grants: Vec<GrantType>,
    /// How it proves itself.
    pub authentication: Authentication,
    secret_hash: Option<Secret>,
}

/// Who vouches for an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is the command line of Keywright.
    Ours,
    /// An administrator registered it.
    Approved,
    /// Nobody: it registered by itself, and may call itself anything.
    Unverified,
}

/// A way in which an application gets tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// By a code that the authorization page sends.
    AuthorizationCode,
    /// By a refresh token.
    RefreshToken,
    /// By a code that a person enters on another device.
    DeviceCode,
}

/// How an application proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all: anybody can say its id.
    None,
    /// By its secret as the password of Basic.
    Basic,
    /// By its secret in the body.
    Post,
}

/// What a request says of the application that sends it.
#[derive(Debug)]
pub struct PresentedClient {
    /// The id.
    pub id: String,
    /// The secret, and how it came.
    pub secret: Option<(Secret, Authentication)>,
}

impl Client {
    /// The command line of Keywright.
    pub fn command_line() -> Self {
        Self {
            id: KEYWRIGHT_CLI.to_owned(),
            name: COMMAND_LINE.to_owned(),
            trust: Trust::Ours,
            native: true,
            redirect_uris: vec!["http://127.0.0.1/callback".to_owned(), "http://[::1]/callback".to_owned()],
            grants: GrantType::ALL.to_vec(),
            authentication: Authentication::None,
            secret_hash: None,
        }
    }

    /// Whether it may get tokens in that way.
    ///
    /// # Errors
    /// `unauthorized_client` when not.
    pub(crate) fn may_use(&self, grant: GrantType) -> Result<(), OAuthError> {
        if self.grants.contains(&grant) {
            return Ok(());
        }
        Err(OAuthError::new(
            OAuthCode::UnauthorizedClient,
            format!("The application did not register the grant type {}.", grant.as_str()),
        ))
    }

    fn read(row: ClientRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            trust: if row.approved_at.is_some() { Trust::Approved } else { Trust::Unverified },
            native: row.application_type == "native",
            redirect_uris: row.redirect_uris.split_whitespace().map(str::to_owned).collect(),
            grants: row.grant_types.split_whitespace().filter_map(GrantType::from_name).collect(),
            authentication: Authentication::from_name(&row.authentication).unwrap_or(Authentication::None),
            secret_hash: row.secret_hash.map(Secret::new),
        }
    }

    /// The row of a new application.
    pub(crate) fn to_row(&self, address: String, at: Timestamp) -> ClientRow {
        let grants: Vec<&str> = self.grants.iter().map(|grant| grant.as_str()).collect();
        ClientRow {
            id: self.id.clone(),
            name: self.name.clone(),
            application_type: if self.native { "native" } else { "web" }.to_owned(),
            redirect_uris: self.redirect_uris.join(" "),
            grant_types: grants.join(" "),
            authentication: self.authentication.as_str().to_owned(),
            secret_hash: self.secret_hash.as_ref().map(|hash| hash.expose().to_owned()),
            approved_at: (self.trust == Trust::Approved).then_some(at),
            address,
            created_at: at,
        }
    }

    /// An application that registers, without a secret so far.
    pub(crate) fn registered(
        id: String,
        name: String,
        trust: Trust,
        native: bool,
        redirect_uris: Vec<String>,
        grants: Vec<GrantType>,
        authentication: Authentication,
    ) -> Self {
        Self { id, name, trust, native, redirect_uris, grants, authentication, secret_hash: None }
    }

    /// The same with a secret.
    pub(crate) fn with_secret(self, secret: &Secret) -> Self {
        Self { secret_hash: Some(hashed(secret)), ..self }
    }
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::RefreshToken, Self::DeviceCode];

    /// The name in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }
}

impl Authentication {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Basic, Self::Post];

    /// The name in metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == name)
    }
}

impl Identity {
    /// The application with that id.
    ///
    /// # Errors
    /// `temporarily_unavailable` when the database does not answer.
    pub async fn oauth_client(&self, id: &str) -> Result<Option<Client>, OAuthError> {
        if id == KEYWRIGHT_CLI {
            return Ok(Some(Client::command_line()));
        }
        // Nothing else was ever given out, and not all of it can be asked of a database.
        if id.len() > LONGEST_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(None);
        }
        Ok(self.inner.store.client(id).await?.map(Client::read))
    }

    /// The application that a request comes from, proven as it registered.
    ///
    /// # Errors
    /// `invalid_client` when there is none, its secret is wrong, missing, of no use or came another way.
    pub async fn authenticate_client(&self, presented: &PresentedClient) -> Result<Client, OAuthError> {
        let client = self.oauth_client(&presented.id).await?;
        client.filter(|client| client.is_proven_by(presented)).ok_or_else(|| {
            OAuthError::new(
                OAuthCode::InvalidClient,
                "There is no such application, or its secret is wrong or came in a way that it did not register.",
            )
        })
    }
}

impl Client {
    /// The hosts that answers go to, or the schemes of programs on the person's machine.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = self.redirect_uris.iter().map(|uri| redirect::shown_host(uri)).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    fn is_proven_by(&self, presented: &PresentedClient) -> bool {
        match (&self.secret_hash, &presented.secret) {
            (None, None) => true,
            (Some(hash), Some((secret, way))) => *way == self.authentication && hashed(secret) == *hash,
            _ => false,
        }
    }
}

/// Whether a name reads as the command line's own, whatever stands between its letters.
pub(crate) fn is_reserved(name: &str) -> bool {
    letters(name).eq(letters(COMMAND_LINE))
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|letter| letter.is_alphabetic()).flat_map(char::to_lowercase)
}

fn hashed(secret: &Secret) -> Secret {
    Secret::new(hex(&Sha256::digest(secret.expose().as_bytes())))
}

const LONGEST_ID: usize = 128;
