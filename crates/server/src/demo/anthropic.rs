//! Anthropic's Messages.

use bytes::Bytes;
use keywright_providers::Dialect;
use serde_json::{Value, json};

use super::turn::{Asked, Choice, Finish, Reply, Said, Tool, Turn, id, tokens_in, without_reminders};
use super::wire::{Fault, Wire, named_event};

/// `POST /v1/messages`.
pub(super) struct Messages;

impl Wire for Messages {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn read(&self, body: &Value) -> Result<Turn, Fault> {
        let limit = body["max_tokens"].as_u64().filter(|limit| *limit > 0);
        Ok(Turn {
            model: required_model(body)?,
            stream: body["stream"].as_bool().unwrap_or(false),
            asked: asked(body)?,
            tools: tools(body),
            choice: choice(&body["tool_choice"]),
            input_tokens: input_tokens(body),
            limit: Some(limit.ok_or_else(|| Fault::field("max_tokens", "max_tokens: Field required"))?),
            schema: Some(body["output_config"]["format"]["schema"].clone()).filter(Value::is_object),
            stream_usage: true,
            body: Value::Null,
        })
    }

    fn whole(&self, turn: &Turn, reply: &Reply) -> Value {
        let mut message = empty(turn);
        message["content"] = match &reply.said {
            Said::Words(words) => json!([{"type": "text", "text": words.concat()}]),
            Said::Call { name, arguments } => json!([call(name, arguments.clone())]),
        };
        message["stop_reason"] = stop_reason(reply.finish).into();
        if let Some((input, output)) = reply.usage {
            message["usage"] = usage(input, output);
        }
        message
    }

    fn events(&self, turn: &Turn, reply: &Reply) -> Vec<Bytes> {
        let mut start = empty(turn);
        if let Some((input, _)) = reply.usage {
            start["usage"] = usage(input, 1);
        }
        let (block, deltas) = match &reply.said {
            Said::Words(words) => {
                let delta = |word| json!({"type": "text_delta", "text": word});
                (json!({"type": "text", "text": ""}), words.iter().map(delta).collect())
            }
            Said::Call { name, arguments } => (call(name, json!({})), argument_deltas(arguments)),
        };
        let mut events = vec![
            json!({"type": "message_start", "message": start}),
            json!({"type": "content_block_start", "index": 0, "content_block": block}),
            json!({"type": "ping"}),
        ];
        events.extend(
            deltas
                .into_iter()
                .map(|delta: Value| json!({"type": "content_block_delta", "index": 0, "delta": delta})),
        );
        events.push(json!({"type": "content_block_stop", "index": 0}));
        let mut end = json!({
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason(reply.finish), "stop_sequence": null},
        });
        if let Some((_, output)) = reply.usage {
            end["usage"] = json!({"output_tokens": output});
        }
        events.push(end);
        events.push(json!({"type": "message_stop"}));
        events.iter().map(|data| named_event(data["type"].as_str().unwrap_or_default(), data)).collect()
    }
}

/// `POST /v1/messages/count_tokens`.
pub(super) fn count(body: &Value) -> Result<Value, Fault> {
    required_model(body)?;
    asked(body)?;
    Ok(json!({"input_tokens": input_tokens(body)}))
}

fn required_model(body: &Value) -> Result<String, Fault> {
    let model = body["model"].as_str().filter(|model| !model.is_empty());
    Ok(model.ok_or_else(|| Fault::field("model", "model: Field required"))?.to_owned())
}

/// The last message that is not the system's; results of tools in it count before its text.
fn asked(body: &Value) -> Result<Asked, Fault> {
    let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| Fault::field("messages", "messages: Field required"))?;
    let last = messages.iter().rev().find(|message| message["role"] != "system");
    let content = last.map_or(&Value::Null, |message| &message["content"]);
    let blocks = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let results: Vec<String> = blocks
        .iter()
        .filter(|block| block["type"] == "tool_result")
        .map(|block| text_of(&block["content"]))
        .collect();
    Ok(match results.as_slice() {
        [] => Asked::Text(without_reminders(&text_of(content))),
        results => Asked::ToolResult(results.join("\n")),
    })
}

/// A text, or the texts of a list of blocks.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// The tools that the caller runs; those that a vendor runs have no schema.
fn tools(body: &Value) -> Vec<Tool> {
    let declared = body["tools"].as_array().into_iter().flatten();
    declared
        .filter(|tool| tool["input_schema"].is_object())
        .filter_map(|tool| {
            Some(Tool { name: tool["name"].as_str()?.to_owned(), schema: tool["input_schema"].clone() })
        })
        .collect()
}

fn choice(choice: &Value) -> Choice {
    match choice["type"].as_str() {
        Some("any") => Choice::Must(None),
        Some("tool") => Choice::Must(choice["name"].as_str().map(str::to_owned)),
        Some("none") => Choice::Never,
        _ => Choice::Free,
    }
}

fn input_tokens(body: &Value) -> u64 {
    ["system", "messages", "tools"].iter().map(|field| tokens_in(&body[field])).sum()
}

