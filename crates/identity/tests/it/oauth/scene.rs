//! A person, an application, and what the two do with each other.

use std::net::IpAddr;

use keywright_identity::Identity;
use keywright_identity::oauth::{
    Allowance, Authentication, Client, Consent, DevicePerson, DeviceRequest, OAuthCode, OAuthError,
    PresentedClient, Refresh,
};
use keywright_protocol::{KeyId, OrganizationId, Principal, UserId};
use keywright_secret::{PlatformToken, Secret};
use serde_json::{Value, json};

use crate::bench::{Bench, HOME};

/// A person with an organization.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) organization: OrganizationId,
}

impl Person {
    /// One whose account does not end.
    pub(crate) async fn new(bench: &Bench) -> Self {
        let caller = bench.verified(&bench.lasting().await).await;
        Self { user: caller.user, organization: caller.organization }
    }

    pub(crate) fn at_the_page(&self, bench: &Bench) -> DevicePerson {
        DevicePerson {
            user: self.user,
            signed_in_at: keywright_protocol::Clock::now(bench.clock.as_ref()),
            page_session: "page".to_owned(),
            address: HOME,
        }
    }

    pub(crate) fn consent(&self, bench: &Bench) -> Consent {
        let signed_in_at = keywright_protocol::Clock::now(bench.clock.as_ref());
        Consent {
            user: self.user,
            organization: self.organization,
            signed_in_at,
            allowance: Allowance::default(),
        }
    }
}

/// What an application gets.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) text: Secret,
    pub(crate) access: PlatformToken,
    pub(crate) refresh: Secret,
}

impl Tokens {
    pub(crate) fn read(text: Secret) -> Self {
        let body = json_of(&text);
        let access = PlatformToken::parse(body["access_token"].as_str().expect("a token")).expect("a token");
        let refresh = Secret::new(body["refresh_token"].as_str().unwrap_or_default());
        Self { text, access, refresh }
    }

    pub(crate) fn json(&self) -> Value {
        json_of(&self.text)
    }
}

pub(crate) fn json_of(text: &Secret) -> Value {
    serde_json::from_str(text.expose()).expect("JSON")
}

/// The command line signs in by device code.
pub(crate) async fn signed_in(bench: &Bench, person: &Person) -> Tokens {
    signed_in_with(bench, person, &Client::command_line(), None, &[]).await
}

/// The same for any application.
pub(crate) async fn signed_in_with(
    bench: &Bench,
    person: &Person,
    client: &Client,
    scope: Option<&str>,
    resources: &[String],
) -> Tokens {
    let asked = DeviceRequest {
        client,
        scope,
        resources,
        machine: Some("laptop".to_owned()),
        lifetime: None,
        upgrade: None,
        address: HOME,
    };
    let codes = bench.identity.begin_device(&asked).await.expect("codes");
    let page = person.at_the_page(bench);
    bench
        .identity
        .approve_device(&page, &codes.user_code, person.organization, &Allowance::default())
        .await
        .expect("approved");
    let answer =
        bench.identity.poll_device(client, &codes.device_code, &[], HOME, false).await.expect("tokens");
    Tokens::read(answer)
}

/// The command line refreshes.
pub(crate) async fn refreshed(identity: &Identity, token: &Secret) -> Result<Tokens, OAuthError> {
    refreshed_as(identity, &Client::command_line(), token, None, &[]).await
}

pub(crate) async fn refreshed_as(
    identity: &Identity,
    client: &Client,
    token: &Secret,
    scope: Option<&str>,
    resources: &[String],
) -> Result<Tokens, OAuthError> {
    let asked = Refresh { client, token, scope, resources, address: HOME, marks: false };
    identity.refresh(&asked).await.map(Tokens::read)
}

/// Another application, without a secret.
pub(crate) async fn another_client(bench: &Bench) -> Client {
    let registered = register(bench, &native(), None).await.expect("registered");
    let presented =
        PresentedClient { id: registered["client_id"].as_str().expect("an id").to_owned(), secret: None };
    bench.identity.authenticate_client(&presented).await.expect("a client")
}

/// An application with a secret, whose devices sign in.
pub(crate) async fn a_site(bench: &Bench) -> Client {
    let asked = json!({
        "client_name": "Site",
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    });
    let registered = register(bench, &asked, None).await.expect("registered");
    let secret = Secret::new(registered["client_secret"].as_str().expect("a secret"));
    let presented = PresentedClient {
        id: registered["client_id"].as_str().expect("an id").to_owned(),
        secret: Some((secret, Authentication::Basic)),
    };
    bench.identity.authenticate_client(&presented).await.expect("a client")
}

pub(crate) fn native() -> Value {
    json!({
        "client_name": "Another",
        "redirect_uris": ["http://127.0.0.1/cb"],
        "grant_types": [
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"
        ],
    })
}

pub(crate) async fn register(
    bench: &Bench,
    metadata: &Value,
    registrar: Option<&Principal>,
) -> Result<Value, OAuthError> {
    let address: IpAddr = "192.0.2.7".parse().expect("an address");
    bench.identity.register_client(metadata, registrar, address).await
}

pub(crate) fn oauth_code<T>(outcome: Result<T, OAuthError>) -> OAuthCode {
    match outcome {
        Ok(_) => panic!("it was not refused"),
        Err(error) => {
            // RFC 6749, 5.2: what may stand in a description.
            let plain = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(error.description.bytes().all(plain), "{error}");
            error.code
        }
    }
}

/// The session that a token is of.
pub(crate) fn session(principal: &Principal) -> KeyId {
    principal.session.expect("a session").id
}
