//! The vendors' own SDKs, unmodified: JSON, streamed and tool turns through the gateway.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::home::{Ended, Home};
use crate::served::Served;
use crate::tools::tool;

/// The native paths, and those that name the provider.
const PREFIXES: [&str; 4] = ["", "/gateway/demo", "/api/v2/aibridge/demo", "/api/v2/ai-gateway/demo"];

#[test]
fn anthropics_sdk_works_on_every_path() {
    for prefix in PREFIXES {
        let (seen, records) = run("anthropic_client.py", prefix);
        counted(&seen["json"], &records, "demo-small", false);
        counted(&seen["stream"], &records, "demo-small", true);
        // Each answer carries the upstream's own request id, and its record too.
        let upstream = &seen["json"]["requestId"];
        assert!(records.iter().any(|record| record["upstreamRequestId"] == *upstream), "{upstream}");
    }
}

#[test]
fn openais_sdk_works_on_every_path() {
    for prefix in PREFIXES {
        let (seen, records) = run("openai_client.py", prefix);
        for surface in ["chat", "responses"] {
            counted(&seen[surface]["json"], &records, "demo-small", false);
            counted(&seen[surface]["stream"], &records, "demo-small", true);
        }
        let embedded = records.iter().find(|record| record["route"].as_str().unwrap().contains("embeddings"));
        let tokens = &embedded.expect("a record of the embeddings")["usage"]["inputTokens"];
        assert_eq!(*tokens, seen["embeddings"]["inputTokens"]);
    }
}

#[test]
fn googles_sdk_works_on_every_path() {
    for prefix in PREFIXES {
        let (seen, records) = run("gemini_client.py", prefix);
        counted(&seen["json"], &records, "demo-small", false);
        counted(&seen["stream"], &records, "demo-small", true);
    }
}

#[test]
fn the_sdks_need_nothing_but_keywright_run() {
    let home = Home::new();
    let served = Served::demo(&home);
    let scripts = [
        "import anthropic; print(anthropic.Anthropic().messages.create(model='demo-small', max_tokens=99, \
         messages=[{'role': 'user', 'content': 'hello'}]).content[0].text)",
        "import openai; print(openai.OpenAI().responses.create(model='demo-small', input='hello').output_text)",
        "from google import genai; client = genai.Client(); print(client.models.generate_content(model='demo-small', \
         contents='hello').text)",
    ];
    for script in scripts {
        let python = tool("python/bin/python3");
        let mut command = served.command(&home, ["run", "--"]);
        let ended = Ended::of(command.arg(python).args(["-c", script])).with_code(0);
        assert!(ended.stdout.contains("You said “hello”"), "{script}: {}{}", ended.stdout, ended.stderr);
    }
    assert_eq!(served.cli(&home, ["usage", "--json"]).json()["data"]["total"]["requests"], 3);
}

/// A provider of another vendor beside the demo: each SDK is shown the models of both.
#[test]
fn the_sdks_list_the_models_of_all_providers() {
    let home = Home::new();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in other.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).unwrap();
            let body =
                r#"{"object":"list","data":[{"id":"other-1","object":"model","created":1,"owned_by":"o"}]}"#;
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    let file = home.path().join("keywright.toml");
    let provider = format!(
        "[providers.other]\ndialect = \"openai\"\nbase_url = \"http://{address}/v1\"\nkeys = [\"env:OTHER_KEY\"]\n"
    );
    std::fs::write(&file, provider).unwrap();
    let mut command = home.command(["serve", "--demo", "--config"]);
    command.arg(&file).args(crate::served::FREE_PORTS).env("OTHER_KEY", "a-key-of-the-other-vendor");
    let served = Served::start(&mut command);
    let scripts = [
        "import anthropic; print(sorted(m.id for m in anthropic.Anthropic().models.list(limit=2)))",
        "import openai; print(sorted(m.id for m in openai.OpenAI().models.list()))",
        "from google import genai; client = genai.Client(); \
         print(sorted(m.name.removeprefix('models/') for m in client.models.list()))",
    ];
    for script in scripts {
        let mut command = served.command(&home, ["run", "--"]);
        let ended = Ended::of(command.arg(tool("python/bin/python3")).args(["-c", script])).with_code(0);
        assert_eq!(ended.stdout.trim_end(), "['demo-large', 'demo-small', 'other-1']", "{script}");
    }
}

/// Runs a client script: what it saw, and the records of its calls, all of which succeeded.
fn run(script: &str, prefix: &str) -> (Value, Vec<Value>) {
    let home = Home::new();
    let served = Served::demo(&home);
    let account = served.temporary();
    let script = format!("{}/tests/clients/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(tool("python/bin/python3"));
    command
        .arg(&script)
        .env_clear()
        .env("HOME", home.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("KEYWRIGHT_TEST_BASE_URL", format!("{}{prefix}", served.url()))
        .env("KEYWRIGHT_TEST_TOKEN", &account)
        .stdin(Stdio::null());
    let ended = Ended::of(&mut command).with_code(0);
    let records = served.settled(&account);
    for record in &records {
        assert_eq!((record["outcome"].as_str(), record["status"].as_u64()), (Some("succeeded"), Some(200)));
        assert_eq!(record["provider"], "demo");
        assert!(record["durationMs"].as_i64() >= record["firstByteMs"].as_i64(), "{record}");
    }
    (ended.json(), records)
}

/// Finds the record of a turn by the tokens that its client was told.
fn counted(turn: &Value, records: &[Value], model: &str, stream: bool) {
    let told = (&turn["inputTokens"], &turn["outputTokens"]);
    let found = records.iter().any(|record| {
        let usage = &record["usage"];
        (&usage["inputTokens"], &usage["outputTokens"]) == told
            && usage["estimated"] == false
            && record["model"] == model
            && record["stream"] == stream
    });
    assert!(found, "no record of {turn} in {records:#?}");
}
