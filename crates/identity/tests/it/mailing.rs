//! Codes that are asked for and come back, as a program does it.

use std::net::IpAddr;

use keywright_identity::{CodePurpose, Identity};
use keywright_protocol::wire::{CodeRequested, CompleteLogin, CompleteSignup, RequestCode, SignedIn};
use keywright_protocol::{ApiError, CodeRequestId, Principal};
use keywright_secret::PlatformToken;
use serde_json::json;

use crate::bench::{Bench, HOME};

pub(crate) use CodePurpose::{Login, Signup};

pub(crate) fn asked(email: &str) -> RequestCode {
    RequestCode { email: Some(json!(email)), ..RequestCode::default() }
}

pub(crate) async fn ask(
    identity: &Identity,
    purpose: CodePurpose,
    email: &str,
) -> Result<CodeRequested, ApiError> {
    ask_from(identity, purpose, email, HOME).await
}

pub(crate) async fn ask_from(
    identity: &Identity,
    purpose: CodePurpose,
    email: &str,
    address: IpAddr,
) -> Result<CodeRequested, ApiError> {
    identity.request_code(purpose, address, asked(email), None).await
}

pub(crate) fn signup(email: &str, code: &str) -> CompleteSignup {
    CompleteSignup { email: Some(json!(email)), code: code.to_owned(), ..CompleteSignup::default() }
}

pub(crate) fn login(email: &str, code: &str) -> CompleteLogin {
    CompleteLogin { email: Some(json!(email)), code: code.to_owned(), ..CompleteLogin::default() }
}

pub(crate) async fn sign_up(
    identity: &Identity,
    asked: CompleteSignup,
) -> Result<(PlatformToken, SignedIn), ApiError> {
    identity.complete_signup(None, asked).await
}

pub(crate) async fn log_in(
    identity: &Identity,
    asked: CompleteLogin,
) -> Result<(PlatformToken, SignedIn), ApiError> {
    identity.complete_login(None, asked).await
}

/// Why it was refused.
pub(crate) fn refused<T>(outcome: Result<T, ApiError>) -> ApiError {
    match outcome {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error,
    }
}

/// A code unlike that one.
pub(crate) fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

impl Bench {
    /// The last code that was mailed to that mailbox.
    pub(crate) fn mailed(&self, email: &str) -> String {
        self.post.code(email).expect("a mailed code")
    }

    /// Has a code mailed; the id of the request and the code.
    pub(crate) async fn code(&self, purpose: CodePurpose, email: &str) -> (CodeRequestId, String) {
        let requested = ask(&self.identity, purpose, email).await.expect("a code");
        (requested.request_id, self.mailed(email))
    }

    /// Makes an account with that mailbox.
    pub(crate) async fn signed_up(&self, email: &str) -> (PlatformToken, SignedIn) {
        let (_, code) = self.code(Signup, email).await;
        sign_up(&self.identity, signup(email, &code)).await.expect("an account")
    }

    /// The same, with the principal of its key.
    pub(crate) async fn person(&self, email: &str) -> (std::sync::Arc<Principal>, SignedIn) {
        let (token, signed_in) = self.signed_up(email).await;
        (self.verified(&token).await, signed_in)
    }
}
