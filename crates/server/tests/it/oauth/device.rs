//! Devices without a browser: checklist 1.3 and abuse cases 47 to 56.

use futures_util::future::join_all;
use keywright_testkit::{TestServer, on_both};

use crate::oauth::register::native;
use crate::oauth::scene::{Person, begin, poll, refused, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_and_is_let_in_even_by_a_server_that_was_restarted() {
    on_both(|setup| async move {
        let mut server = setup.start().await;
        let person = Person::new(&server).await;
        let codes = begin(&server, &[("client_id", "keywright-cli"), ("machine", "laptop")]).await;
        assert_eq!((codes.status, codes.header("cache-control")), (200, Some("no-store")));
        let codes = codes.json();
        let page = format!("http://{}/device", server.address());
        assert_eq!(text(&codes, "verification_uri"), page);
        let user_code = text(&codes, "user_code");
        assert_eq!(text(&codes, "verification_uri_complete"), format!("{page}?user_code={user_code}"));
        assert_eq!((codes["expires_in"].as_i64(), codes["interval"].as_i64()), (Some(600), Some(5)));
        let device_code = text(&codes, "device_code");
        refused(&poll(&server, "keywright-cli", device_code).await, 400, "authorization_pending");
        let early = poll(&server, "keywright-cli", device_code).await;
        refused(&early, 400, "slow_down");
        assert_eq!(early.headers["retry-after"], "10");
        server.clock.advance_seconds(10);
        refused(&poll(&server, "keywright-cli", device_code).await, 400, "authorization_pending");
        person.approve(&server, &user_code.to_lowercase().replace('-', " ")).await;
        server.restart().await;
        assert_eq!(poll(&server, "keywright-cli", device_code).await.status, 200);
        refused(&poll(&server, "keywright-cli", device_code).await, 400, "invalid_grant");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_polls_at_once_one_is_good() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    let codes = begin(&server, &[("client_id", "keywright-cli")]).await.json();
    person.approve(&server, text(&codes, "user_code")).await;
    let polls = (0..50).map(|_| poll(&server, "keywright-cli", text(&codes, "device_code")));
    let answers = join_all(polls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    answers
        .iter()
        .filter(|answer| answer.status != 200)
        .for_each(|answer| refused(answer, 400, "invalid_grant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_begin_is_told_why() {
    let server = TestServer::start().await;
    for (parameters, status, code) in [
        (&[("client_id", "nobody")][..], 401, "invalid_client"),
        (&[], 401, "invalid_client"),
        (&[("client_id", "keywright-cli"), ("scope", "everything")], 400, "invalid_scope"),
        (&[("client_id", "keywright-cli"), ("resource", "https://mcp.example")], 400, "invalid_target"),
        (&[("client_id", "keywright-cli"), ("client_id", "keywright-cli")], 400, "invalid_request"),
    ] {
        refused(&begin(&server, parameters).await, status, code);
    }
    let other = native(&server).await;
    refused(&begin(&server, &[("client_id", text(&other, "client_id"))]).await, 400, "unauthorized_client");
    let codes = begin(&server, &[("client_id", "keywright-cli")]).await.json();
    refused(
        &poll(&server, text(&other, "client_id"), text(&codes, "device_code")).await,
        400,
        "unauthorized_client",
    );
    for number in 0..21 {
        let answer = poll(&server, "keywright-cli", &format!("{number:064}")).await;
        match number {
            20 => refused(&answer, 429, "temporarily_unavailable"),
            _ => refused(&answer, 400, "invalid_grant"),
        }
    }
    refused(&poll(&server, "keywright-cli", text(&codes, "device_code")).await, 400, "authorization_pending");
}
