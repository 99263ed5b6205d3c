//! OpenAI's Responses.

use bytes::Bytes;
use keywright_providers::Dialect;
use serde_json::{Value, json};

use super::openai::{choice, required_model, text_of, tools};
use super::turn::{Asked, Finish, Reply, Said, Turn, id, middle, now, tokens_in, without_reminders};
use super::wire::{Fault, Wire, named_event};

/// `POST /v1/responses`.
pub(super) struct Responses;

impl Wire for Responses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAi
    }

    fn read(&self, body: &Value) -> Result<Turn, Fault> {
        Ok(Turn {
            model: required_model(body)?,
            stream: body["stream"].as_bool().unwrap_or(false),
            asked: asked(&body["input"])?,
            tools: tools(body),
            choice: choice(&body["tool_choice"]),
            input_tokens: ["instructions", "input", "tools"].iter().map(|f| tokens_in(&body[f])).sum(),
            limit: body["max_output_tokens"].as_u64(),
            schema: Some(body["text"]["format"]["schema"].clone()).filter(Value::is_object),
            stream_usage: true,
            body: body.clone(),
        })
    }

    fn whole(&self, turn: &Turn, reply: &Reply) -> Value {
        finished(&begun(turn), item(reply), reply)
    }

    fn events(&self, turn: &Turn, reply: &Reply) -> Vec<Bytes> {
        let response = begun(turn);
        let whole = item(reply);
        let mut events = vec![
            json!({"type": "response.created", "response": response}),
            json!({"type": "response.in_progress", "response": response}),
        ];
        match &reply.said {
            Said::Words(words) => speak(&mut events, &whole, words),
            Said::Call { .. } => call(&mut events, &whole),
        }
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": whole}));
        let end = finished(&response, whole, reply);
        let kind = if reply.finish == Finish::Length { "response.incomplete" } else { "response.completed" };
        events.push(json!({"type": kind, "response": end}));
        events
            .iter_mut()
            .enumerate()
            .map(|(number, data)| {
                data["sequence_number"] = number.into();
                named_event(data["type"].as_str().unwrap_or_default(), data)
            })
            .collect()
    }
}

/// The events of a message, from its empty beginning to its last word.
fn speak(events: &mut Vec<Value>, whole: &Value, words: &[String]) {
    let mut empty = whole.clone();
    empty["status"] = "in_progress".into();
    empty["content"] = json!([]);
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let at = |kind: &str, field: &str, value: Value| {
        let mut event = json!({"type": kind, "item_id": whole["id"], "output_index": 0, "content_index": 0});
        event[field] = value;
        if kind.starts_with("response.output_text") {
            event["logprobs"] = json!([]);
        }
        event
    };
    events.push(json!({"type": "response.output_item.added", "output_index": 0, "item": empty}));
    events.push(at("response.content_part.added", "part", part("")));
    events.extend(words.iter().map(|word| at("response.output_text.delta", "delta", json!(word))));
    let text = words.concat();
    events.push(at("response.output_text.done", "text", json!(text)));
    events.push(at("response.content_part.done", "part", part(&text)));
}

/// The events of a function call, from its empty beginning to its last argument.
fn call(events: &mut Vec<Value>, whole: &Value) {
    let mut empty = whole.clone();
    empty["status"] = "in_progress".into();
    empty["arguments"] = "".into();
    let arguments = whole["arguments"].as_str().unwrap_or_default();
    let at = |kind: &str, field: &str, text: &str| {
        let mut event = json!({"type": kind, "item_id": whole["id"], "output_index": 0});
        event[field] = text.into();
        event
    };
    let (start, end) = arguments.split_at(middle(arguments));
    events.push(json!({"type": "response.output_item.added", "output_index": 0, "item": empty}));
    for part in [start, end] {
        events.push(at("response.function_call_arguments.delta", "delta", part));
    }
    events.push(at("response.function_call_arguments.done", "arguments", arguments));
}

fn item(reply: &Reply) -> Value {
    match &reply.said {
        Said::Words(words) => json!({
            "id": id("msg_"),
            "type": "message",
            "status": if reply.finish == Finish::Length { "incomplete" } else { "completed" },
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": words.concat(), "annotations": [], "logprobs": []},
            ],
        }),
        Said::Call { name, arguments } => json!({
            "id": id("fc_"),
            "type": "function_call",
            "status": "completed",
            "call_id": id("call_"),
            "name": name,
            "arguments": arguments.to_string(),
        }),
    }
}

