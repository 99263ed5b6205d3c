//! Mailbox codes and organizations: what is sent, and that keys come out as secrets.

use keywright_client::{ClientError, EndpointUrl, PlainText};
use keywright_protocol::OrganizationId;
use keywright_protocol::wire::{
    AcceptInvitation, CompleteLogin, CompleteSignup, CreateOrganization, CreateServiceAccount, RequestCode,
};
use keywright_secret::Secret;
use serde_json::json;

use crate::canned;

const REQUESTED: &str = r#"{"success":true,"data":{"email":"a@b.example","expiresInSeconds":600,"requestId":"otp_00000000000000000000000000000001"}}"#;
const SIGNED_IN: &str = r#"{"success":true,"data":{"organizationId":"org_00000000000000000000000000000001","organizationName":"Acme","isNewUser":true,"apiKey":{"keyId":"key_00000000000000000000000000000001","raw":"canary-key","keyPrefix":"sk_kw_aaaa","name":"n","scopes":["models:use"],"createdAt":"2026-01-01T00:00:00Z","userId":"usr_00000000000000000000000000000001"}}}"#;
const KEYLESS: &str = r#"{"success":true,"data":{"organizationId":"org_00000000000000000000000000000001","organizationName":"Acme","isNewUser":true,"apiKey":{"keyId":"key_00000000000000000000000000000001","keyPrefix":"sk_kw_aaaa","name":"n","scopes":[],"createdAt":"2026-01-01T00:00:00Z","userId":"usr_00000000000000000000000000000001"}}}"#;

fn email() -> Option<serde_json::Value> {
    Some(json!("a@b.example"))
}

#[tokio::test]
async fn a_code_is_asked_for_without_a_token() {
    let server = canned("200 OK", REQUESTED).await;
    let client = server.client().with_token(Secret::new("tmp_canary"));
    let request = RequestCode { email: email(), machine: Some("box".into()), ..RequestCode::default() };
    assert_eq!(client.request_signup(&request).await.unwrap().expires_in_seconds, 600);
    client.request_login(&request).await.unwrap();
    let seen = server.seen();
    assert!(!seen.contains("canary"), "{seen}");
    for sent in
        ["post /api/v1/auth/signup-request ", "post /api/v1/auth/login-request ", r#""machine":"box""#]
    {
        assert!(seen.contains(sent), "{sent} in {seen}");
    }
}

#[tokio::test]
async fn a_token_goes_with_a_code_only_where_it_is_to_be_upgraded() {
    for upgrade in [false, true] {
        let server = canned("200 OK", SIGNED_IN).await;
        let client = server.client().with_token(Secret::new("tmp_canary"));
        let code = Secret::new("012345");
        let signup = CompleteSignup { email: email(), upgrade, ..CompleteSignup::default() };
        let signed_up = client.complete_signup(&code, signup).await.unwrap();
        assert_eq!((signed_up.key.raw.expose(), signed_up.key.key.raw), ("canary-key", None));
        let login = CompleteLogin { email: email(), upgrade, ..CompleteLogin::default() };
        client.complete_login(&code, login).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen.matches("authorization: bearer tmp_canary").count(), if upgrade { 2 } else { 0 });
        assert_eq!(seen.matches(r#""code":"012345""#).count(), 2, "{seen}");
    }
}

#[tokio::test]
async fn an_endpoint_is_called_as_it_is_and_only_on_the_clients_server() {
    let server = canned("200 OK", REQUESTED).await;
    let parse = |text: &str| EndpointUrl::parse(text, PlainText::LoopbackOnly).unwrap();
    let elsewhere = parse("https://other.example/signup");
    assert!(matches!(server.client().with_mailbox_endpoint(elsewhere), Err(ClientError::Elsewhere { .. })));
    let endpoint = parse(&format!("{}/functions/signup?region=1", server.server));
    let client = server.client().with_mailbox_endpoint(endpoint).unwrap();
    client.request_signup(&RequestCode::default()).await.unwrap();
    let _ = client.whoami().await;
    assert!(server.seen().contains("post /functions/signup?region=1 http/1.1"));
    assert!(server.seen().contains("get /api/v1/whoami"), "only the mailbox calls go there");
}

#[tokio::test]
async fn an_answer_without_its_key_is_an_error_that_repeats_nothing() {
    let server = canned("200 OK", KEYLESS).await;
    let answer = server.client().complete_signup(&Secret::new("1"), CompleteSignup::default()).await;
    assert!(matches!(answer, Err(ClientError::NotOurs { .. })));

    let organization = r#"{"organizationId":"org_00000000000000000000000000000001","name":"n","role":"owner","current":true,"createdAt":"2026-01-01T00:00:00Z"}"#;
    let key = r#"{"keyId":"key_00000000000000000000000000000001","keyPrefix":"p","name":"n","scopes":[],"createdAt":"2026-01-01T00:00:00Z","userId":"usr_00000000000000000000000000000001"}"#;
    let body = format!(r#"{{"success":true,"data":{{"organization":{organization},"apiKey":{key}}}}}"#);
    let server = canned("200 OK", body.leak()).await;
    let client = server.client();
    let entered = client.create_organization(&CreateOrganization::default()).await;
    assert!(matches!(entered, Err(ClientError::NotOurs { .. })));
    let invitation = "inv_00000000000000000000000000000001".parse().unwrap();
    let entered = client.accept_invitation(invitation, &AcceptInvitation::default()).await;
    assert!(matches!(entered, Err(ClientError::NotOurs { .. })));
    let made = client.create_service_account(OrganizationId::new(), &CreateServiceAccount::default()).await;
    assert!(matches!(made, Err(ClientError::NotOurs { .. })));
}
