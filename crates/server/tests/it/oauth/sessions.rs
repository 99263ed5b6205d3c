//! What the tokens of a session open, and that it ends everywhere at once.

use keywright_protocol::wire::{ChildToken, WhoAmI};
use keywright_protocol::{ErrorCode, oauth_routes, routes};
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Answer, Call, Setup, on_both};
use serde_json::json;

use crate::oauth::scene::{Person, form, refresh, refused, text};
use crate::scene::{SECOND, begin, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_calls_models_manages_and_its_refresh_token_opens_nothing() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let person = Person::new(&server).await;
        let tokens = person.signs_in(&server, &[]).await;
        assert_eq!((text(&tokens, "token_type"), tokens["expires_in"].as_i64()), ("Bearer", Some(3_600)));
        let access = text(&tokens, "access_token");
        assert_eq!(server.call(call(Kind::Messages, false, access)).await.status, 200);
        let who: WhoAmI = server.data(Call::get(routes::WHOAMI).token(access)).await;
        assert_eq!((who.account.user_id, who.token_kind.as_str()), (person.user, "at"));
        assert!(!who.administrator, "who reads a mailbox administers nothing by that");
        server.key(access, json!({"name": "k"})).await;
        for path in [routes::WHOAMI, routes::KEYS] {
            let answer = server.call(Call::get(path).token(text(&tokens, "refresh_token"))).await;
            answer.assert_refused(ErrorCode::WrongKeyKind);
        }
        server.clock.advance_seconds(3_600);
        server.call(call(Kind::Messages, false, access)).await.assert_refused(ErrorCode::KeyExpired);
    })
    .await;
}

/// Checklist 1.9.2 and 1.9.3.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_given_back_ends_streams_within_a_second_and_all_tokens_at_once() {
    let setup = Setup::new().await;
    let server = setup.start().await;
    let person = Person::new(&server).await;
    let tokens = person.signs_in(&server, &[]).await;
    let access = text(&tokens, "access_token");
    let child: ChildToken = server.data(Call::post(routes::CHILD, &json!({})).token(access)).await;
    server.provider.answer_with(|_| Answer::events().chunk(events(Kind::Messages)[0]).silence());
    let running = begin(&server, Kind::Messages, &child.token, "\n\n").await;
    let given_back = form(
        oauth_routes::REVOKE,
        &[("client_id", "keywright-cli"), ("token", text(&tokens, "refresh_token"))],
    );
    assert_eq!(server.call(given_back).await.status, 200);
    let rest = tokio::time::timeout(SECOND, running.whole()).await.expect("cut within a second");
    assert!(rest.text().contains("KEY_REVOKED"), "{}", rest.text());
    for token in [access, &child.token] {
        server.call(call(Kind::Messages, false, token)).await.assert_refused(ErrorCode::KeyRevoked);
    }
    refused(&refresh(&server, text(&tokens, "refresh_token")).await, 400, "invalid_grant");
}

/// Abuse case 44.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_resource_opens_nothing_here() {
    let setup = Setup::new().await.set("auth.resources", "https://mcp.example/tools");
    let server = setup.start().await;
    let person = Person::new(&server).await;
    let tokens = person.signs_in(&server, &[("resource", "https://mcp.example/tools")]).await;
    let access = text(&tokens, "access_token");
    server.call(Call::get(routes::WHOAMI).token(access)).await.assert_refused(ErrorCode::WrongAudience);
    server.call(call(Kind::Chat, false, access)).await.assert_refused(ErrorCode::WrongAudience);
    let home = format!("http://{}", server.address());
    let tokens = person.signs_in(&server, &[("resource", &home)]).await;
    assert_eq!(server.call(call(Kind::Chat, false, text(&tokens, "access_token"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_names_the_person_to_a_session_that_may_know() {
    let setup = Setup::new().await;
    let server = setup.start().await;
    let person = Person::new(&server).await;
    let tokens = person.signs_in(&server, &[("scope", "openid email models:use")]).await;
    for method in ["GET", "POST"] {
        let asked = Call::new(method, oauth_routes::USERINFO).token(text(&tokens, "access_token"));
        let answer = server.call(asked).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"sub": person.user})));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let tokens = person.signs_in(&server, &[("scope", "models:use")]).await;
    let asked = Call::get(oauth_routes::USERINFO).token(text(&tokens, "access_token"));
    server.call(asked).await.assert_refused(ErrorCode::InsufficientScope);
    let nobody = server.call(Call::get(oauth_routes::USERINFO)).await;
    nobody.assert_refused(ErrorCode::KeyMissing);
    assert!(nobody.headers.contains_key("www-authenticate"));
    let in_query = format!("{}?access_token={}", oauth_routes::USERINFO, text(&tokens, "access_token"));
    server.call(Call::get(&in_query)).await.assert_refused(ErrorCode::KeyMissing);
}
