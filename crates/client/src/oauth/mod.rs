//! Signing in: the client's side of OAuth 2.1, over `dial` like every other call.
//!
//! PKCE, `state` and the polling of RFC 8628 are the `oauth2` crate's; this adds what a Keywright client owes
//! its user: the issuer must be the server that was asked (RFC 8414), every endpoint must lie on its origin,
//! `iss` is checked (RFC 9207), and tokens leave here as secrets, never inside an error.

mod browser;
mod device;
mod error;
mod metadata;
mod transport;
mod upgrade;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Response};
use keywright_dial::control::Control;
use keywright_protocol::Lifetime;
use keywright_protocol::oauth_routes as routes;
use keywright_protocol::wire::LoginUpgrade;
use keywright_secret::Secret;
use oauth2::basic::BasicTokenType;
use oauth2::{ClientId, RefreshToken, TokenResponse, TokenUrl};
use url::form_urlencoded::Serializer;

use crate::ServerUrl;
pub use browser::{BrowserSignIn, WrongAnswer};
pub use device::DeviceSignIn;
pub use error::OAuthError;
pub use metadata::Metadata;
use upgrade::{BasicClient, Granted};

/// The public client that every Keywright server knows.
pub const DEFAULT_CLIENT_ID: &str = "keywright-cli";

/// The authorization server of one Keywright server, as one client of it speaks to it.
#[derive(Clone)]
pub struct OAuth {
    control: Control,
    server: ServerUrl,
    client_id: String,
    machine: Option<String>,
    lifetime: Option<Lifetime>,
    upgrade: Option<Secret>,
    essential_traffic_only: bool,
}

/// What a token endpoint gave.
pub struct Tokens {
    /// The `at_` token.
    pub access_token: Secret,
    /// The `rt_` token, which is spent by the first use; a server need not give one.
    pub refresh_token: Option<Secret>,
    /// How long the access token lives, as of the answer.
    pub expires_in: Option<Duration>,
    /// What became of the temporary account whose ticket came along, if the server says so.
    pub upgrade: Option<LoginUpgrade>,
}

impl OAuth {
    /// Speaks to `server` as the client `client_id`.
    ///
    /// # Errors
    /// [`OAuthError::Unreachable`] when the machine cannot make connections of that kind at all.
    pub fn new(server: &ServerUrl, client_id: impl Into<String>) -> Result<Self, OAuthError> {
        let control = Control::to(server.as_url())
            .map_err(|source| OAuthError::Unreachable { server: server.to_string(), source })?;
        Ok(Self {
            control,
            server: server.clone(),
            client_id: client_id.into(),
            machine: None,
            lifetime: None,
            upgrade: None,
            essential_traffic_only: false,
        })
    }

    /// Says what this machine is called, for the person who lets it in.
    #[must_use]
    pub fn with_machine(self, machine: Option<String>) -> Self {
        Self { machine, ..self }
    }

    /// Proposes how long the session lives; the person may choose less, and without it the server chooses.
    #[must_use]
    pub fn with_lifetime(self, lifetime: Option<Lifetime>) -> Self {
        Self { lifetime, ..self }
    }

    /// Lets the person take the temporary account over that this [ticket](crate::UpgradeTicket) is for. It is good
    /// for nothing else, so that it may stand in an address.
    #[must_use]
    pub fn with_upgrade(self, ticket: Option<Secret>) -> Self {
        Self { upgrade: ticket, ..self }
    }

    /// Has the account marked by a sign-in, if so: the server captures no content of it.
    #[must_use]
    pub fn with_essential_traffic_only(self, essential_traffic_only: bool) -> Self {
        Self { essential_traffic_only, ..self }
    }

    /// The server that is spoken to.
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// The client that is spoken as.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Asks what the server offers. Do it before signing in; it is not needed to refresh.
    ///
    /// # Errors
    /// [`OAuthError::NotOffered`] when the server has no sign-in, [`OAuthError::OtherIssuer`] when it calls
    /// itself something else, and others.
    pub async fn discover(&self) -> Result<Metadata, OAuthError> {
        let answer = self.call(Method::GET, routes::METADATA, Bytes::new()).await?;
        match answer.status().as_u16() {
            200 => Metadata::read(&self.server, answer.body()),
            404 | 405 => Err(OAuthError::NotOffered { server: self.server.to_string() }),
            status => Err(self.not_ours(format!("its metadata answer {status}"))),
        }
    }

