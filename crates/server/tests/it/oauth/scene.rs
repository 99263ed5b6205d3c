//! A person who is signed in at the pages, and an application.

use std::net::{IpAddr, Ipv4Addr};

use keywright_identity::oauth::{Allowance, DevicePerson};
use keywright_protocol::{Clock, OrganizationId, UserId, oauth_routes as routes};
use keywright_testkit::{Call, TestServer, Whole};
use serde_json::Value;

pub(crate) const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A person with an organization.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) organization: OrganizationId,
}

impl Person {
    /// One whose account does not end.
    pub(crate) async fn new(server: &TestServer) -> Self {
        let account = server.lasting_account().await;
        Self { user: account.user, organization: account.organization }
    }

    /// Lets the device in that shows this code.
    pub(crate) async fn approve(&self, server: &TestServer, user_code: &str) {
        let page = DevicePerson {
            user: self.user,
            signed_in_at: server.clock.now(),
            page_session: "page".to_owned(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let all = Allowance::default();
        let decided = server.identity().approve_device(&page, user_code, self.organization, &all);
        decided.await.expect("approved");
    }

    /// Signs the command line in by device code: the answer of the token endpoint.
    pub(crate) async fn signs_in(&self, server: &TestServer, more: &[(&str, &str)]) -> Value {
        let codes = begin(server, &[&[("client_id", "keywright-cli")], more].concat()).await;
        assert_eq!(codes.status, 200, "{}", codes.text());
        let codes = codes.json();
        self.approve(server, codes["user_code"].as_str().expect("a code")).await;
        let answer = poll(server, "keywright-cli", codes["device_code"].as_str().expect("a code")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

/// A form at an endpoint.
pub(crate) fn form(path: &str, parameters: &[(&str, &str)]) -> Call {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    Call::new("POST", path).body(body).header("content-type", "application/x-www-form-urlencoded")
}

/// A form at the token endpoint.
pub(crate) async fn token(server: &TestServer, parameters: &[(&str, &str)]) -> Whole {
    server.call(form(routes::TOKEN, parameters)).await
}

/// A device begins.
pub(crate) async fn begin(server: &TestServer, parameters: &[(&str, &str)]) -> Whole {
    server.call(form(routes::DEVICE_AUTHORIZATION, parameters)).await
}

/// A device polls.
pub(crate) async fn poll(server: &TestServer, client: &str, code: &str) -> Whole {
    token(server, &[("grant_type", DEVICE_GRANT), ("client_id", client), ("device_code", code)]).await
}

/// The command line refreshes.
pub(crate) async fn refresh(server: &TestServer, refresh_token: &str) -> Whole {
    let parameters =
        [("grant_type", "refresh_token"), ("client_id", "keywright-cli"), ("refresh_token", refresh_token)];
    token(server, &parameters).await
}

/// A text of an answer.
pub(crate) fn text<'v>(answer: &'v Value, name: &str) -> &'v str {
    answer[name].as_str().unwrap_or_else(|| panic!("{name} in {answer}"))
}

/// Asserts a refusal in the form of RFC 6749 section 5.2.
#[track_caller]
pub(crate) fn refused(answer: &Whole, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!((answer.status, body["error"].as_str()), (status, Some(code)), "{body}");
    assert!(text(&body, "error_description").ends_with('.'), "{body}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["content-type"], "application/json");
}
