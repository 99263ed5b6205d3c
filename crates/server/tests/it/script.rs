//! Programs of their own that a test runs. What they need of a person or of the clock they say on standard output,
//! in lines of JSON, and each line is answered by one on standard input.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use keywright_testkit::{TestServer, tool};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::judges::Person;

/// What a program asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "ask", rename_all = "camelCase")]
enum Ask {
    /// That a person opens this link to the server and lets the application in, or does not.
    Visit { url: String, allow: bool },
    /// That a person lets the device in that shows this code, or does not.
    #[serde(rename_all = "camelCase")]
    Device { user_code: String, allow: bool },
    /// The code that was mailed last to a mailbox.
    Code { mailbox: String },
    /// That so much time goes by at the server.
    Advance { seconds: i64 },
    /// That this is in no log.
    Secret { text: String },
}

/// Runs `script` with `program` to its end, which must be a good one, and answers what it asks for.
pub(crate) async fn run(server: &TestServer, program: &str, script: &str, environment: &[(&str, &str)]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let mut command = Command::new(tool(program));
    command
        .arg(&script)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", server.config().data_dir.as_path())
        .env("LANG", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("KEYWRIGHT_TEST_SERVER", server.identity().issuer())
        .env("KEYWRIGHT_TEST_PACKAGES", tool("judges"))
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().expect("a program");
    let mut answers = child.stdin.take().expect("its input");
    let mut asked = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut errors = child.stderr.take().expect("its errors");
    let told = tokio::spawn(async move {
        let mut text = String::new();
        errors.read_to_string(&mut text).await.expect("a text");
        text
    });
    let mut person = Person::default();
    while let Some(line) = timeout(PATIENCE, asked.next_line()).await.expect("it goes on").expect("a line") {
        let ask: Ask = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it says: {line}"));
        let answer = answer(server, &mut person, ask).await;
        // One that has ended in the meantime is told by its status.
        let _ = answers.write_all(format!("{answer}\n").as_bytes()).await;
    }
    let status = timeout(PATIENCE, child.wait()).await.expect("it ends").expect("a status");
    let told = told.await.expect("its errors");
    assert!(status.success() && told.is_empty(), "{}: {status}\n{told}", script.display());
}

async fn answer(server: &TestServer, person: &mut Person, ask: Ask) -> Value {
    match ask {
        Ask::Visit { url, allow } => json!(person.visits(server, &url, allow).await),
        Ask::Device { user_code, allow } => {
            person.decides(server, &user_code, allow).await;
            Value::Null
        }
        Ask::Code { mailbox } => json!(server.code_for(&mailbox)),
        Ask::Advance { seconds } => {
            server.clock.advance_seconds(seconds);
            Value::Null
        }
        Ask::Secret { text } => {
            server.keep_out_of_the_log(&text);
            Value::Null
        }
    }
}

/// Far longer than anything takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(300);
