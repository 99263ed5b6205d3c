//! aider has no tools: it edits files as the answer says, and ends well even when its request failed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;

use serde_json::json;

use super::{QUIET, Scene, Setting};
use crate::home::Home;
use crate::served::Served;
use crate::tools::tool;

const ALWAYS: [&str; 4] = ["--yes-always", "--no-show-model-warnings", "--no-gitignore", "--no-pretty"];

#[test]
fn it_asks_models_of_every_vendor_through_the_gateway() {
    for setting in Setting::ALL {
        let scene = Scene::new(setting);
        // Its own configuration names another way, which must not count.
        let own = "openai-api-key: sk-canary\nopenai-api-base: http://127.0.0.1:1/v1\napi-key:\n  - gemini=canary\nset-env:\n  - ANTHROPIC_API_BASE=http://127.0.0.1:1\n";
        std::fs::write(scene.home.path().join(".aider.conf.yml"), own).unwrap();
        // So does what many projects have.
        std::fs::write(scene.project().join(".env"), "OPENAI_API_KEY=sk-canary\nANTHROPIC_API_KEY=canary\n")
            .unwrap();
        for model in ["openai/demo-small", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro"] {
            let arguments = [&["--model", model, "--no-git", "--message", "hello"][..], &ALWAYS].concat();
            let ended = scene.run(&[], "aider", &arguments).with_code(0);
            assert!(
                ended.stdout.contains("There is no model here"),
                "{model}: {}{}",
                ended.stdout,
                ended.stderr
            );
        }
        let calls = scene.calls();
        assert_eq!(calls.len(), 3, "{calls:?}");
        assert!(calls.iter().all(|call| call["outcome"] == "succeeded" && call["provider"] == "demo"));
    }
}

#[test]
fn it_edits_a_file_as_the_answer_says() {
    let home = Home::new();
    let answer = "greeting.txt\n```\nhello from the gateway\n```\n";
    let provider = provider(answer);
    let configuration = home.path().join("keywright.toml");
    let text = format!(
        "[providers.openai]\ndialect = \"openai\"\nbase_url = \"http://{provider}/v1\"\nkeys = [\"env:OWN\"]\n"
    );
    std::fs::write(&configuration, text).unwrap();
    let mut command =
        home.command(["serve", "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"]);
    let served = Served::start(command.arg("--config").arg(&configuration).env("OWN", "sk-test"));
    let project = home.path().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("greeting.txt"), "before\n").unwrap();
    let mut command: Command = served.command(&home, ["run", "--"]);
    command.envs(QUIET).arg(tool("aider")).args(["--model", "openai/some-model", "--edit-format", "whole"]);
    command.args(["--no-git", "--no-stream", "--message", "greet", "greeting.txt"]).args(ALWAYS);
    let ended = crate::home::Ended::of(command.current_dir(&project)).with_code(0);
    let edited = std::fs::read_to_string(project.join("greeting.txt")).unwrap();
    assert_eq!(edited, "hello from the gateway\n", "{}{}", ended.stdout, ended.stderr);
}

/// A provider that gives every chat the same answer.
fn provider(answer: &str) -> std::net::SocketAddr {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "some-model",
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": answer } }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
    })
    .to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut upload = vec![0; length];
            let _ = reader.read_exact(&mut upload);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let _ = write!(reader.get_mut(), "{head}content-length: {}\r\n\r\n{body}", body.len());
        }
    });
    address
}
