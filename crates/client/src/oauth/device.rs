//! RFC 8628: signing in on another device.
//!
//! 1. The client asks for a code (section 3.1) and gets one for the device and one for the person (3.2).
//! 2. The person opens the address, enters the code and approves (3.3).
//! 3. The client polls meanwhile (3.4), no faster than it is told; each `slow_down` adds 5 s (3.5).

use std::future::Future;
use std::time::Duration;

use oauth2::{DeviceAuthorizationUrl, Scope, StandardDeviceAuthorizationResponse, TokenUrl};

use url::Url;

use super::error::printable;
use super::{Metadata, OAuth, OAuthError, Tokens};
use crate::ServerUrl;

/// A sign-in that waits for a person with another device.
pub struct DeviceSignIn {
    answer: StandardDeviceAuthorizationResponse,
    token: TokenUrl,
    resource: String,
}

impl OAuth {
    /// Asks for a code.
    ///
    /// # Errors
    /// [`OAuthError::WayNotOffered`] and others.
    pub async fn start_device(&self, metadata: &Metadata) -> Result<DeviceSignIn, OAuthError> {
        let Some(endpoint) = metadata.device.clone() else {
            return Err(OAuthError::WayNotOffered { server: self.server.to_string(), way: "by device code" });
        };
        let client = self.basic().set_device_authorization_url(DeviceAuthorizationUrl::from_url(endpoint));
        let request = client
            .exchange_device_code()
            .add_scopes(metadata.scopes.iter().cloned().map(Scope::new))
            .add_extra_param("resource", metadata.issuer.clone());
        let more = self.particulars();
        let request = more.fold(request, |request, (name, value)| request.add_extra_param(name, value));
        let answer: Result<StandardDeviceAuthorizationResponse, _> =
            request.request_async(&self.transport()).await;
        let answer = answer.map_err(|error| OAuthError::of(&self.server, error))?;
        let token = TokenUrl::from_url(metadata.token.clone());
        let started = DeviceSignIn { answer, token, resource: metadata.issuer.clone() };
        // They are shown, opened and drawn: another site's would be a gift to a phisher.
        if !started.lies_on(&self.server) {
            return Err(self.not_ours("its device page lies on another server"));
        }
        Ok(started)
    }

    /// Waits until the person has approved. `sleep` waits for that long.
    ///
    /// # Errors
    /// [`OAuthError::Denied`], [`OAuthError::Expired`] and others.
    pub async fn finish_device<S: Future<Output = ()>>(
        &self,
        started: &DeviceSignIn,
        sleep: impl Fn(Duration) -> S,
    ) -> Result<Tokens, OAuthError> {
        let client = self.basic().set_token_uri(started.token.clone());
        let request = client
            .exchange_device_access_token(&started.answer)
            .add_extra_param("resource", started.resource.clone());
        let request =
            self.wishes().fold(request, |request, (name, value)| request.add_extra_param(name, value));
        self.tokens(request.request_async(&self.transport(), sleep, None).await)
    }
}

impl DeviceSignIn {
    /// The code that the person enters.
    pub fn user_code(&self) -> String {
        printable(self.answer.user_code().secret())
    }

    /// Where it is entered.
    pub fn url(&self) -> &str {
        self.answer.verification_uri().as_str()
    }

    /// The same with the code in it, if the server gives one.
    pub fn complete_url(&self) -> Option<&str> {
        self.answer.verification_uri_complete().map(|url| url.secret().as_str())
    }

    fn lies_on(&self, server: &ServerUrl) -> bool {
        let origin = server.as_url().origin();
        [Some(self.url()), self.complete_url()]
            .into_iter()
            .flatten()
            .all(|page| Url::parse(page).is_ok_and(|page| page.origin() == origin))
    }

    /// How long the code lives, as of the answer.
    pub fn expires_in(&self) -> Duration {
        self.answer.expires_in()
    }

    /// How long to wait between two questions.
    pub fn interval(&self) -> Duration {
        self.answer.interval()
    }
}
