//! OpenAI's Chat Completions.

use bytes::Bytes;
use keywright_providers::Dialect;
use serde_json::{Value, json};

use super::openai::{choice, required_model, text_of, tools};
use super::turn::{Asked, Finish, Reply, Said, Turn, id, middle, now, tokens_in, without_reminders};
use super::wire::{Fault, Wire, event};

/// `POST /v1/chat/completions`.
pub(super) struct Chat;

impl Wire for Chat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAi
    }

    fn read(&self, body: &Value) -> Result<Turn, Fault> {
        let limit = body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64());
        Ok(Turn {
            model: required_model(body)?,
            stream: body["stream"].as_bool().unwrap_or(false),
            asked: asked(body)?,
            tools: tools(body),
            choice: choice(&body["tool_choice"]),
            input_tokens: ["messages", "tools"].iter().map(|field| tokens_in(&body[field])).sum(),
            limit,
            schema: Some(body["response_format"]["json_schema"]["schema"].clone()).filter(Value::is_object),
            stream_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            body: Value::Null,
        })
    }

    fn whole(&self, turn: &Turn, reply: &Reply) -> Value {
        let message = match &reply.said {
            Said::Words(words) => {
                json!({"role": "assistant", "content": words.concat(), "refusal": null, "annotations": []})
            }
            Said::Call { name, arguments } => json!({
                "role": "assistant",
                "content": null,
                "refusal": null,
                "tool_calls": [{
                    "id": id("call_"),
                    "type": "function",
                    "function": {"name": name, "arguments": arguments.to_string()},
                }],
            }),
        };
        let mut completion = json!({
            "id": id("chatcmpl-"),
            "object": "chat.completion",
            "created": now(),
            "model": turn.model,
            "choices": [{
                "index": 0,
                "message": message,
                "logprobs": null,
                "finish_reason": finish_reason(reply.finish),
            }],
            "system_fingerprint": null,
        });
        if let Some((input, output)) = reply.usage {
            completion["usage"] = usage(input, output);
        }
        completion
    }

    fn events(&self, turn: &Turn, reply: &Reply) -> Vec<Bytes> {
        let mut deltas = Vec::new();
        match &reply.said {
            Said::Words(words) => {
                deltas.push(json!({"role": "assistant", "content": "", "refusal": null}));
                deltas.extend(words.iter().map(|word| json!({"content": word})));
            }
            Said::Call { name, arguments } => {
                deltas.push(json!({"role": "assistant", "content": null, "tool_calls": [{
                    "index": 0,
                    "id": id("call_"),
                    "type": "function",
                    "function": {"name": name, "arguments": ""},
                }]}));
                let text = arguments.to_string();
                let (start, end) = text.split_at(middle(&text));
                for part in [start, end] {
                    deltas.push(json!({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}));
                }
            }
        }
        let mut chunks: Vec<Value> = deltas
            .into_iter()
            .map(|delta| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]))
            .collect();
        let finish = finish_reason(reply.finish);
        chunks.push(json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": finish}]));
        let with_usage = reply.usage.filter(|_| turn.stream_usage);
        if with_usage.is_some() {
            chunks.push(json!([]));
        }
        let (chunk_id, created, last) = (id("chatcmpl-"), now(), chunks.len() - 1);
        let mut events: Vec<Bytes> = chunks
            .into_iter()
            .enumerate()
            .map(|(index, choices)| {
                let mut chunk = json!({
                    "id": chunk_id,
                    "object": "chat.completion.chunk",
                    "created": created,
                    "model": turn.model,
                    "system_fingerprint": null,
                    "choices": choices,
                });
                if let Some((input, output)) = with_usage {
                    chunk["usage"] = if index == last { usage(input, output) } else { Value::Null };
                }
                event(&chunk)
            })
            .collect();
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        events
    }
}

