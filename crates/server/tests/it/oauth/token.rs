//! The token endpoint: checklist 1.1, items 9 and 14 to 20.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use keywright_protocol::oauth_routes as routes;
use keywright_testkit::{Call, TestServer, on_both};

use crate::oauth::register::site;
use crate::oauth::scene::{Person, form, refresh, refused, text, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_is_repeated_in_time_gets_the_same_bytes_and_later_ends_the_session() {
    on_both(|setup| async move {
        let mut server = setup.start().await;
        let person = Person::new(&server).await;
        let first = person.signs_in(&server, &[]).await;
        let session = server.identity().sessions(person.user).await.expect("a list")[0].id;
        let second = refresh(&server, text(&first, "refresh_token")).await;
        assert_eq!((second.status, second.header("cache-control")), (200, Some("no-store")));
        server.clock.advance_seconds(9);
        let again = refresh(&server, text(&first, "refresh_token")).await;
        assert_eq!((again.status, &again.body), (200, &second.body));
        server.restart().await;
        let again = refresh(&server, text(&first, "refresh_token")).await;
        assert_eq!(again.body, second.body, "a restart forgets nothing");
        server.clock.advance_seconds(1);
        refused(&refresh(&server, text(&first, "refresh_token")).await, 400, "invalid_grant");
        let second = second.json();
        refused(&refresh(&server, text(&second, "refresh_token")).await, 400, "invalid_grant");
        let answer = server
            .call(Call::get(keywright_protocol::routes::WHOAMI).token(text(&second, "access_token")))
            .await;
        answer.assert_refused(keywright_protocol::ErrorCode::KeyRevoked);
        // Abuse case 33: whoever looks after the server is told by which client, and from where.
        let event = format!(
            "event=\"refresh_reuse\" session.id={session} user.id={} client.id=keywright-cli \
             client.address=127.0.0.1",
            person.user
        );
        assert!(server.has_logged(&event), "{event}");
    })
    .await;
}

/// Abuse case 32.
#[tokio::test(flavor = "multi_thread")]
async fn ten_refreshes_at_once_get_one_pair() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let person = Person::new(&server).await;
        let tokens = person.signs_in(&server, &[]).await;
        let asking = (0..10).map(|_| refresh(&server, text(&tokens, "refresh_token")));
        let answers = join_all(asking).await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
        assert_eq!(refresh(&server, text(&answers[0].json(), "refresh_token")).await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_for_a_token_is_refused_in_the_words_of_oauth() {
    let server = TestServer::start().await;
    let cli = ("client_id", "keywright-cli");
    for (parameters, status, code) in [
        (
            &[cli, ("grant_type", "password"), ("username", "u"), ("password", "p")][..],
            400,
            "unsupported_grant_type",
        ),
        (&[cli, ("grant_type", "implicit")], 400, "unsupported_grant_type"),
        (&[cli, ("grant_type", "client_credentials")], 400, "unsupported_grant_type"),
        (&[cli], 400, "invalid_request"),
        (&[cli, ("grant_type", "")], 400, "invalid_request"),
        (&[cli, ("grant_type", "refresh_token")], 400, "invalid_request"),
        (&[cli, ("grant_type", "authorization_code")], 400, "invalid_request"),
        (&[cli, ("grant_type", "refresh_token"), ("refresh_token", "x")], 400, "invalid_grant"),
        (&[cli, ("grant_type", "authorization_code"), ("code", "x")], 400, "invalid_grant"),
        (&[cli, cli, ("grant_type", "refresh_token"), ("refresh_token", "x")], 400, "invalid_request"),
        (&[cli, ("grant_type", "refresh_token"), ("a", "1"), ("a", "1")], 400, "invalid_request"),
        (&[("grant_type", "refresh_token"), ("refresh_token", "x")], 401, "invalid_client"),
        (&[("client_id", "nobody"), ("grant_type", "refresh_token")], 401, "invalid_client"),
        (&[cli, ("client_secret", "x"), ("grant_type", "refresh_token")], 401, "invalid_client"),
    ] {
        let answer = token(&server, parameters).await;
        refused(&answer, status, code);
        assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401, "{parameters:?}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let answer = server.call(Call::new(method, routes::TOKEN)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let json = Call::post(routes::TOKEN, &serde_json::json!({"grant_type": "refresh_token"}));
    refused(&server.call(json).await, 400, "invalid_request");
    let mut huge = String::from("grant_type=");
    huge.write_str(&"x".repeat(1024 * 1024)).expect("a text");
    let huge = Call::new("POST", routes::TOKEN)
        .body(huge)
        .header("content-type", "application/x-www-form-urlencoded");
    refused(&server.call(huge).await, 400, "invalid_request");
    let mut bytes = Call::new("POST", routes::TOKEN).body(vec![0xff, b'=', 0x00, b'%']);
    bytes = bytes.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(server.call(bytes).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_proves_itself_in_the_one_way_that_it_registered() {
    let server = TestServer::start().await;
    let site = site(&server).await;
    let (id, secret) = (text(&site, "client_id"), text(&site, "client_secret"));
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
    let good = form(routes::TOKEN, &grant).header("authorization", &basic(format!("{id}:{secret}")));
    refused(&server.call(good).await, 400, "invalid_grant");
    for header in
        [basic(format!("{id}:wrong")), basic(format!("{id}:")), basic(id.to_owned()), "Bearer x".to_owned()]
    {
        let answer = server.call(form(routes::TOKEN, &grant).header("authorization", &header)).await;
        refused(&answer, 401, "invalid_client");
        assert!(answer.headers["www-authenticate"].to_str().expect("ASCII").starts_with("Basic"));
    }
    let in_form =
        form(routes::TOKEN, &[&grant[..], &[("client_id", id), ("client_secret", secret)]].concat());
    refused(&server.call(in_form.clone()).await, 401, "invalid_client");
    let twice = in_form.header("authorization", &basic(format!("{id}:{secret}")));
    refused(&server.call(twice).await, 400, "invalid_request");
    let without = form(routes::TOKEN, &[&grant[..], &[("client_id", id)]].concat());
    refused(&server.call(without).await, 401, "invalid_client");
    let other = form(routes::TOKEN, &[&grant[..], &[("client_id", "keywright-cli")]].concat());
    let other = other.header("authorization", &basic(format!("{id}:{secret}")));
    refused(&server.call(other).await, 400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_asks_for_less_and_never_for_more() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    let tokens = person.signs_in(&server, &[("scope", "models:use executions:read")]).await;
    let narrowed = |token: String, scope: &'static str| {
        let server = &server;
        async move {
            let grant = [("grant_type", "refresh_token"), ("client_id", "keywright-cli")];
            let more = [("refresh_token", token.as_str()), ("scope", scope)];
            crate::oauth::scene::token(server, &[&grant[..], &more[..]].concat()).await
        }
    };
    let refresh_token = text(&tokens, "refresh_token").to_owned();
    refused(&narrowed(refresh_token.clone(), "models:use api-keys:manage").await, 400, "invalid_scope");
    let less = narrowed(refresh_token, "models:use").await.json();
    assert_eq!(text(&less, "scope"), "models:use");
    let refresh_token = text(&less, "refresh_token").to_owned();
    refused(&narrowed(refresh_token, "models:use executions:read").await, 400, "invalid_scope");
}
