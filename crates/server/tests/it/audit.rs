//! That the look through all that was sent, at the end of each test here, finds what it looks for.

use keywright_testkit::usual::Kind;
use keywright_testkit::{Answer, Call, TestServer, central_key};
use serde_json::json;

use crate::scene::call;

/// A prompt is content: it goes up as it is.
fn telling(token: &str) -> Call {
    let body =
        json!({"model": "claude-x", "messages": [{"role": "user", "content": format!("keep {token}")}]});
    Call::post("/v1/messages", &body).token(token)
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "a platform token went up in the body")]
async fn a_platform_token_that_goes_up_is_noticed() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server.call(telling(&account.token)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_prompt_goes_up_with_it() {
    let mut server = TestServer::start().await;
    server.allow_tokens_in_bodies();
    let account = server.account().await;
    assert_eq!(server.call(telling(&account.token)).await.status, 200);
    assert!(
        server.provider.only().json()["messages"][0]["content"]
            .as_str()
            .expect("a text")
            .contains(&account.token)
    );
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "came down to a client")]
async fn a_provider_key_that_comes_down_is_noticed() {
    let server = TestServer::start().await;
    let account = server.account().await;
    // Only errors are searched for the key; no provider repeats it in an answer.
    let answer = format!("data: {}\n\n", central_key("anthropic"));
    let (first, second) = answer.split_at(20);
    server.provider.answer(Answer::events().chunks(&[first, second]).end());
    server.call(call(Kind::Messages, true, &account.token)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "was logged")]
async fn a_secret_that_is_logged_is_noticed() {
    let mut server = TestServer::start().await;
    server.guard_provider_key("keywright::audit::canary");
    tracing::info!(target: "keywright", "this names keywright::audit::canary");
    server.stop().await;
}
