//! Which program is calling, and what it calls its session. Both are the client's own word: they sort
//! records and decide nothing.

use http::HeaderMap;
use http::header::USER_AGENT;
use keywright_secret::mentions_token;
use serde::Deserialize;

/// The program that sent these headers, from a fixed list.
pub(crate) fn client(headers: &HeaderMap) -> Option<&'static str> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    if headers.contains_key("x-cursor-client-version") {
        return Some("cursor");
    }
    CLIENTS.iter().find(|(prefix, _)| starts_with_ignoring_case(agent, prefix)).map(|(_, name)| *name)
}

/// The client's session: from the header that it is known to use, else from the body's `metadata` or
/// `prompt_cache_key`, both raw JSON.
pub(crate) fn session_id(
    headers: &HeaderMap,
    metadata: Option<&[u8]>,
    prompt_cache_key: Option<&[u8]>,
) -> Option<String> {
    SESSION_HEADERS
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .map(str::to_owned)
        .or_else(|| session_of_metadata(metadata?))
        .or_else(|| serde_json::from_slice(prompt_cache_key?).ok())
        .map(|session| session.trim().to_owned())
        .filter(|session| !session.is_empty() && session.len() <= LONGEST && !session.contains('\0'))
        .filter(|session| !mentions_token(session.as_bytes()))
}

/// Claude Code's `metadata.user_id`: JSON in a string, or in older versions `..._session_<uuid>`.
fn session_of_metadata(metadata: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: String,
    }
    #[derive(Deserialize)]
    struct UserId {
        session_id: String,
    }
    let user_id = serde_json::from_slice::<Metadata>(metadata).ok()?.user_id;
    match serde_json::from_str::<UserId>(&user_id) {
        Ok(parsed) => Some(parsed.session_id),
        Err(_) => user_id.rsplit_once("_session_").map(|(_, session)| session.to_owned()),
    }
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

const LONGEST: usize = 128;

/// In this order: Claude Code, Codex, opencode, Pi, then others that are known to send one.
const SESSION_HEADERS: &[&str] = &[
    "x-claude-code-session-id",
    "session-id",
    "x-session-id",
    "session_id",
    "thread-id",
    "x-mux-workspace-id",
    "x-client-session-id",
    "x-interaction-id",
    "x-kilocode-taskid",
    "x-coder-chat-id",
];

const CLIENTS: &[(&str, &str)] = &[
    ("claude-cli/", "claude-code"),
    ("claude-code/", "claude-code"),
    ("codex", "codex"),
    ("geminicli", "gemini-cli"),
    ("opencode/", "opencode"),
    ("pi (", "pi"),
    ("litellm/", "litellm"),
    ("zed/", "zed"),
    ("mux/", "mux"),
    ("githubcopilot", "copilot"),
    ("copilot/", "copilot"),
    ("kilo-code/", "kilo-code"),
    ("roo-code/", "roo-code"),
    ("charm", "crush"),
    ("ai/", "ai-sdk"),
    ("ai-sdk", "ai-sdk"),
    ("anthropic/", "anthropic-sdk"),
    ("openai/", "openai-sdk"),
    ("google-genai-sdk/", "google-genai-sdk"),
    ("curl/", "curl"),
    ("keywright/", "keywright"),
];

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn clients_are_known_by_their_user_agent() {
        for (agent, name) in [
            ("claude-cli/2.1.329 (external, sdk-cli)", Some("claude-code")),
            ("codex_exec/0.169.0", Some("codex")),
            ("GeminiCLI-tui/0.61.0/m (linux; x64; terminal)", Some("gemini-cli")),
            ("opencode/1.18.33 ai-sdk/provider-utils/1", Some("opencode")),
            ("pi (linux 6; x64)", Some("pi")),
            ("OpenAI/Python 3.52.0", Some("openai-sdk")),
            ("Anthropic/Python 1.17.0", Some("anthropic-sdk")),
            ("Mozilla/5.0", None),
            ("", None),
        ] {
            assert_eq!(client(&headers(&[("user-agent", agent)])), name, "{agent}");
        }
        assert_eq!(client(&headers(&[])), None);
    }

    #[test]
    fn sessions_are_read_from_each_clients_own_place() {
        let id = "0198";
        for header in ["x-claude-code-session-id", "session-id", "x-session-id", "session_id"] {
            assert_eq!(
                session_id(&headers(&[(header, "0198")]), None, None).as_deref(),
                Some(id),
                "{header}"
            );
        }
        let json = br#"{"user_id":"{\"device_id\":\"d\",\"account_uuid\":\"\",\"session_id\":\"0198\"}"}"#;
        assert_eq!(session_id(&headers(&[]), Some(json), None).as_deref(), Some(id));
        let legacy = br#"{"user_id":"user_abc_account__session_0198"}"#;
        assert_eq!(session_id(&headers(&[]), Some(legacy), None).as_deref(), Some(id));
        assert_eq!(session_id(&headers(&[]), None, Some(br#""0198""#)).as_deref(), Some(id));
    }

    #[test]
    fn senseless_sessions_are_none() {
        for metadata in [&b"{}"[..], b"null", br#"{"user_id":5}"#, br#"{"user_id":"x"}"#, b"\xff"] {
            assert_eq!(session_id(&headers(&[]), Some(metadata), None), None);
        }
        assert_eq!(session_id(&headers(&[("session-id", "  ")]), None, None), None);
        let long: &'static str = "x".repeat(129).leak();
        assert_eq!(session_id(&headers(&[("session-id", long)]), None, None), None);
    }
}
