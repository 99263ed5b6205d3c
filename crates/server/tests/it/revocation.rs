//! A credential that was revoked is dead on the next request, and what it was doing ends within a second.

use std::time::Instant;

use keywright_protocol::ErrorCode;
use keywright_protocol::wire::ChildToken;
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Account, Answer, Call, TestServer, on_both};
use serde_json::json;

use crate::scene::{SECOND, begin, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_on_the_next_request() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let key = server.key(&account.token, json!({"name": "k"})).await;
        let raw = key.raw.as_deref().expect("the key itself");
        // Known on every thread of the data plane before it dies.
        for _ in 0..8 {
            assert_eq!(server.call(call(Kind::Chat, false, raw)).await.status, 200);
        }
        let heard = server.provider.count();
        server.revoke(&account.token, key.key_id).await;
        for _ in 0..8 {
            server.call(call(Kind::Chat, false, raw)).await.assert_refused(ErrorCode::KeyRevoked);
            server.call(call(Kind::Messages, true, raw)).await.assert_refused(ErrorCode::KeyRevoked);
        }
        assert_eq!(server.provider.count(), heard);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_is_no_way_around_it() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    let raw = key.raw.as_deref().expect("the key itself");
    let request =
        format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {raw}\r\n\r\n");
    let mut connection = server.raw().await;
    connection.write(&request).await;
    assert_eq!(connection.answer().await.status, 200);
    server.revoke(&account.token, key.key_id).await;
    connection.write(&request).await;
    assert_eq!(connection.answer().await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_open_streams_are_cut_within_a_second_with_an_event_that_says_why() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    let raw = key.raw.as_deref().expect("the key itself");
    server.provider.answer_with(|_| Answer::events().chunk(events(Kind::Messages)[0]).silence());
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(begin(&server, Kind::Messages, raw, "\n\n").await);
    }
    let other = begin(&server, Kind::Messages, &account.token, "\n\n").await;
    let revoked = Instant::now();
    server.revoke(&account.token, key.key_id).await;
    for reply in open {
        let rest = reply.whole().await;
        assert!(rest.broken, "a clean end");
        assert!(rest.text().starts_with("event: error\ndata: "), "{}", rest.text());
        assert!(rest.text().contains("KEY_REVOKED") && rest.text().ends_with("\n\n"));
    }
    assert!(revoked.elapsed() < SECOND, "{:?}", revoked.elapsed());
    for heard in server.provider.received().iter().take(100) {
        heard.wait_closed(SECOND).await;
    }
    assert!(!server.provider.last().is_closed(), "another key's stream was cut");
    drop(other);
    let records = server.ended_records(&account.token, 101).await;
    let revoked = records.iter().filter(|record| record.outcome == "revoked");
    assert_eq!(revoked.filter(|record| record.error_code.as_deref() == Some("KEY_REVOKED")).count(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_dialect_gets_the_event_in_its_own_form() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for kind in Kind::STREAMING {
        let key = server.key(&account.token, json!({"name": format!("{kind:?}")})).await;
        server.provider.answer(Answer::events().chunk(events(kind)[0]).silence());
        let raw = key.raw.as_deref().expect("the key itself");
        let reply = begin(&server, kind, raw, events(kind)[0]).await;
        server.revoke(&account.token, key.key_id).await;
        let rest = reply.whole().await;
        let data = rest.text().lines().find_map(|line| line.strip_prefix("data: ")).expect("an event");
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        let code = match kind {
            Kind::Messages | Kind::Chat | Kind::Embeddings => &data["error"]["code"],
            Kind::Responses => &data["code"],
            Kind::Generate => &data["error"]["details"][0]["reason"],
        };
        assert_eq!(code, "KEY_REVOKED", "{kind:?}: {data}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_within_an_event_gets_no_event_of_ours_into_it() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    server.provider.answer(Answer::events().chunk("data: {\"half\":").silence());
    let reply = begin(&server, Kind::Chat, key.raw.as_deref().expect("the key"), "half").await;
    server.revoke(&account.token, key.key_id).await;
    let rest = reply.whole().await;
    assert_eq!((rest.text(), rest.broken), ("", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_answer_has_not_begun_is_refused_within_a_second() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    server.provider.answer(Answer::none().silence());
    let raw = key.raw.as_deref().expect("the key itself");
    let calling = server.call(call(Kind::Messages, false, raw));
    let revoking = async {
        let heard = server.provider.wait_for(1).await;
        server.revoke(&account.token, key.key_id).await;
        heard.wait_closed(SECOND).await;
    };
    let (answer, ()) = tokio::join!(calling, revoking);
    answer.assert_refused(ErrorCode::KeyRevoked);
    assert_eq!(server.record(&account.token).await.outcome, "revoked");
}

/// The intent waits for its commit; the key dies meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_dies_between_the_check_and_the_send_sends_nothing() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    let raw = key.raw.as_deref().expect("the key itself");
    assert_eq!(server.call(call(Kind::Chat, false, raw)).await.status, 200);
    let held = server.hold_records();
    let calling = server.call(call(Kind::Chat, false, raw));
    let revoking = async {
        // Time for the check, which is in memory, to be over.
        tokio::time::sleep(SECOND / 4).await;
        server.revoke(&account.token, key.key_id).await;
        drop(held);
    };
    let (answer, ()) = tokio::join!(calling, revoking);
    answer.assert_refused(ErrorCode::KeyRevoked);
    assert_eq!(server.provider.count(), 1);
    let records = server.ended_records(&account.token, 2).await;
    assert_eq!(records[0].error_code.as_deref(), Some("KEY_REVOKED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_overtakes_a_cache_fill_is_never_undone() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let key = server.key(&account.token, json!({"name": "k"})).await;
        let raw = key.raw.as_deref().expect("the key itself");
        let pause = server.identity().pause_next_fill();
        let calling = server.call(call(Kind::Chat, false, raw));
        let revoking = async {
            pause.reached().await;
            server.revoke(&account.token, key.key_id).await;
            pause.go_on();
        };
        let (answer, ()) = tokio::join!(calling, revoking);
        answer.assert_refused(ErrorCode::KeyRevoked);
        for _ in 0..5 {
            server.call(call(Kind::Chat, false, raw)).await.assert_refused(ErrorCode::KeyRevoked);
        }
        assert_eq!(server.provider.count(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_dies_with_its_parent_and_so_do_its_streams() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let parent = server.key(&account.token, json!({"name": "parent"})).await;
    let raw = parent.raw.as_deref().expect("the key itself");
    let child: ChildToken = server.data(Call::post("/api/v1/auth/child", &json!({})).token(raw)).await;
    server.provider.answer(Answer::events().chunk(events(Kind::Chat)[0]).silence());
    let reply = begin(&server, Kind::Chat, &child.token, "\n\n").await;
    server.revoke(&account.token, parent.key_id).await;
    assert!(reply.whole().await.text().contains("KEY_REVOKED"));
    server.call(call(Kind::Chat, false, &child.token)).await.assert_refused(ErrorCode::KeyRevoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_survives_a_restart() {
    on_both(|setup| async move {
        let mut server = setup.start().await;
        let account = server.account().await;
        let (dead, alive) = (
            server.key(&account.token, json!({"name": "dead"})).await,
            server.key(&account.token, json!({"name": "alive"})).await,
        );
        server.revoke(&account.token, dead.key_id).await;
        server.restart().await;
        let (dead, alive) = (dead.raw.expect("the key"), alive.raw.expect("the key"));
        server.call(call(Kind::Chat, false, &dead)).await.assert_refused(ErrorCode::KeyRevoked);
        assert_eq!(server.call(call(Kind::Chat, false, &alive)).await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_to_its_last_second_and_not_at_its_end() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let key = server.key(&account.token, json!({"name": "k", "lifetimeSeconds": 3_600})).await;
        let raw = key.raw.as_deref().expect("the key itself");
        server.clock.advance_seconds(3_599);
        assert_eq!(server.call(call(Kind::Chat, false, raw)).await.status, 200);
        server.provider.answer(
            Answer::events()
                .chunk(events(Kind::Chat)[0])
                .pause(SECOND / 2)
                .chunks(&events(Kind::Chat)[1..])
                .end(),
        );
        let running = begin(&server, Kind::Chat, raw, "\n\n").await;
        server.clock.advance_seconds(1);
        server.call(call(Kind::Chat, false, raw)).await.assert_refused(ErrorCode::KeyExpired);
        let refused = server.call(Call::get("/api/v1/whoami").token(raw)).await;
        refused.assert_refused(ErrorCode::KeyExpired);
        let rest = running.whole().await;
        assert!(!rest.broken && rest.text().ends_with("[DONE]\n\n"), "expiry does not cut what is running");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_account_ends_with_all_its_keys() {
    let server = TestServer::start().await;
    let Account { token, .. } = server.account().await;
    let key = server.gateway_key(&token).await;
    server.clock.advance_seconds(72 * 3_600 - 1);
    assert_eq!(server.call(call(Kind::Chat, false, &key)).await.status, 200);
    server.clock.advance_seconds(1);
    for dead in [&token, &key] {
        server.call(call(Kind::Chat, false, dead)).await.assert_refused(ErrorCode::KeyExpired);
    }
}
