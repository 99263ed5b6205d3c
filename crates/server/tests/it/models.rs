//! The models of all providers in one list, in the shape of whoever asks.

use std::time::Duration;

use keywright_protocol::wire::Models;
use keywright_protocol::{ErrorCode, routes};
use keywright_testkit::{Account, Answer, Call, Gate, Setup, TestServer, Whole};
use serde_json::{Value, json};

const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

async fn list(server: &TestServer, account: &Account, path: &str, header: (&str, &str)) -> Whole {
    server.call(Call::get(path).token(&account.token).header(header.0, header.1)).await
}

fn ids(list: &Value) -> Vec<&str> {
    let entries = list.get("data").or_else(|| list.get("models")).and_then(Value::as_array).expect("a list");
    entries.iter().map(|entry| entry["id"].as_str().or(entry["name"].as_str()).expect("an id")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_dialect_gets_one_list_of_all_providers_in_its_own_shape() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    let anthropic = list(&server, &account, "/v1/models", VERSION).await;
    assert_eq!(anthropic.header("content-type"), Some("application/json"));
    let body = anthropic.json();
    assert_eq!(ids(&body), ["claude-x", "shared-x", "gemini-3-pro", "gpt-x"]);
    assert_eq!(
        (&body["has_more"], &body["first_id"], &body["last_id"]),
        (&json!(false), &json!("claude-x"), &json!("gpt-x"))
    );
    // What its own vendor says stands whole; the others' entries have what its clients need.
    assert_eq!(body["data"][0]["max_input_tokens"], 200_000);
    let foreign = json!({"type": "model", "id": "gpt-x", "display_name": "gpt-x", "created_at": "2026-01-01T00:00:00.000Z"});
    assert_eq!(body["data"][3], foreign);

    let openai = server.call(Call::get("/v1/models").token(&account.token)).await.json();
    assert_eq!(
        (&openai["object"], ids(&openai)),
        (&json!("list"), vec!["gpt-x", "shared-x", "claude-x", "gemini-3-pro"])
    );
    assert_eq!(openai["data"][0]["owned_by"], "vendor");
    assert_eq!(
        openai["data"][2],
        json!({"id": "claude-x", "object": "model", "created": 1_767_225_600, "owned_by": "anthropic"})
    );

    for (path, header) in [
        ("/v1beta/models", ("x-x", "")),
        ("/v1beta/models", VERSION),
        ("/v1/models", ("x-goog-api-client", "google-genai-sdk")),
        ("/v1/models?key=", ("x-x", "")),
    ] {
        let gemini = list(&server, &account, path, header).await.json();
        assert_eq!(
            ids(&gemini),
            ["models/gemini-3-pro", "models/shared-x", "models/claude-x", "models/gpt-x"],
            "{path} {header:?}"
        );
        assert_eq!(gemini["models"][0]["supportedGenerationMethods"], json!(["generateContent"]));
        assert_eq!(gemini["models"][3]["supportedGenerationMethods"], json!([]));
        assert_eq!(gemini.get("nextPageToken"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_the_token_tells_the_dialect_too() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    for (header, field) in
        [("x-api-key", "has_more"), ("authorization", "object"), ("x-goog-api-key", "models")]
    {
        let value = if header == "authorization" {
            format!("Bearer {}", account.token)
        } else {
            account.token.clone()
        };
        let answer = server.call(Call::get("/v1/models").header(header, &value)).await.json();
        assert!(answer.get(field).is_some(), "{header}: {answer}");
    }
    let query = format!("/v1beta/models?key={}", account.token);
    assert!(server.call(Call::get(&query)).await.json().get("models").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_provider_is_asked_once_a_minute_with_the_servers_own_key_and_nothing_of_the_callers() {
    let server = TestServer::start().await;
    let (one, two) = (server.lasting_account().await, server.account().await);
    for account in [&one, &two] {
        for path in ["/v1/models", "/v1/models/gpt-x", "/v1beta/models", routes::MODELS] {
            let call =
                Call::get(path).token(&account.token).header("x-custom", "mine").header("cookie", "a=b");
            assert_eq!(server.call(call).await.status, 200, "{path}");
        }
    }
    let heard = server.provider.received();
    assert_eq!(heard.len(), 3, "of three providers: {heard:?}");
    for received in &heard {
        assert_eq!((received.header("x-custom"), received.header("cookie")), (None, None));
        assert_eq!((received.method.as_str(), received.body.len()), ("GET", 0));
    }
    server.clock.advance_seconds(60);
    assert_eq!(server.call(Call::get("/v1/models").token(&one.token)).await.status, 200);
    assert_eq!(server.provider.count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_are_told_what_one_of_them_heard() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    let gate = Gate::closed();
    let held = gate.clone();
    server.provider.answer_with(move |request| keywright_testkit::usual::answer(request).after(&held));
    let asking = (0..30).map(|_| server.call(Call::get("/v1/models").token(&account.token)));
    let opening = async {
        server.provider.wait_for(3).await;
        gate.open();
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(asking), opening);
    assert!(answers.iter().all(|answer| answer.status == 200 && ids(&answer.json()).len() == 4));
    assert_eq!(server.provider.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_or_talks_nonsense_is_left_out_and_named() {
    let setup = Setup::new().await;
    let nonsense = setup.upstream();
    let server = setup
        .provider("down", "openai", "http://127.0.0.1:1/v1")
        .provider("nonsense", "openai", &format!("{nonsense}/nonsense"))
        .provider_without_key("keyless", "openai", &format!("{nonsense}/keyless"))
        .start()
        .await;
    let account = server.lasting_account().await;
    server.provider.answer_with(|request| match request.path() {
        "/nonsense/models" => Answer::whole(200, "text/html", "<html>"),
        "/v1beta/models" => Answer::json(403, &json!({"error": {"message": "no"}})),
        _ => keywright_testkit::usual::answer(request),
    });
    let answer = server.call(Call::get("/v1/models").token(&account.token)).await;
    assert_eq!(answer.header("x-keywright-incomplete"), Some("down, nonsense, google"));
    assert_eq!(ids(&answer.json()), ["gpt-x", "shared-x", "claude-x"]);
    let heard = server.provider.count();
    assert_eq!(server.call(Call::get("/v1/models").token(&account.token)).await.status, 200);
    assert_eq!(server.provider.count(), heard, "a miss is kept for a while as well");
    let models: Models = server.data(Call::get(routes::MODELS).token(&account.token)).await;
    assert_eq!(models.incomplete, ["down", "google", "nonsense"]);
    // It is asked again soon.
    server.provider.answer_with(keywright_testkit::usual::answer);
    server.clock.advance_seconds(5);
    let answer = server.call(Call::get("/v1/models").token(&account.token)).await;
    assert_eq!(answer.header("x-keywright-incomplete"), Some("down"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_nothing_keeps_nobody_waiting_for_long() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    server.provider.answer_with(|request| match request.path() {
        "/v1beta/models" => Answer::none().silence(),
        _ => keywright_testkit::usual::answer(request),
    });
    let asking = server.call(Call::get("/v1/models").token(&account.token));
    let answer = tokio::time::timeout(Duration::from_secs(15), asking).await.expect("in time");
    assert_eq!(answer.header("x-keywright-incomplete"), Some("google"));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_provider_says_what_it_has_that_is_an_error_in_the_callers_dialect() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    server.provider.answer_with(|_| Answer::json(500, &json!({"oops": true})));
    for (path, header) in
        [("/v1/models", VERSION), ("/v1/models/gpt-x", ("x-x", "")), ("/v1beta/models", ("x-x", ""))]
    {
        let answer = list(&server, &account, path, header).await;
        answer.assert_refused(ErrorCode::ModelsUnavailable);
    }
    let answer = server.call(Call::get(routes::MODELS).token(&account.token)).await;
    answer.assert_refused(ErrorCode::ModelsUnavailable);
    assert_eq!(answer.json()["error"]["details"]["providers"], json!(["anthropic", "google", "openai"]));
    let records = server.ended_records(&account.token, 4).await;
    assert!(records.iter().all(|record| record.error_code.as_deref() == Some("MODELS_UNAVAILABLE")));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_model_is_found_with_the_provider_that_has_it_and_an_alias_with_the_dialects_own() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    let one = list(&server, &account, "/v1/models/gpt-x", VERSION).await.json();
    assert_eq!((&one["type"], &one["id"]), (&json!("model"), &json!("gpt-x")));
    let one = server.call(Call::get("/v1/models/claude-x").token(&account.token)).await.json();
    assert_eq!((&one["object"], &one["owned_by"]), (&json!("model"), &json!("anthropic")));
    let one = server.call(Call::get("/v1beta/models/shared-x").token(&account.token)).await.json();
    assert_eq!(
        one["supportedGenerationMethods"],
        json!(["generateContent"]),
        "of its own vendor, not of another"
    );

    server
        .provider
        .answer(Answer::json(200, &json!({"type": "model", "id": "claude-x", "display_name": "X"})));
    let alias = list(&server, &account, "/v1/models/claude-latest", VERSION).await.json();
    assert_eq!(
        (&alias["id"], server.provider.last().path()),
        (&json!("claude-x"), "/v1/models/claude-latest")
    );
    assert!(server.provider.last().header("x-api-key").is_some());
    let unknown = list(&server, &account, "/v1/models/nobodys", VERSION).await;
    unknown.assert_refused(ErrorCode::NotFound);
    let heard = server.provider.count();
    let nested = server.call(Call::get("/v1/models/vendor/none:free").token(&account.token)).await;
    nested.assert_refused(ErrorCode::NotFound);
    assert_eq!(server.provider.count(), heard, "such a name is no vendor's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_honoured_and_those_of_providers_are_followed() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    server.provider.answer_with(|request| match (request.path(), request.query()) {
        ("/v1beta/models", Some("pageSize=1000")) => {
            Answer::json(200, &json!({"models": [{"name": "models/g1"}], "nextPageToken": "n x"}))
        }
        ("/v1beta/models", Some("pageSize=1000&pageToken=n+x")) => {
            Answer::json(200, &json!({"models": [{"name": "models/g2"}]}))
        }
        ("/v1/models", Some("limit=1000")) => {
            Answer::json(200, &json!({"data": [{"id": "c1"}], "has_more": true, "last_id": "c1"}))
        }
        ("/v1/models", Some("limit=1000&after_id=c1")) => {
            Answer::json(200, &json!({"data": [{"id": "c2"}], "has_more": false, "last_id": "c2"}))
        }
        _ => Answer::json(200, &json!({"data": []})),
    });
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = list(&server, &account, &format!("/v1/models?limit=3{after}"), VERSION).await.json();
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        if page["has_more"] == false {
            break;
        }
        after = format!("&after_id={}", page["last_id"].as_str().expect("an id"));
    }
    assert_eq!(seen, ["c1", "c2", "g1", "g2"]);
    let page = list(&server, &account, "/v1beta/models?pageSize=3", ("x-x", "")).await.json();
    let token = page["nextPageToken"].as_str().expect("more");
    let last =
        list(&server, &account, &format!("/v1beta/models?pageSize=3&pageToken={token}"), ("x-x", "")).await;
    assert_eq!(ids(&last.json()), ["models/c2"]);
    for wrong in ["limit=0", "after_id=nobody"] {
        let refused = list(&server, &account, &format!("/v1/models?{wrong}"), VERSION).await;
        refused.assert_refused(ErrorCode::InvalidRequest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_key_sees_its_own_vendors_list_as_it_is_and_nobody_else_does() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    server.provider.answer(Answer::json(200, &json!({"data": [{"id": "private"}], "own": true})));
    let own = Call::get("/v1/models")
        .header("x-keywright-token", &account.token)
        .header("x-api-key", "sk-ant-api03-mine-0123456789");
    let answer = server.call(own).await;
    assert_eq!(answer.json(), json!({"data": [{"id": "private"}], "own": true}));
    assert_eq!(server.provider.only().header("x-api-key"), Some("sk-ant-api03-mine-0123456789"));
    let all = server.call(Call::get("/v1/models").token(&account.token)).await;
    assert!(!all.text().contains("private"));
    let named = server.call(Call::get("/gateway/openai/v1/models").token(&account.token)).await;
    assert_eq!(ids(&named.json()), ["gpt-x", "shared-x"], "a path that names a provider passes as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_has_a_record_whether_it_was_answered_from_memory_or_not() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    for path in ["/v1/models", "/v1/models", "/v1beta/models/gpt-x", routes::MODELS] {
        assert_eq!(server.call(Call::get(path).token(&account.token)).await.status, 200);
    }
    let records = server.ended_records(&account.token, 4).await;
    let routes: Vec<&str> = records.iter().rev().map(|record| record.route.as_str()).collect();
    assert_eq!(
        routes,
        ["GET /v1/models", "GET /v1/models", "GET /{version}/models/{id}", "GET /api/v1/models"]
    );
    assert!(records.iter().all(|record| record.outcome == "succeeded" && record.status == Some(200)));
    assert!(records[3].response_bytes > 0 && records[3].credential.as_deref() == Some("central"));
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_list_names_the_provider_of_each_model() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    let models: Models = server.data(Call::get(routes::MODELS).token(&account.token)).await;
    let pairs: Vec<(&str, &str)> =
        models.models.iter().map(|model| (model.provider.as_str(), model.id.as_str())).collect();
    assert_eq!(
        pairs,
        [
            ("anthropic", "claude-x"),
            ("anthropic", "shared-x"),
            ("google", "gemini-3-pro"),
            ("google", "shared-x"),
            ("openai", "gpt-x"),
            ("openai", "shared-x")
        ]
    );
    assert_eq!(models.models[2].dialects, ["gemini"]);
    let answer = server.call(Call::post(routes::MODELS, &json!({})).token(&account.token)).await;
    answer.assert_refused(ErrorCode::MethodNotAllowed);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_gets_no_list_even_while_providers_are_asked() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    let raw = key.raw.expect("the key itself");
    let gate = Gate::closed();
    let held = gate.clone();
    server.provider.answer_with(move |request| keywright_testkit::usual::answer(request).after(&held));
    let asking = server.call(Call::get("/v1/models").token(&raw));
    let revoking = async {
        server.provider.wait_for(1).await;
        server.revoke(&account.token, key.key_id).await;
    };
    let (answer, ()) = tokio::join!(asking, revoking);
    answer.assert_refused(ErrorCode::KeyRevoked);
    gate.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_or_without_a_key_the_reason_is_said() {
    let at = Setup::new().await;
    let url = at.upstream();
    let keyless = at
        .without_provider("anthropic")
        .without_provider("openai")
        .provider_without_key("google", "gemini", &url)
        .start()
        .await;
    let account = keyless.account().await;
    let refused = keyless.call(Call::get("/v1/models").token(&account.token)).await;
    refused.assert_refused(ErrorCode::NoProviderKey);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_models_with_two_lengths_is_refused_like_any_other() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    let mut connection = server.raw().await;
    let head = format!(
        "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: 5\r\n\
         transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        account.token
    );
    connection.write(&head).await;
    assert_eq!(connection.answer().await.status, 400);
    assert_eq!(server.provider.connections(), 0);
}
