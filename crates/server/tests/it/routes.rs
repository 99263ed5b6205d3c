//! Which paths lead where, and which lead nowhere.

use keywright_protocol::ErrorCode;
use keywright_providers::{Dialect, Handling, ROUTES};
use keywright_testkit::usual::Kind;
use keywright_testkit::{Answer, Call, Setup, TestServer, on_both};
use serde_json::json;

use crate::scene::call;

#[tokio::test(flavor = "multi_thread")]
async fn every_listed_route_arrives_at_the_vendors_own_path_from_every_surface() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    for route in ROUTES.iter().filter(|route| route.handling != Handling::Object) {
        let path = route
            .template
            .replace("{version}", "v1beta")
            .replace("{model}", "m-1.5")
            .replace("{id}", "m-1.5");
        let (provider, marks) = match route.dialect {
            Dialect::Anthropic => ("anthropic", ("anthropic-version", "2023-06-01")),
            Dialect::OpenAi => ("openai", ("user-agent", "openai/1")),
            Dialect::Gemini => ("google", ("x-goog-api-client", "genai")),
        };
        let below = |prefix: &str| format!("{prefix}/{provider}{path}");
        let mut paths = vec![below("/gateway"), below("/api/v2/aibridge"), below("/api/v2/ai-gateway")];
        // On native paths the models are those of all providers: see `models.rs`.
        if route.handling != Handling::Models {
            paths.push(path.clone());
        }
        if route.dialect == Dialect::OpenAi {
            // As its clients write it whose base address has no version.
            paths.push(format!("/gateway/openai{}", path.trim_start_matches("/v1")));
        }
        for given in paths {
            let mut sent = Call::new(route.method, &given).header(marks.0, marks.1);
            if route.method == "POST" {
                sent = sent.json(&json!({"model": "m"}));
            }
            let answer = server.call(sent.token(&account.token)).await;
            assert_eq!(answer.status, 200, "{} {given}: {}", route.method, answer.text());
            let heard = server.provider.last();
            assert_eq!(
                (heard.method.as_str(), heard.target.as_str()),
                (route.method, path.as_str()),
                "{given}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_listed_goes_nowhere() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (method, path) in [
        ("GET", "/v1/files"),
        ("POST", "/v1/files"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1/organizations/api_keys"),
        ("GET", "/gateway/openai/v1/organization/admin_api_keys"),
        ("GET", "/gateway/anthropic/v1/organizations/me"),
        ("POST", "/gateway/anthropic/v1/chat/completions"),
        ("POST", "/gateway/openai/v1/messages"),
        ("POST", "/gateway/openai/v1/v1/responses"),
        ("POST", "/gateway/anthropic"),
        ("POST", "/gateway/anthropic/"),
        ("POST", "/gateway/anthropic//v1/messages"),
        ("POST", "/v1/messages/"),
        ("POST", "/v1//messages"),
        ("POST", "/v1/./messages"),
        ("POST", "/v1/x/../messages"),
        ("POST", "/v1/%6dessages"),
        ("POST", "/v1/messages%2f..%2ffiles"),
        ("POST", "/v1/messages;x"),
        ("POST", "/v1/MESSAGES"),
        ("GET", "/v1/models/.."),
        ("GET", "/v1/models/a%2fb"),
        ("GET", "/v1/responses/resp_1/../../files"),
        ("POST", "/v1beta/models/a/b:generateContent"),
        ("POST", "/v1beta/models/m:deleteEverything"),
        ("POST", "/v1beta/cachedContents"),
    ] {
        let sent = Call::new(method, path).json(&json!({"model": "m"})).token(&account.token);
        let answer = server.call(sent).await;
        assert_eq!(answer.code(), Some(ErrorCode::RouteNotSupported), "{method} {path}: {}", answer.text());
        assert_eq!(answer.status, 404);
    }
    assert_eq!(server.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_one() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (method, path, allowed) in [
        ("GET", "/v1/messages", "POST"),
        ("DELETE", "/gateway/openai/v1/chat/completions", "POST"),
        ("HEAD", "/v1/messages", "POST"),
        ("POST", "/v1/models", "GET"),
        // A listing would show what all organizations made.
        ("GET", "/v1/responses", "POST"),
        ("PUT", "/v1/responses/resp_1", "DELETE, GET"),
    ] {
        let answer = server.call(Call::new(method, path).token(&account.token)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
        if method != "HEAD" {
            answer.assert_refused(ErrorCode::MethodNotAllowed);
        }
    }
    server
        .call(Call::new("PUT", "/api/v1/keys").token(&account.token))
        .await
        .assert_refused(ErrorCode::MethodNotAllowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_answered_with_426_at_once() {
    let server = TestServer::start().await;
    for path in ["/v1/responses", "/gateway/openai/v1/responses", "/api/v2/aibridge/openai/responses"] {
        let mut connection = server.raw().await;
        connection
            .write(format!(
                "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: WebSocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n\r\n"
            ))
            .await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 426, "{path}");
        assert!(String::from_utf8_lossy(&answer.body).contains(ErrorCode::UpgradeRequired.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_provider_is_told_which_there_are() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for name in ["nobody", "Anthropic", "anthropic%20", "..", "127.0.0.1:80", ""] {
        let path = format!("/gateway/{name}/v1/messages");
        let sent = Call::post(&path, &Kind::Messages.body(false)).token(&account.token);
        let answer = server.call(sent).await;
        assert_eq!(answer.code(), Some(ErrorCode::ProviderUnknown), "{path}: {}", answer.text());
        assert!(answer.text().contains("anthropic"));
    }
    assert_eq!(server.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_path_goes_to_the_dialects_vendor_or_the_only_one_that_speaks_it() {
    let setup = Setup::new().await;
    let at = setup.upstream();
    let server = setup.provider("groq", "openai", &format!("{at}/groq")).start().await;
    let account = server.account().await;
    server.call(call(Kind::Chat, false, &account.token)).await;
    assert_eq!(server.record(&account.token).await.provider.as_deref(), Some("openai"));

    let setup = Setup::new().await;
    let at = setup.upstream();
    let setup = setup.without_provider("openai").provider("groq", "openai", &format!("{at}/groq/v1"));
    let server = setup.start().await;
    let account = server.account().await;
    assert_eq!(server.call(call(Kind::Chat, false, &account.token)).await.status, 200);
    assert_eq!(server.provider.only().target, "/groq/v1/chat/completions");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_several_could_serve_a_path_the_caller_must_say_which() {
    let setup = Setup::new().await;
    let at = setup.upstream();
    let setup =
        setup.without_provider("openai").provider("groq", "openai", &at).provider("xai", "openai", &at);
    let server = setup.start().await;
    let account = server.account().await;
    let answer = server.call(call(Kind::Chat, false, &account.token)).await;
    answer.assert_refused(ErrorCode::ProviderAmbiguous);
    assert_eq!(answer.json()["error"]["details"]["providers"], json!(["groq", "xai"]));
    assert_eq!(server.provider.connections(), 0);
    let named = Call::post("/gateway/xai/v1/chat/completions", &Kind::Chat.body(false)).token(&account.token);
    assert_eq!(server.call(named).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialect_that_nobody_speaks_is_told_so() {
    let server = Setup::new().await.without_provider("google").start().await;
    let account = server.account().await;
    let answer = server.call(call(Kind::Generate, false, &account.token)).await;
    answer.assert_refused(ErrorCode::ProviderNotConfigured);
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let setup = Setup::new().await;
    let at = setup.upstream();
    let server = setup.without_provider("google").provider_without_key("google", "gemini", &at).start().await;
    let account = server.account().await;
    server.call(call(Kind::Generate, true, &account.token)).await.assert_refused(ErrorCode::NoProviderKey);
    assert_eq!(server.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_only_for_the_organization_that_made_it() {
    on_both(|setup| async move {
        let mut server = setup.start().await;
        let (owner, stranger) = (server.account().await, server.account().await);
        assert_eq!(server.call(call(Kind::Responses, false, &owner.token)).await.status, 200);
        // resp_1 is what the fake provider calls it.
        let routes = [
            ("GET", "/v1/responses/resp_1"),
            ("GET", "/v1/responses/resp_1/input_items"),
            ("POST", "/v1/responses/resp_1/cancel"),
            ("DELETE", "/gateway/openai/v1/responses/resp_1"),
        ];
        for _ in 0..2 {
            let heard = server.provider.count();
            for (method, path) in routes {
                let answer = server.call(Call::new(method, path).token(&stranger.token)).await;
                answer.assert_refused(ErrorCode::NotFound);
                let unknown = path.replace("resp_1", "resp_2");
                server
                    .call(Call::new(method, &unknown).token(&owner.token))
                    .await
                    .assert_refused(ErrorCode::NotFound);
            }
            let mut body = Kind::Responses.body(true);
            body["previous_response_id"] = json!("resp_1");
            let going_on = |token: &str| Call::post("/v1/responses", &body).token(token);
            server.call(going_on(&stranger.token)).await.assert_refused(ErrorCode::NotFound);
            assert_eq!(server.provider.count(), heard, "a stranger was let through");
            for (method, path) in routes {
                assert_eq!(
                    server.call(Call::new(method, path).token(&owner.token)).await.status,
                    200,
                    "{path}"
                );
            }
            assert_eq!(server.call(going_on(&owner.token)).await.status, 200);
            // And after a restart as before.
            server.restart().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_a_stream_is_its_makers_while_it_still_runs_or_not_at_all() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let created = keywright_testkit::usual::events(Kind::Responses)[0];
    server.provider.answer(Answer::events().chunk(created.replace("resp_1", "resp_9")).reset());
    let _ = server.call(call(Kind::Responses, true, &account.token)).await;
    server.record(&account.token).await;
    let answer = server.call(Call::get("/v1/responses/resp_9").token(&account.token)).await;
    assert_eq!(answer.status, 200, "a response that broke off can be asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_which_the_model_is_not_certain_is_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (body, code) in [
        ("", ErrorCode::InvalidJson),
        ("{", ErrorCode::InvalidJson),
        ("[]", ErrorCode::InvalidJson),
        ("[{\"model\":\"m\"}]", ErrorCode::InvalidJson),
        ("{\"model\":\"m\"}{\"model\":\"n\"}", ErrorCode::InvalidJson),
        ("\u{feff}{\"model\":\"m\"}", ErrorCode::InvalidJson),
        ("{}", ErrorCode::ModelRequired),
        ("{\"model\":7}", ErrorCode::ModelRequired),
        ("{\"model\":\"\"}", ErrorCode::ModelRequired),
        ("{\"model\":\"a\\u0000b\"}", ErrorCode::ModelRequired),
        ("{\"model\":\"m\",\"model\":\"m\"}", ErrorCode::DuplicateField),
        ("{\"model\":\"m\",\"\\u006dodel\":\"n\"}", ErrorCode::DuplicateField),
        ("{\"model\":\"m\",\"stream\":false,\"stream\":true}", ErrorCode::DuplicateField),
    ] {
        for path in ["/v1/messages", "/v1/chat/completions", "/gateway/openai/v1/responses"] {
            let answer = server.call(Call::new("POST", path).body(body).token(&account.token)).await;
            assert_eq!(answer.code(), Some(code), "{path} {body:?}: {}", answer.text());
            answer.assert_refused(code);
        }
    }
    assert_eq!(server.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_gateways_gets_the_envelope_of_the_api() {
    let server = TestServer::start().await;
    for path in ["//", "/v1", "/v2/messages", "/api/v1/nothing", "/metrics", "/gateway", "/api/v2/other/x"] {
        let answer = server.call(Call::get(path)).await;
        answer.assert_refused(ErrorCode::NotFound);
        assert_eq!(answer.json()["success"], false);
    }
}