fn begun(turn: &Turn) -> Value {
    let given = |field: &str, otherwise: Value| match &turn.body[field] {
        Value::Null => otherwise,
        value => value.clone(),
    };
    json!({
        "id": id("resp_"),
        "object": "response",
        "created_at": now(),
        "status": "in_progress",
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": given("instructions", Value::Null),
        "max_output_tokens": given("max_output_tokens", Value::Null),
        "metadata": given("metadata", json!({})),
        "model": turn.model,
        "output": [],
        "parallel_tool_calls": given("parallel_tool_calls", json!(true)),
        "previous_response_id": given("previous_response_id", Value::Null),
        "reasoning": {"effort": null, "summary": null},
        "store": given("store", json!(true)),
        "temperature": 1.0,
        "text": given("text", json!({"format": {"type": "text"}})),
        "tool_choice": given("tool_choice", json!("auto")),
        "tools": given("tools", json!([])),
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
    })
}

fn finished(begun: &Value, item: Value, reply: &Reply) -> Value {
    let mut response = begun.clone();
    response["output"] = json!([item]);
    if reply.finish == Finish::Length {
        response["status"] = "incomplete".into();
        response["incomplete_details"] = json!({"reason": "max_output_tokens"});
    } else {
        response["status"] = "completed".into();
    }
    if let Some((input, output)) = reply.usage {
        response["usage"] = json!({
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input + output,
        });
    }
    response
}

/// The last item of the input, or its only text.
fn asked(input: &Value) -> Result<Asked, Fault> {
    let items = match input {
        Value::String(text) => return Ok(Asked::Text(without_reminders(text))),
        Value::Array(items) if !items.is_empty() => items,
        _ => return Err(Fault::field("input", "Missing required parameter: 'input'.")),
    };
    let last = items.iter().rev().find(|item| item["role"] != "system" && item["role"] != "developer");
    let Some(last) = last else { return Ok(Asked::Text(String::new())) };
    let output = last["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output"));
    Ok(if output {
        Asked::ToolResult(text_of(&last["output"]))
    } else {
        Asked::Text(without_reminders(&text_of(&last["content"])))
    })
}

#[cfg(test)]
mod tests {
    use super::super::orders::Orders;
    use super::super::wire::tests::events_of;
    use super::*;

    fn request(input: Value) -> Value {
        json!({"model": "any-model", "input": input, "tools": [{"type": "function", "name": "get_weather",
            "parameters": {"type": "object", "required": ["city"],
                "properties": {"city": {"type": "string"}}}}]})
    }

    fn events(body: &Value) -> Vec<(String, Value)> {
        let turn = Responses.read(body).expect("reads");
        events_of(&Responses.events(&turn, &turn.reply(&Orders::default())))
    }

    fn names(events: &[(String, Value)]) -> Vec<&str> {
        let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names
    }

    #[test]
    fn a_text_turn_is_a_response() {
        let turn = Responses.read(&request(json!("hello there"))).expect("reads");
        let response = Responses.whole(&turn, &turn.reply(&Orders::default()));
        assert_eq!(response["status"], "completed");
        let text = response["output"][0]["content"][0]["text"].as_str();
        assert!(text.is_some_and(|text| text.contains("hello there")));
        assert!(response["usage"]["total_tokens"].as_u64() > response["usage"]["input_tokens"].as_u64());
    }

    #[test]
    fn a_stream_has_the_events_of_the_vendor_in_order() {
        let events = events(&request(json!([
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}])));
        assert_eq!(
            names(&events),
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed"
            ]
        );
        for (number, (name, data)) in events.iter().enumerate() {
            assert_eq!(data["sequence_number"], number);
            assert_eq!(data["type"], name.as_str());
        }
        let end = &events[events.len() - 1].1["response"];
        assert_eq!(end["id"], events[0].1["response"]["id"]);
        assert!(end["usage"]["output_tokens"].as_u64() > Some(5));
    }

    #[test]
    fn a_tool_is_called_in_one_piece_and_in_parts() {
        let events = events(&request(json!("use get_weather")));
        assert_eq!(
            names(&events)[2..],
            [
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.completed"
            ]
        );
        let call = &events[events.len() - 1].1["response"]["output"][0];
        assert_eq!(call["type"], "function_call");
        assert_eq!(call["arguments"], r#"{"city":"Paris"}"#);
    }

    #[test]
    fn an_output_of_a_call_is_a_result() {
        let input = json!([
            {"role": "user", "content": "use get_weather"},
            {"type": "function_call", "call_id": "x", "name": "get_weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "x", "output": "18 degrees"},
        ]);
        let turn = Responses.read(&request(input)).expect("reads");
        assert_eq!(turn.asked, Asked::ToolResult("18 degrees".to_owned()));
    }

    #[test]
    fn an_answer_cut_short_by_the_limit_is_incomplete() {
        let mut body = request(json!("hello"));
        body["max_output_tokens"] = json!(2);
        let events = events(&body);
        let (name, data) = &events[events.len() - 1];
        assert_eq!(name, "response.incomplete");
        assert_eq!(data["response"]["incomplete_details"]["reason"], "max_output_tokens");
    }
}
