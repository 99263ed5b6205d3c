//! The JSON API: keys, children, accounts, and who may ask at all.

use keywright_protocol::wire::{ChildToken, InstanceProof, RenewedChild, RequestPage, WhoAmI};
use keywright_protocol::{ErrorCode, routes};
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Answer, Call, Gate, RawConnection, Setup, TestServer, on_both};
use serde_json::json;

use crate::keys::create;
use crate::scene::{begin, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_child_may_call_models_and_nothing_else() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let child: ChildToken = server.data(Call::post(routes::CHILD, &json!({})).token(&account.token)).await;
    assert!(child.token.starts_with("at_kw_"));
    assert_eq!(server.call(call(Kind::Messages, true, &child.token)).await.status, 200);
    for path in [routes::KEYS, routes::REQUESTS, routes::USAGE] {
        let answer = server.call(Call::get(path).token(&child.token)).await;
        answer.assert_refused(ErrorCode::InsufficientScope);
    }
    let grandchild = Call::post(routes::CHILD, &json!({})).token(&child.token);
    server.call(grandchild).await.assert_refused(ErrorCode::Forbidden);
    let who: WhoAmI = server.data(Call::get(routes::WHOAMI).token(&child.token)).await;
    assert_eq!((who.token_kind.as_str(), who.account.user_id), ("at", account.user));
    for seconds in [59, 43_201, -1] {
        let sent = Call::post(routes::CHILD, &json!({"lifetimeSeconds": seconds})).token(&account.token);
        server.call(sent).await.assert_refused(ErrorCode::InvalidLifetime);
    }
    assert!(server.keys(&account.token).await.keys.is_empty(), "a child counts to no limit");
    server.clock.advance_seconds(12 * 3_600);
    server.call(call(Kind::Messages, true, &child.token)).await.assert_refused(ErrorCode::KeyExpired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_ends_itself_and_no_other_token_does() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let end = |token: &str| Call::new("DELETE", routes::CHILD).token(token);
    server.call(end(&account.token)).await.assert_refused(ErrorCode::Forbidden);
    let child: ChildToken = server.data(Call::post(routes::CHILD, &json!({})).token(&account.token)).await;
    assert_eq!(server.call(end(&child.token)).await.status, 200);
    server.call(call(Kind::Messages, true, &child.token)).await.assert_refused(ErrorCode::KeyRevoked);
    assert_eq!(server.call(call(Kind::Messages, true, &account.token)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_past_the_first_end_of_its_token_while_its_parent_vouches_for_it() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let child: ChildToken = server.data(Call::post(routes::CHILD, &json!({})).token(&account.token)).await;
    let vouch = |by: &str| Call::new("PATCH", routes::CHILD).json(&json!({"token": child.token})).token(by);
    server.call(vouch(&child.token)).await.assert_refused(ErrorCode::Forbidden);
    let stranger = server.account().await;
    server.call(vouch(&stranger.token)).await.assert_refused(ErrorCode::NotFound);
    for _ in 0..3 {
        server.clock.advance_seconds(11 * 3_600);
        assert_eq!(server.call(call(Kind::Messages, true, &child.token)).await.status, 200);
        let renewed: RenewedChild = server.data(vouch(&account.token)).await;
        assert!(renewed.expires_at > child.expires_at);
    }
    assert_eq!(server.call(call(Kind::Messages, true, &child.token)).await.status, 200);
    server.clock.advance_seconds(12 * 3_600);
    server.call(call(Kind::Messages, true, &child.token)).await.assert_refused(ErrorCode::KeyExpired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_two_hundred_live_children_at_most() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mint =
        |seconds: i64| Call::post(routes::CHILD, &json!({"lifetimeSeconds": seconds})).token(&account.token);
    for _ in 0..200 {
        assert_eq!(server.call(mint(600)).await.status, 200);
    }
    let answer = server.call(mint(600)).await;
    answer.assert_refused(ErrorCode::MaxChildTokensReached);
    assert_eq!(answer.header("retry-after"), Some("600"));
    server.clock.advance_seconds(600);
    assert_eq!(server.call(mint(600)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_accounts_are_limited_by_the_hour() {
    on_both(|setup| async move {
        let server = setup.start().await;
        for _ in 0..30 {
            server.account().await;
        }
        let answer = server.call(Call::post(routes::TEMPORARY, &json!({}))).await;
        answer.assert_refused(ErrorCode::TemporaryRateLimited);
        assert_eq!(answer.header("retry-after"), Some("3600"));
        server.clock.advance_seconds(3_600);
        server.account().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_temporary_accounts_are_limited_together_and_those_of_others_are_not() {
    let server = Setup::new().await.set("auth.temporary_per_minute", "2").start().await;
    let (one, other) = (server.account().await, server.account().await);
    assert_eq!(server.call(call(Kind::Chat, false, &one.token)).await.status, 200);
    assert_eq!(server.call(call(Kind::Chat, false, &other.token)).await.status, 200);
    let answer = server.call(call(Kind::Chat, false, &one.token)).await;
    answer.assert_refused(ErrorCode::TemporaryRateLimited);
    assert!(answer.headers.contains_key("retry-after"));
    let lasting = server.lasting_account().await;
    assert_eq!(server.call(call(Kind::Chat, false, &lasting.token)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_accounts_are_for_this_machine_only() {
    let server = TestServer::start().await;
    for name in [
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-anything",
    ] {
        let sent = Call::post(routes::TEMPORARY, &json!({})).header(name, "127.0.0.1");
        server.call(sent).await.assert_refused(ErrorCode::TemporaryDisabled);
    }
    let server = Setup::new().await.set("auth.temporary", "false").start().await;
    server.call(Call::post(routes::TEMPORARY, &json!({}))).await.assert_refused(ErrorCode::TemporaryDisabled);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_web_page_can_reach_anything() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let asked = [
        Call::post(routes::TEMPORARY, &json!({})),
        Call::get(routes::WHOAMI).token(&account.token),
        Call::get(routes::HEALTHZ),
        call(Kind::Messages, false, &account.token),
        Call::post("/gateway/openai/v1/chat/completions", &json!({"model": "m"})).token(&account.token),
    ];
    for asked in asked {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "xn--lcalhost-o4a"] {
            let answer = server.call(asked.clone().header("host", host)).await;
            answer.assert_refused(ErrorCode::HostNotAllowed);
        }
        for origin in ["http://evil.example", "null", "https://localhost", "http://localhost:1"] {
            let answer = server.call(asked.clone().header("origin", origin)).await;
            answer.assert_refused(ErrorCode::OriginNotAllowed);
        }
        let own = format!("http://{}", server.address());
        assert_eq!(server.call(asked.clone().header("origin", &own)).await.status, 200);
        assert_eq!(server.call(asked.header("origin", "vscode-webview://x")).await.status, 200);
    }
    for path in [routes::METRICS, routes::HEALTHZ] {
        let evil = Call::get(path).header("host", "evil.example");
        server.call_operations(evil).await.assert_refused(ErrorCode::HostNotAllowed);
        let page = Call::get(path).header("origin", "http://evil.example");
        server.call_operations(page).await.assert_refused(ErrorCode::OriginNotAllowed);
    }
    assert_eq!(server.provider.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_can_send_is_not_read() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", ""]
    {
        for path in [routes::TEMPORARY, routes::CHILD, routes::KEYS] {
            let sent = Call::new("POST", path).body("{\"name\":\"k\"}").header("content-type", kind);
            server.call(sent.token(&account.token)).await.assert_refused(ErrorCode::InvalidJson);
        }
    }
    let sent = Call::new("POST", routes::TEMPORARY)
        .body("{}")
        .header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(server.call(sent).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_and_parameters_are_refused_by_name() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (path, body) in [
        (routes::TEMPORARY, json!({"ttl": 1})),
        (routes::CHILD, json!({"lifetime": 60})),
        (routes::KEYS, json!({"name": "k", "expires": 1})),
        (routes::CLAIM, json!({"code": "x", "y": 1})),
        (routes::KEYS, json!({"name": 7})),
    ] {
        let answer = server.call(Call::post(path, &body).token(&account.token)).await;
        answer.assert_refused(ErrorCode::InvalidRequest);
    }
    for query in [
        "modle=x",
        "limit=0",
        "limit=x",
        "limit=1001",
        "limit=1&limit=2",
        "cursor=x",
        "since=yesterday",
        "outcome=fine",
        "keyId=1",
    ] {
        let path = format!("{}?{query}", routes::REQUESTS);
        let answer = server.call(Call::get(&path).token(&account.token)).await;
        assert_eq!(answer.code(), Some(ErrorCode::InvalidRequest), "{query}: {}", answer.text());
    }
    for body in ["", "{", "[1", "[\"k\"]", "null", "nonsense"] {
        let sent = Call::new("POST", routes::KEYS).body(body).header("content-type", "application/json");
        server.call(sent.token(&account.token)).await.assert_refused(ErrorCode::InvalidJson);
    }
    let huge = json!({"name": "x".repeat(70 * 1024)});
    server.call(create(&account.token, &huge)).await.assert_refused(ErrorCode::BodyTooLarge);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrators_code_is_good_once() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let (first, second) = (server.account().await, server.account().await);
        let claim = |token: &str, code: &str| Call::post(routes::CLAIM, &json!({"code": code})).token(token);
        let code = server.claim_code();
        server.call(claim(&second.token, "wrong")).await.assert_refused(ErrorCode::ClaimInvalid);
        let who: WhoAmI = server.data(claim(&first.token, &code)).await;
        assert!(who.administrator && !who.temporary);
        server.call(claim(&second.token, &code)).await.assert_refused(ErrorCode::ClaimUsed);
        for _ in 0..4 {
            server.call(claim(&second.token, "wrong")).await.assert_refused(ErrorCode::ClaimInvalid);
        }
        server.call(claim(&second.token, "wrong")).await.assert_refused(ErrorCode::ClaimLocked);
        server.clock.advance_seconds(3_600);
        server.call(claim(&second.token, "wrong")).await.assert_refused(ErrorCode::ClaimInvalid);
        // The administrator's account does not end with the others.
        server.clock.advance_seconds(100 * 3_600);
        assert_eq!(server.call(call(Kind::Chat, false, &first.token)).await.status, 200);
        server.call(call(Kind::Chat, false, &second.token)).await.assert_refused(ErrorCode::KeyExpired);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_records_follow_each_other() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        for _ in 0..5 {
            server.call(call(Kind::Chat, false, &account.token)).await;
        }
        let all = server.ended_records(&account.token, 5).await;
        let mut read = Vec::new();
        let mut path = format!("{}?limit=2", routes::REQUESTS);
        loop {
            let page: RequestPage = server.data(Call::get(&path).token(&account.token)).await;
            read.extend(page.requests.into_iter().map(|record| record.id));
            let Some(cursor) = page.next_cursor else { break };
            path = format!("{}?limit=2&cursor={cursor}", routes::REQUESTS);
        }
        assert_eq!(read, all.iter().map(|record| record.id).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_proves_that_it_can_read_its_folder() {
    let server = TestServer::start().await;
    let challenge = "ab".repeat(32);
    let path = format!("{}?challenge={challenge}", routes::INSTANCE);
    let proof: InstanceProof = server.data(Call::get(&path)).await;
    assert_eq!(proof.proof.len(), 64);
    let again: InstanceProof = server.data(Call::get(&path)).await;
    assert_eq!(proof.proof, again.proof);
    let other = TestServer::start().await;
    let others: InstanceProof = other.data(Call::get(&path)).await;
    assert_ne!(proof.proof, others.proof);
    for challenge in ["", "ab", &"zz".repeat(32)] {
        let path = format!("{}?challenge={challenge}", routes::INSTANCE);
        server.call(Call::get(&path)).await.assert_refused(ErrorCode::InvalidRequest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_is_not_ready_and_lets_what_runs_end() {
    let mut server = TestServer::start().await;
    let account = server.account().await;
    let gate = Gate::closed();
    let all = events(Kind::Messages);
    server.provider.answer(Answer::events().chunk(all[0]).until(&gate).chunks(&all[1..]).end());
    let running = begin(&server, Kind::Messages, &account.token, all[0]).await;
    let mut operations = RawConnection::to(server.operations()).await;
    let asking = async {
        // Until the stop has begun.
        loop {
            operations.write("GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
            let answer = operations.answer().await;
            if answer.status != 200 {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(answer.status == 503 && text.contains(ErrorCode::ShuttingDown.as_str()), "{text}");
                break;
            }
        }
        gate.open();
        running.whole().await
    };
    let ((), answer) = tokio::join!(server.stop(), asking);
    assert!(!answer.broken && answer.text().contains("message_stop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_the_operator_and_name_no_caller() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server.call(call(Kind::Messages, true, &account.token)).await;
    server.record(&account.token).await;
    let metrics = server.call_operations(Call::get(routes::METRICS)).await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("keywright_requests_total"), "{}", metrics.text());
    for private in [account.user.to_string(), account.organization.to_string(), "claude-x".to_owned()] {
        assert!(!metrics.text().contains(&private), "{private}");
    }
    for path in [routes::HEALTHZ, routes::READYZ] {
        assert_eq!(server.call_operations(Call::get(path)).await.status, 200);
        assert_eq!(server.call(Call::get(path)).await.status, 200);
    }
}
