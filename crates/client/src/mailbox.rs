//! Sign-up and sign-in by a mailed code. No token is sent but that of a temporary account which is to become
//! the account.

use http::Method;
use keywright_protocol::routes;
use keywright_protocol::wire::{self, CodeRequested, CompleteLogin, CompleteSignup, RequestCode};
use keywright_secret::Secret;
use serde::Serialize;

use crate::client::body;
use crate::{Client, ClientError, SignedIn};

impl Client {
    /// Asks that a code to sign up with be mailed. Never sends a token.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `USER_ALREADY_HAS_ORGANIZATION`, `OTP_RESEND_COOLDOWN` and others.
    pub async fn request_signup(&self, request: &RequestCode) -> Result<CodeRequested, ClientError> {
        self.request_code(routes::SIGNUP_REQUEST, request).await
    }

    /// Asks that a code to sign in with be mailed. Never sends a token.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `USER_NOT_FOUND`, `USER_HAS_NO_ORGANIZATION`, `OTP_RESEND_COOLDOWN` and
    /// others.
    pub async fn request_login(&self, request: &RequestCode) -> Result<CodeRequested, ClientError> {
        self.request_code(routes::LOGIN_REQUEST, request).await
    }

    /// Signs up with the code that was mailed; `rest` is the request without it. The client's token is sent
    /// if `rest.upgrade` says so, and then it must be that of a temporary account.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `OTP_INVALID`, `OTP_EXPIRED` and others.
    pub async fn complete_signup(
        &self,
        code: &Secret,
        rest: CompleteSignup,
    ) -> Result<SignedIn, ClientError> {
        let marked = rest.essential_traffic_only || self.is_essential_traffic_only();
        let request =
            CompleteSignup { code: code.expose().to_owned(), essential_traffic_only: marked, ..rest };
        self.complete(routes::SIGNUP_COMPLETE, &request, request.upgrade).await
    }

    /// Signs in with the code that was mailed; `rest` is the request without it. The client's token is sent
    /// if `rest.upgrade` says so, and then it must be that of a temporary account.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `MULTIPLE_ORGANIZATIONS`, `MAX_API_KEYS_REACHED`, `OTP_INVALID` and
    /// others.
    pub async fn complete_login(&self, code: &Secret, rest: CompleteLogin) -> Result<SignedIn, ClientError> {
        let marked = rest.essential_traffic_only || self.is_essential_traffic_only();
        let request =
            CompleteLogin { code: code.expose().to_owned(), essential_traffic_only: marked, ..rest };
        self.complete(routes::LOGIN_COMPLETE, &request, request.upgrade).await
    }

    async fn request_code(&self, route: &str, request: &RequestCode) -> Result<CodeRequested, ClientError> {
        let answer = self.send(Method::POST, self.mailbox_path(route), body(request), None).await?;
        self.data(&answer)
    }

    async fn complete(
        &self,
        route: &str,
        request: &impl Serialize,
        upgrade: bool,
    ) -> Result<SignedIn, ClientError> {
        let path = self.mailbox_path(route);
        let signed_in: wire::SignedIn = if upgrade {
            self.call(Method::POST, path, body(request)).await?
        } else {
            self.data(&self.send(Method::POST, path, body(request), None).await?)?
        };
        SignedIn::from_wire(signed_in).ok_or_else(|| self.not_ours(NO_KEY))
    }
}

const NO_KEY: &str = "the new key is not in the answer";
