//! How each vendor usually answers: short, and with a report of the tokens.

use serde_json::{Value, json};

use super::{Answer, Received};

/// The usual answer to a request: a stream where one is asked for.
pub fn answer(request: &Received) -> Answer {
    let path = request.path();
    let streams = path.ends_with(":streamGenerateContent")
        || serde_json::from_slice::<Value>(&request.body).is_ok_and(|body| body["stream"] == true);
    match kind(path) {
        Some(kind) if streams => Answer::events().chunks(events(kind)).end(),
        Some(kind) => Answer::json(200, &document(kind)),
        None if path.ends_with("/models") => Answer::json(200, &models(request)),
        None => Answer::json(200, &json!({"object": "list", "data": []})),
    }
}

/// Each vendor's list of models: one of its own, and one that all have.
fn models(request: &Received) -> Value {
    if request.header("anthropic-version").is_some() || request.header("x-api-key").is_some() {
        let model = |id: &str| {
            json!({"type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
                   "max_input_tokens": 200_000})
        };
        json!({"data": [model("claude-x"), model("shared-x")], "has_more": false,
               "first_id": "claude-x", "last_id": "shared-x"})
    } else if request.path().starts_with("/v1beta/") {
        let model = |id: &str| {
            json!({"name": format!("models/{id}"), "version": "1", "displayName": id,
                   "supportedGenerationMethods": ["generateContent"]})
        };
        json!({"models": [model("gemini-3-pro"), model("shared-x")]})
    } else {
        let model =
            |id: &str| json!({"id": id, "object": "model", "created": 1_767_225_600, "owned_by": "vendor"});
        json!({"object": "list", "data": [model("gpt-x"), model("shared-x")]})
    }
}

/// A route that makes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// OpenAI's Embeddings.
    Embeddings,
    /// Gemini's content.
    Generate,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Messages, Self::Chat, Self::Responses, Self::Embeddings, Self::Generate];

    /// Those that can stream.
    pub const STREAMING: [Self; 4] = [Self::Messages, Self::Chat, Self::Responses, Self::Generate];

    /// The native path of a call.
    pub fn path(self, stream: bool) -> &'static str {
        match self {
            Self::Messages => "/v1/messages",
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Embeddings => "/v1/embeddings",
            Self::Generate if stream => "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
            Self::Generate => "/v1beta/models/gemini-3-pro:generateContent",
        }
    }

    /// A body for it.
    pub fn body(self, stream: bool) -> Value {
        let mut body = match self {
            Self::Messages => {
                json!({"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]})
            }
            Self::Chat => json!({"model": "gpt-x", "messages": [{"role": "user", "content": "hello"}]}),
            Self::Responses => json!({"model": "gpt-x", "input": "hello"}),
            Self::Embeddings => json!({"model": "embed-x", "input": "hello"}),
            Self::Generate => return json!({"contents": [{"parts": [{"text": "hello"}]}]}),
        };
        if stream {
            body["stream"] = json!(true);
        }
        body
    }

    /// The model that is asked for.
    pub fn model(self) -> &'static str {
        match self {
            Self::Messages => "claude-x",
            Self::Chat | Self::Responses => "gpt-x",
            Self::Embeddings => "embed-x",
            Self::Generate => "gemini-3-pro",
        }
    }

    /// The provider that serves it and the header that holds the key there.
    pub fn provider(self) -> (&'static str, &'static str) {
        match self {
            Self::Messages => ("anthropic", "x-api-key"),
            Self::Chat | Self::Responses | Self::Embeddings => ("openai", "authorization"),
            Self::Generate => ("google", "x-goog-api-key"),
        }
    }

    /// The tokens that its usual answer reports: input, output, read from a cache, written to one.
    pub fn tokens(self) -> (i64, i64, i64, i64) {
        match self {
            Self::Messages => (10, 7, 3, 2),
            Self::Chat => (9, 7, 2, 0),
            Self::Responses => (8, 7, 4, 0),
            Self::Embeddings => (6, 0, 0, 0),
            Self::Generate => (9, 8, 1, 0),
        }
    }
}

fn kind(path: &str) -> Option<Kind> {
    Some(match path.rsplit('/').next()? {
        "messages" => Kind::Messages,
        "completions" => Kind::Chat,
        "responses" => Kind::Responses,
        "embeddings" => Kind::Embeddings,
        verb if verb.ends_with("enerateContent") => Kind::Generate,
        _ => return None,
    })
}

/// The answer as one document.
pub fn document(kind: Kind) -> Value {
    match kind {
        Kind::Messages => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
            "content": [{"type": "text", "text": "Hi."}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": 7, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2},
        }),
        Kind::Chat => json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-x",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}},
        }),
        Kind::Responses => json!({
            "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-x", "output": [],
            "usage": {"input_tokens": 12, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 4}},
        }),
        Kind::Embeddings => json!({
            "object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "usage": {"prompt_tokens": 6, "total_tokens": 6},
        }),
        Kind::Generate => json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi."}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 3, "cachedContentTokenCount": 1},
        }),
    }
}

/// The answer as a stream, event by event. Reports are cumulative, as the vendors' are.
pub fn events(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Messages => &[
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":10,\"output_tokens\":1,\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":2}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi.\"}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ],
        Kind::Chat => &[
            "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi.\"}}],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\n",
            "data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\n",
            "data: [DONE]\n\n",
        ],
        Kind::Responses => &[
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"usage\":null}}\n\n",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi.\"}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":12,\"output_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":4}}}}\n\n",
        ],
        Kind::Generate => &[
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":3,\"cachedContentTokenCount\":1}}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\".\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":3,\"cachedContentTokenCount\":1}}\r\n\r\n",
        ],
        Kind::Embeddings => &[],
    }
}
