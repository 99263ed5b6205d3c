//! A server that answers each path as it was told, and remembers what it was sent: for what a real server
//! does only when others are racing, or does not do at all.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use keywright_protocol::{ApiError, ErrorCode, SystemClock};
use keywright_protocol::{Clock, KeyId, OrganizationId, UserId};
use keywright_secret::{PlatformToken, TokenKind};
use serde_json::{Value, json};

/// The server. It lives on a thread of its own, for as long as the tests do.
pub(crate) struct Scripted {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    answers: BTreeMap<String, VecDeque<(u16, Value)>>,
    seen: Vec<Seen>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Value,
}

impl Scripted {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &shared);
            }
        });
        Self { url, script }
    }

    /// What the next request to `target` gets. The last answer is given again and again.
    pub(crate) fn answers(&self, target: &str, answer: (u16, Value)) -> &Self {
        self.script.lock().unwrap().answers.entry(target.to_owned()).or_default().push_back(answer);
        self
    }

    /// All requests, the first one first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.lock().unwrap().seen.clone()
    }

    /// The last parts of their paths.
    pub(crate) fn order(&self) -> Vec<String> {
        let last = |seen: &Seen| seen.target.rsplit('/').next().unwrap().to_owned();
        self.seen().iter().map(last).collect()
    }
}

fn answer(stream: TcpStream, script: &Mutex<Script>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or_default() == 0 {
        return;
    }
    let target = line.split(' ').nth(1).unwrap().to_owned();
    let (mut length, mut token) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => token = Some(value.trim_start_matches("Bearer ").to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (status, answer) = {
        let mut script = script.lock().unwrap();
        script.seen.push(Seen { target: target.clone(), token, body });
        let answers = script.answers.get_mut(&target).filter(|answers| !answers.is_empty());
        match answers {
            None => refused(ErrorCode::RouteNotSupported, []),
            Some(answers) if answers.len() == 1 => answers[0].clone(),
            Some(answers) => answers.pop_front().unwrap(),
        }
    };
    let answer = answer.to_string();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    let mut stream = reader.into_inner();
    // The other side may have had enough.
    let _ = stream.write_all(format!("{head}{answer}").as_bytes());
}

/// The answer to a request for a code, with a new id.
pub(crate) fn code_requested(email: &str) -> (u16, Value) {
    let id = keywright_protocol::CodeRequestId::new();
    (200, json!({"success": true, "data": {"email": email, "expiresInSeconds": 600, "requestId": id}}))
}

/// The answer to a code: an organization of that name, with a new key. The key.
pub(crate) fn signed_in(organization: &str) -> ((u16, Value), String) {
    let key = PlatformToken::mint(TokenKind::ApiKey);
    let data = json!({
        "organizationId": OrganizationId::new(), "organizationName": organization, "isNewUser": true,
        "apiKey": {
            "keyId": KeyId::new(), "raw": key.expose(), "keyPrefix": key.hint(), "name": "CLI default key",
            "scopes": ["models:use"], "createdAt": SystemClock.now(), "userId": UserId::new(),
        },
    });
    ((200, json!({"success": true, "data": data})), key.expose().to_owned())
}

/// A refusal as the server has it.
pub(crate) fn refused<const N: usize>(code: ErrorCode, details: [(&str, Value); N]) -> (u16, Value) {
    let error =
        details.into_iter().fold(ApiError::new(code), |error, (name, value)| error.detail(name, value));
    (code.status(), serde_json::to_value(error.to_failure(Some("req_test".into()))).unwrap())
}