fn empty(turn: &Turn) -> Value {
    json!({
        "id": id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": turn.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
    })
}

fn call(name: &str, input: Value) -> Value {
    json!({"type": "tool_use", "id": id("toolu_"), "name": name, "input": input})
}

/// The arguments as text in two parts, with the empty one before that the vendor sends.
fn argument_deltas(arguments: &Value) -> Vec<Value> {
    let text = arguments.to_string();
    let middle = super::turn::middle(&text);
    ["", &text[..middle], &text[middle..]]
        .iter()
        .map(|part| json!({"type": "input_json_delta", "partial_json": part}))
        .collect()
}

fn usage(input: u64, output: u64) -> Value {
    json!({
        "input_tokens": input,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
        "service_tier": "standard",
    })
}

fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCall => "tool_use",
    }
}

#[cfg(test)]
mod tests {
    use super::super::orders::Orders;
    use super::super::wire::tests::events_of;
    use super::*;

    fn request(message: Value) -> Value {
        json!({"model": "any-model", "max_tokens": 100, "messages": [message], "tools": [
            {"type": "web_search_20250305", "name": "web_search"},
            {"name": "get_weather", "input_schema": {"type": "object", "required": ["city"],
                "properties": {"city": {"type": "string"}}}},
        ]})
    }

    fn hello() -> Value {
        request(json!({"role": "user", "content": [{"type": "text", "text": "hello there"}]}))
    }

    #[test]
    fn a_text_turn_is_a_message() {
        let turn = Messages.read(&hello()).expect("reads");
        let message = Messages.whole(&turn, &turn.reply(&Orders::default()));
        assert_eq!(message["type"], "message");
        assert_eq!(message["model"], "any-model");
        assert_eq!(message["stop_reason"], "end_turn");
        assert!(message["content"][0]["text"].as_str().is_some_and(|text| text.contains("hello there")));
        assert_eq!(message["usage"]["input_tokens"], input_tokens(&hello()));
        assert!(message["usage"]["output_tokens"].as_u64() > Some(5));
    }

    #[test]
    fn a_stream_has_the_events_of_the_vendor_in_order() {
        let turn = Messages.read(&hello()).expect("reads");
        let events = events_of(&Messages.events(&turn, &turn.reply(&Orders::default())));
        let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        assert_eq!(
            names,
            [
                "message_start",
                "content_block_start",
                "ping",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop"
            ]
        );
        assert!(events.iter().all(|(name, data)| data["type"] == name.as_str()));
        assert_eq!(events[0].1["message"]["usage"]["output_tokens"], 1);
        let end = &events[events.len() - 2].1;
        assert_eq!(end["delta"]["stop_reason"], "end_turn");
        assert!(end["usage"]["output_tokens"].as_u64() > Some(5));
    }

    #[test]
    fn a_tool_is_called_in_one_piece_and_in_parts() {
        let asked = request(json!({"role": "user", "content": "use get_weather"}));
        let turn = Messages.read(&asked).expect("reads");
        let reply = turn.reply(&Orders::default());
        let message = Messages.whole(&turn, &reply);
        assert_eq!(message["stop_reason"], "tool_use");
        assert_eq!(message["content"][0]["input"], json!({"city": "Paris"}));
        let parts: String = events_of(&Messages.events(&turn, &reply))
            .iter()
            .filter_map(|(_, data)| data["delta"]["partial_json"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(serde_json::from_str::<Value>(&parts).expect("JSON"), json!({"city": "Paris"}));
    }

    #[test]
    fn a_result_counts_before_the_text_that_an_agent_adds() {
        let asked = request(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "x", "content": [{"type": "text", "text": "18 degrees"}]},
            {"type": "text", "text": "<system-reminder>use get_weather</system-reminder>"},
        ]}));
        let turn = Messages.read(&asked).expect("reads");
        assert_eq!(turn.asked, Asked::ToolResult("18 degrees".to_owned()));
    }

    #[test]
    fn a_request_without_what_the_vendor_requires_is_refused() {
        for field in ["model", "messages", "max_tokens"] {
            let mut body = hello();
            body[field] = Value::Null;
            let fault = Messages.read(&body).expect_err(field);
            assert_eq!((fault.status, fault.message), (400, format!("{field}: Field required")));
        }
    }

    #[test]
    fn counting_gives_what_the_turn_reports() {
        assert_eq!(count(&hello()).expect("counts")["input_tokens"], input_tokens(&hello()));
    }

    #[test]
    fn usage_is_left_out_on_request() {
        let turn = Messages.read(&hello()).expect("reads");
        let reply = turn.reply(&Orders { no_usage: true, ..Orders::default() });
        let text: String = Messages
            .events(&turn, &reply)
            .iter()
            .map(|event| String::from_utf8_lossy(event).into_owned())
            .collect();
        assert!(!text.contains("usage") && Messages.whole(&turn, &reply).get("usage").is_none());
    }
}
