//! Temporary accounts that a mailbox takes over, while calls run.

use std::time::Duration;

use keywright_protocol::wire::SignedIn;
use keywright_protocol::{ErrorCode, KeyId, routes};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Account, Answer, Call, TestServer, on_both};
use serde_json::{Value, json};

use crate::mailbox::{call_models, refuse_call, whoami};
use crate::scene::{SECOND, begin};

const ANN: &str = "ann@example.com";

async fn upgrade(server: &TestServer, path: &str, token: &str, email: &str, keep: &[KeyId]) -> Value {
    let request = match path {
        routes::SIGNUP_COMPLETE => routes::SIGNUP_REQUEST,
        _ => routes::LOGIN_REQUEST,
    };
    let code = server.mailed(request, email).await;
    let body = json!({ "email": email, "code": code, "upgrade": true, "keepKeys": keep });
    server.data(Call::post(path, &body).token(token)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_account_becomes_a_persons_with_its_records_and_calls_that_run_end() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account: Account = server.account().await;
        let kept = server.key(&account.token, json!({ "name": "kept" })).await;
        let other = server.gateway_key(&account.token).await;
        assert_eq!(server.call(call_models(&account.token)).await.status, 200);
        server.provider.answer_with(|_| Answer::events().chunk(events(Kind::Messages)[0]).silence());
        let mut running = Vec::new();
        for _ in 0..10 {
            running.push(begin(&server, Kind::Messages, &account.token, "\n\n").await);
        }
        let made = upgrade(&server, routes::SIGNUP_COMPLETE, &account.token, ANN, &[kept.key_id]).await;
        let upgraded = json!({ "outcome": "upgraded", "keptKeys": [kept.key_id], "endedCredentials": 2 });
        assert_eq!(made["upgrade"], upgraded);
        let token = made["apiKey"]["raw"].as_str().expect("the key itself");
        server.keep_out_of_the_log(token);
        for dead in [&account.token, &other] {
            server.call(call_models(dead)).await.assert_refused(ErrorCode::KeyRevoked);
        }
        let ended = async {
            for reply in running {
                assert!(reply.whole().await.text().contains("KEY_REVOKED"));
            }
        };
        tokio::time::timeout(SECOND, ended).await.expect("cut at once");
        let who = whoami(&server, token).await;
        assert_eq!((who.account.user_id, who.account.organization_id), (account.user, account.organization));
        assert_eq!((who.email.as_deref(), who.temporary), (Some(ANN), false));
        server.ended_records(token, 11).await;
        whoami(&server, kept.raw.as_deref().expect("the key itself")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_account_goes_into_the_one_that_is_there_with_its_records() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let ann = server.person(ANN).await;
        let account = server.account().await;
        assert_eq!(server.call(call_models(&account.token)).await.status, 200);
        let made = upgrade(&server, routes::LOGIN_COMPLETE, &account.token, ANN, &[]).await;
        assert_eq!(made["upgrade"], json!({ "outcome": "merged", "keptKeys": [], "endedCredentials": 1 }));
        let token = made["apiKey"]["raw"].as_str().expect("the key itself");
        server.keep_out_of_the_log(token);
        server.call(call_models(&account.token)).await.assert_refused(ErrorCode::KeyRevoked);
        assert_eq!(whoami(&server, token).await.account.organization_id, ann.organization);
        let begun = std::time::Instant::now();
        while server.records(token).await.is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the records do not come");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(server.records(token).await[0].user_id, ann.user);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_temporary_accounts_own_token_is_upgraded_and_only_when_asked() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.gateway_key(&account.token).await;
    let code = server.mailed(routes::SIGNUP_REQUEST, ANN).await;
    let body = json!({ "email": ANN, "code": code, "upgrade": true });
    let call = || Call::post(routes::SIGNUP_COMPLETE, &body);
    refuse_call(&server, call(), ErrorCode::UpgradeRefused).await;
    refuse_call(&server, call().token(&key), ErrorCode::UpgradeRefused).await;
    refuse_call(&server, call().token(&account.token[..40]), ErrorCode::KeyMalformed).await;
    let stranger = PlatformToken::mint(TokenKind::Temporary);
    refuse_call(&server, call().token(stranger.expose()), ErrorCode::KeyUnknown).await;
    let other = server.account().await;
    server.revoke(&other.token, whoami(&server, &other.token).await.token_id).await;
    refuse_call(&server, call().token(&other.token), ErrorCode::KeyRevoked).await;
    // Nobody asks who sends what asks for no upgrade.
    let plain = json!({ "email": ANN, "code": code });
    let made: SignedIn = server.data(Call::post(routes::SIGNUP_COMPLETE, &plain).token(&account.token)).await;
    assert!(made.upgrade.is_none() && made.organization_id != account.organization);
    whoami(&server, &account.token).await;
}