fn asked(body: &Value) -> Result<Asked, Fault> {
    let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages =
        messages.ok_or_else(|| Fault::field("messages", "Missing required parameter: 'messages'."))?;
    let last =
        messages.iter().rev().find(|message| message["role"] != "system" && message["role"] != "developer");
    let text = last.map(|message| text_of(&message["content"])).unwrap_or_default();
    Ok(match last.and_then(|message| message["role"].as_str()) {
        Some("tool" | "function") => Asked::ToolResult(text),
        _ => Asked::Text(without_reminders(&text)),
    })
}

fn usage(input: u64, output: u64) -> Value {
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCall => "tool_calls",
    }
}

#[cfg(test)]
mod tests {
    use super::super::orders::Orders;
    use super::super::wire::tests::events_of;
    use super::*;

    fn request(text: &str) -> Value {
        json!({"model": "any-model", "messages": [
            {"role": "system", "content": "Be kind."}, {"role": "user", "content": text}],
            "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {
                "type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}}}]})
    }

    fn chunks(body: &Value) -> Vec<Value> {
        let turn = Chat.read(body).expect("reads");
        events_of(&Chat.events(&turn, &turn.reply(&Orders::default())))
            .into_iter()
            .map(|(_, data)| data)
            .collect()
    }

    #[test]
    fn a_text_turn_is_a_completion() {
        let turn = Chat.read(&request("hello there")).expect("reads");
        let completion = Chat.whole(&turn, &turn.reply(&Orders::default()));
        let choice = &completion["choices"][0];
        assert_eq!(completion["object"], "chat.completion");
        assert_eq!(choice["finish_reason"], "stop");
        assert!(choice["message"]["content"].as_str().is_some_and(|text| text.contains("hello there")));
        let usage = &completion["usage"];
        assert_eq!(
            usage["total_tokens"].as_u64(),
            usage["prompt_tokens"].as_u64().zip(usage["completion_tokens"].as_u64()).map(|(a, b)| a + b)
        );
    }

    #[test]
    fn a_stream_ends_in_done_and_carries_usage_only_when_asked() {
        let mut body = request("hello");
        let plain = chunks(&body);
        assert_eq!(plain.last(), Some(&json!("[DONE]")));
        assert!(plain.iter().all(|chunk| chunk.get("usage").is_none()));
        assert_eq!(plain[0]["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(plain[plain.len() - 2]["choices"][0]["finish_reason"], "stop");

        body["stream_options"] = json!({"include_usage": true});
        let counted = chunks(&body);
        let last = &counted[counted.len() - 2];
        assert_eq!(last["choices"], json!([]));
        assert!(last["usage"]["completion_tokens"].as_u64() > Some(5));
        assert!(counted[0]["usage"].is_null());
    }

    #[test]
    fn a_tool_is_called_in_one_piece_and_in_parts() {
        let body = request("use get_weather");
        let turn = Chat.read(&body).expect("reads");
        let completion = Chat.whole(&turn, &turn.reply(&Orders::default()));
        let call = &completion["choices"][0]["message"]["tool_calls"][0];
        assert_eq!(completion["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(call["function"]["arguments"], r#"{"city":"Paris"}"#);
        let parts: String = chunks(&body)
            .iter()
            .filter_map(|chunk| {
                let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
                call["function"]["arguments"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(parts, r#"{"city":"Paris"}"#);
    }

    #[test]
    fn a_tool_message_is_a_result() {
        let mut body = request("use get_weather");
        body["messages"][1] = json!({"role": "tool", "tool_call_id": "x", "content": "18 degrees"});
        assert_eq!(Chat.read(&body).expect("reads").asked, Asked::ToolResult("18 degrees".to_owned()));
    }

    #[test]
    fn a_request_without_what_the_vendor_requires_is_refused() {
        for field in ["model", "messages"] {
            let mut body = request("x");
            body[field] = Value::Null;
            assert_eq!(Chat.read(&body).expect_err(field).status, 400);
        }
    }
}