    /// Trades a refresh token for its successor and a new access token.
    ///
    /// # Errors
    /// [`OAuthError::InvalidGrant`] when the token is spent, revoked or expired; temporary ones otherwise.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, OAuthError> {
        let url = self.url_of(routes::TOKEN)?;
        let client = self.basic().set_token_uri(url);
        let token = RefreshToken::new(refresh_token.expose().to_owned());
        let answer = client.exchange_refresh_token(&token).request_async(&self.transport()).await;
        self.tokens(answer)
    }

    /// Ends a token, and with a refresh token all that came of the same sign-in. One that the server does not
    /// know counts as ended.
    ///
    /// # Errors
    /// [`OAuthError`]
    pub async fn revoke(&self, token: &Secret) -> Result<(), OAuthError> {
        let body = Serializer::new(String::new())
            .append_pair("token", token.expose())
            .append_pair("client_id", &self.client_id)
            .finish();
        let answer = self.call(Method::POST, routes::REVOKE, body.into()).await?;
        match answer.status().as_u16() {
            200 => Ok(()),
            status @ (429 | 500..) => Err(OAuthError::Unwell { server: self.server.to_string(), status }),
            status => Err(self.not_ours(format!("its revocation answers {status}"))),
        }
    }

    fn basic(&self) -> BasicClient {
        BasicClient::new(ClientId::new(self.client_id.clone()))
    }

    /// What a request for a code says beyond what OAuth asks for.
    fn particulars(&self) -> impl Iterator<Item = (&'static str, String)> {
        let machine = self.machine.clone().map(|machine| (routes::MACHINE, machine));
        let lifetime = self.lifetime.map(|lifetime| (routes::LIFETIME, lifetime.seconds().to_string()));
        let upgrade = self.upgrade.as_ref().map(|ticket| (routes::UPGRADE, ticket.expose().to_owned()));
        [machine, lifetime, upgrade].into_iter().flatten()
    }

    /// What a request for the first tokens says beyond what OAuth asks for.
    fn wishes(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.essential_traffic_only.then_some((routes::ESSENTIAL_TRAFFIC_ONLY, YES)).into_iter()
    }

    fn url_of(&self, path: &str) -> Result<TokenUrl, OAuthError> {
        let url = self.server.as_url().join(path);
        url.map(TokenUrl::from_url).map_err(|_| self.not_ours("its token endpoint is no URL"))
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Bytes>, OAuthError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, crate::client::AGENT);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(body).map_err(|_| self.not_ours("the call cannot be written as HTTP"))?;
        self.control
            .send(request)
            .await
            .map_err(|source| OAuthError::Unreachable { server: self.server.to_string(), source })
    }

    fn tokens<T: oauth2::ErrorResponse + 'static>(
        &self,
        answer: Result<Granted, oauth2::RequestTokenError<transport::Failed, T>>,
    ) -> Result<Tokens, OAuthError> {
        let tokens = answer.map_err(|error| OAuthError::of(&self.server, error))?;
        if *tokens.token_type() != BasicTokenType::Bearer {
            return Err(self.not_ours("it gives out tokens that are no bearer tokens"));
        }
        Ok(Tokens {
            access_token: Secret::new(tokens.access_token().secret()),
            refresh_token: tokens.refresh_token().map(|token| Secret::new(token.secret())),
            expires_in: tokens.expires_in(),
            upgrade: tokens.extra_fields().upgrade(),
        })
    }

    fn not_ours(&self, reason: impl Into<String>) -> OAuthError {
        OAuthError::NotOurs { server: self.server.to_string(), reason: reason.into() }
    }
}

/// The value of a parameter that is sent only to say yes.
const YES: &str = "true";
