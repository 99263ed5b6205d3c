//! The page for agents: what it says is true of the server that serves it.

use std::process::{Command, Stdio};

use keywright_protocol::{ErrorCode, routes};
use keywright_testkit::{Call, Setup, TestServer};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_markdown_that_names_the_servers_own_address_and_never_the_callers_host() {
    let setup = Setup::new().await.set("public_url", "https://keywright.example.com");
    let server = setup.set("server_hosts", "other.example").start().await;
    let answer = server.call(Call::get(routes::AUTH_GUIDE).header("host", "other.example")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/markdown; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let page = answer.text();
    assert!(page.contains("curl -sS https://keywright.example.com/api/v1/auth/signup-request"));
    assert!(!page.contains("other.example") && !page.contains("127.0.0.1"));
    assert!(page.lines().count() < 200, "{}", page.lines().count());
    assert!(page.contains("Never ask anybody for the password of a mailbox"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_and_code_on_the_page_is_one_of_the_server() {
    let server = TestServer::start().await;
    let page = page(&server).await;
    let origin = server.config().public_url(server.address());
    let paths = page.split(origin.as_str()).skip(1).map(|rest| {
        let end = rest.find(|c: char| c.is_whitespace() || c == '`').unwrap_or(rest.len());
        format!("/{}", &rest[..end]).replace("$KEY_ID", "{id}")
    });
    let paths: Vec<String> = paths.filter(|path| path != "/v1").collect();
    for path in &paths {
        assert!(routes::ALL.contains(&path.as_str()), "{path}");
    }
    for path in [routes::SIGNUP_COMPLETE, routes::LOGIN_COMPLETE, routes::ROTATE, routes::TEMPORARY] {
        assert!(paths.iter().any(|it| it == path), "{path}");
    }
    let mut codes = 0;
    for word in page.split('`').filter(|word| word.contains('_') && !word.contains(' ')) {
        let named = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let variable = word.contains("API_KEY") || ["REQUEST_ID", "KEY_ID"].contains(&word);
        if named && !variable {
            assert!(ErrorCode::from_name(word).is_some(), "{word}");
            codes += 1;
        }
    }
    assert!(codes > 20, "{codes}");
    for line in page.lines().filter(|line| line.starts_with("| `") && line.contains("_")) {
        let name = line.split('`').nth(1).expect("a code");
        let Some(code) = ErrorCode::from_name(name) else { continue };
        assert!(line.ends_with(&format!("| {} | {} |", code.status(), code.next_action())), "{line}");
    }
    let left = page.split('<').skip(1).find(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    assert_eq!(left.filter(|rest| !rest.starts_with("END")), None, "nothing is left to fill in");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_what_is_particular_about_the_server() {
    let usual = page(&TestServer::start().await).await;
    assert!(usual.contains("keywright admin outbox") && usual.contains(routes::TEMPORARY));
    assert!(!usual.contains("Not every mailbox may sign up here"));
    let setup = Setup::new().await.set("auth.temporary", "false").set("auth.signup", "invited");
    let setup = setup.set("mail.smtp", "smtp://me:canary@localhost:2525").set("mail.from", "k@example.com");
    let other = page(&setup.start().await).await;
    assert!(!other.contains("keywright admin outbox") && !other.contains(routes::TEMPORARY));
    assert!(other.contains("Not every mailbox may sign up here") && !other.contains("canary"));
}

async fn page(server: &TestServer) -> String {
    server.call(Call::get(routes::AUTH_GUIDE)).await.text().to_owned()
}

/// The commands of the page are run as they stand, by the shell, in the order in which an agent would.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_work_as_they_stand() {
    const MAILBOX: &str = "agent@example.com";
    let server = Setup::new().await.set("mail.from", "keywright@mail.example").start().await;
    let page = page(&server).await;
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let block =
        |path: &str| *blocks.iter().find(|it| it.starts_with("curl") && it.contains(path)).expect(path);
    let mut known = vec![("EMAIL", MAILBOX.to_owned())];

    assert_eq!(run(block(routes::TEMPORARY), &known)["success"], true);
    for (request, completion) in
        [(routes::SIGNUP_REQUEST, routes::SIGNUP_COMPLETE), (routes::LOGIN_REQUEST, routes::LOGIN_COMPLETE)]
    {
        let asked = run(block(request), &known);
        known.push(("REQUEST_ID", asked["data"]["requestId"].as_str().expect("an id").to_owned()));
        known.push(("CODE", server.mailed_code(MAILBOX)));
        let made = run(block(completion), &known);
        known.push(("KEYWRIGHT_API_KEY", made["data"]["apiKey"]["raw"].as_str().expect("a key").to_owned()));
        known.push(("KEY_ID", made["data"]["apiKey"]["keyId"].as_str().expect("an id").to_owned()));
    }
    let again = run(block(routes::SIGNUP_REQUEST), &known);
    assert_eq!(again["error"]["code"], ErrorCode::UserAlreadyHasOrganization.as_str());

    let function = blocks.iter().find(|it| it.contains("api()")).expect("the function");
    let (function, _) = function.split_once("\napi ").expect("its first use");
    let mut answers = 0;
    for line in blocks.iter().flat_map(|it| it.lines()).filter(|line| line.starts_with("api ")) {
        let answer = run(&format!("{function}\n{line}\n"), &known);
        assert_eq!(answer["success"], true, "{line}: {answer}");
        answers += 1;
    }
    assert_eq!(answers, 5);
}

/// Runs a part of the page; what it printed.
fn run(script: &str, known: &[(&str, String)]) -> Value {
    let mut shell = Command::new("bash");
    shell.args(["-euc", script]).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    // Of two values the later one counts.
    for (name, value) in known {
        shell.env(name, value);
    }
    let output = shell.output().expect("bash");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
