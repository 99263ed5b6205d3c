//! Google's Gemini API.

use bytes::Bytes;
use keywright_providers::Dialect;
use serde_json::{Value, json};

use super::place::Verb;
use super::turn::{Asked, Choice, Finish, Reply, Said, Tool, Turn, id, tokens_in, without_reminders};
use super::wire::{Fault, Wire, event};

/// `POST /v1beta/models/{model}:generateContent` and its streamed forms.
pub(super) struct Generate {
    model: String,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Whole,
    Events,
    Array,
}

impl Generate {
    /// The turn that `verb` asks for; counting tokens is none.
    pub(super) fn of(model: &str, verb: Verb) -> Option<Self> {
        let form = match verb {
            Verb::Generate => Form::Whole,
            Verb::StreamEvents => Form::Events,
            Verb::StreamArray => Form::Array,
            Verb::Count => return None,
        };
        Some(Self { model: model.to_owned(), form })
    }
}

/// Google has two fields for it, in two dialects of JSON schema.
fn schema(config: &Value) -> Option<Value> {
    ["responseJsonSchema", "responseSchema"].iter().find_map(|name| config.get(*name)).cloned()
}

impl Wire for Generate {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn read(&self, body: &Value) -> Result<Turn, Fault> {
        Ok(Turn {
            model: self.model.clone(),
            stream: self.form != Form::Whole,
            asked: asked(body)?,
            tools: tools(body),
            choice: choice(&body["toolConfig"]["functionCallingConfig"]),
            input_tokens: input_tokens(body),
            limit: body["generationConfig"]["maxOutputTokens"].as_u64(),
            schema: schema(&body["generationConfig"]),
            stream_usage: true,
            body: Value::Null,
        })
    }

    fn whole(&self, turn: &Turn, reply: &Reply) -> Value {
        let part = match &reply.said {
            Said::Words(words) => json!({"text": words.concat()}),
            Said::Call { name, arguments } => call(name, arguments),
        };
        chunk(turn, &id(""), part, Some(reply.finish), reply.usage)
    }

    fn events(&self, turn: &Turn, reply: &Reply) -> Vec<Bytes> {
        let response_id = id("");
        let parts: Vec<Value> = match &reply.said {
            Said::Words(words) => words.iter().map(|word| json!({"text": word})).collect(),
            Said::Call { name, arguments } => vec![call(name, arguments)],
        };
        let last = parts.len() - 1;
        let chunks = parts.into_iter().enumerate().map(|(index, part)| {
            // The counts are cumulative: each chunk's stand for the answer so far.
            let so_far = |(input, output): (u64, u64)| {
                (input, if index == last { output } else { output.min(index as u64 + 1) })
            };
            let finish = (index == last).then_some(reply.finish);
            (index, chunk(turn, &response_id, part, finish, reply.usage.map(so_far)))
        });
        if self.form == Form::Events {
            return chunks.map(|(_, chunk)| event(&chunk)).collect();
        }
        chunks
            .map(|(index, chunk)| {
                let before = if index == 0 { "[" } else { ",\r\n" };
                let after = if index == last { "]" } else { "" };
                Bytes::from(format!("{before}{chunk}{after}"))
            })
            .collect()
    }

    fn stream_type(&self) -> &'static str {
        match self.form {
            Form::Array => "application/json; charset=UTF-8",
            Form::Events | Form::Whole => "text/event-stream",
        }
    }
}

/// `POST /v1beta/models/{model}:countTokens`.
pub(super) fn count(body: &Value) -> Result<Value, Fault> {
    let counted = body.get("generateContentRequest").unwrap_or(body);
    asked(counted)?;
    let total = input_tokens(counted);
    Ok(json!({
        "totalTokens": total,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}],
    }))
}

/// The last of the contents; a function's response in it counts before its text.
fn asked(body: &Value) -> Result<Asked, Fault> {
    let contents = body["contents"].as_array().filter(|contents| !contents.is_empty());
    let last = contents
        .and_then(|contents| contents.last())
        .ok_or_else(|| Fault::new(400, "* GenerateContentRequest.contents: contents is not specified\n"))?;
    let parts = last["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let results: Vec<String> = parts
        .iter()
        .filter_map(|part| part.get("functionResponse"))
        .map(|result| texts_in(&result["response"]))
        .collect();
    if !results.is_empty() {
        return Ok(Asked::ToolResult(results.join("\n")));
    }
    let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    Ok(Asked::Text(without_reminders(&texts.join("\n"))))
}

/// What a function returned: the SDKs wrap a plain value in an object of one field.
fn texts_in(response: &Value) -> String {
    let only = response.as_object().filter(|fields| fields.len() == 1).and_then(|f| f.values().next());
    match only.unwrap_or(response) {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn tools(body: &Value) -> Vec<Tool> {
    let declared = body["tools"].as_array().into_iter().flatten();
    declared
        .filter_map(|tool| tool["functionDeclarations"].as_array())
        .flatten()
        .filter_map(|function| {
            let schema = function.get("parametersJsonSchema").unwrap_or(&function["parameters"]);
            Some(Tool { name: function["name"].as_str()?.to_owned(), schema: schema.clone() })
        })
        .collect()
}

fn choice(configuration: &Value) -> Choice {
    match configuration["mode"].as_str() {
        Some("NONE") => Choice::Never,
        Some("ANY") => Choice::Must(configuration["allowedFunctionNames"][0].as_str().map(str::to_owned)),
        _ => Choice::Free,
    }
}

fn input_tokens(body: &Value) -> u64 {
    ["systemInstruction", "contents", "tools"].iter().map(|field| tokens_in(&body[field])).sum()
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({"functionCall": {"name": name, "args": arguments}})
}

fn chunk(
    turn: &Turn,
    response_id: &str,
    part: Value,
    finish: Option<Finish>,
    usage: Option<(u64, u64)>,
) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": [part]}, "index": 0});
    if let Some(finish) = finish {
        // A function call ends with STOP as well.
        candidate["finishReason"] = if finish == Finish::Length { "MAX_TOKENS" } else { "STOP" }.into();
    }
    let mut chunk = json!({"candidates": [candidate], "modelVersion": turn.model, "responseId": response_id});
    if let Some((input, output)) = usage {
        chunk["usageMetadata"] = json!({
            "promptTokenCount": input,
            "candidatesTokenCount": output,
            "totalTokenCount": input + output,
        });
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::super::orders::Orders;
    use super::super::wire::tests::events_of;
    use super::*;

    fn request(parts: Value) -> Value {
        json!({"contents": [{"role": "user", "parts": parts}], "tools": [{"functionDeclarations": [
            {"name": "get_weather", "parameters": {"type": "OBJECT", "required": ["city"],
                "properties": {"city": {"type": "STRING"}}}}]}]})
    }

    fn generate(verb: Verb) -> Generate {
        Generate::of("any-model", verb).expect("a turn")
    }

    #[test]
    fn a_text_turn_is_a_candidate() {
        let wire = generate(Verb::Generate);
        let turn = wire.read(&request(json!([{"text": "hello there"}]))).expect("reads");
        let answer = wire.whole(&turn, &turn.reply(&Orders::default()));
        let candidate = &answer["candidates"][0];
        assert_eq!(candidate["finishReason"], "STOP");
        let text = candidate["content"]["parts"][0]["text"].as_str();
        assert!(text.is_some_and(|text| text.contains("hello there")));
        assert_eq!(answer["modelVersion"], "any-model");
        assert!(answer["usageMetadata"]["candidatesTokenCount"].as_u64() > Some(5));
    }

    #[test]
    fn both_forms_of_a_stream_carry_the_same_chunks() {
        let wire = generate(Verb::StreamEvents);
        let turn = wire.read(&request(json!([{"text": "hello"}]))).expect("reads");
        let reply = turn.reply(&Orders::default());
        let events = events_of(&wire.events(&turn, &reply));
        let array = generate(Verb::StreamArray).events(&turn, &reply).concat();
        let array: Vec<Value> = serde_json::from_slice(&array).expect("an array");
        assert_eq!(events.len(), array.len());
        let counts: Vec<u64> =
            array.iter().filter_map(|c| c["usageMetadata"]["candidatesTokenCount"].as_u64()).collect();
        assert!(counts.is_sorted() && counts.len() == array.len(), "{counts:?}");
        assert_eq!(Some(*counts.last().expect("one")), reply.usage.map(|(_, output)| output));
        let finished = array.iter().filter(|chunk| chunk["candidates"][0].get("finishReason").is_some());
        assert_eq!(finished.count(), 1);
    }

    #[test]
    fn a_function_is_called_and_its_response_quoted() {
        let wire = generate(Verb::Generate);
        let turn = wire.read(&request(json!([{"text": "use get_weather"}]))).expect("reads");
        let answer = wire.whole(&turn, &turn.reply(&Orders::default()));
        let call = &answer["candidates"][0]["content"]["parts"][0]["functionCall"];
        assert_eq!(*call, json!({"name": "get_weather", "args": {"city": "Paris"}}));

        let result = json!([{"functionResponse": {"name": "get_weather", "response": {"result": "18 C"}}}]);
        let turn = wire.read(&request(result)).expect("reads");
        assert_eq!(turn.asked, Asked::ToolResult("18 C".to_owned()));
    }

    #[test]
    fn counting_gives_what_the_turn_reports_in_both_spellings() {
        let body = request(json!([{"text": "hello"}]));
        let turn = generate(Verb::Generate).read(&body).expect("reads");
        assert_eq!(count(&body).expect("counts")["totalTokens"], turn.input_tokens);
        let wrapped = json!({"generateContentRequest": body});
        assert_eq!(count(&wrapped).expect("counts")["totalTokens"], turn.input_tokens);
        assert_eq!(count(&json!({})).expect_err("no contents").status, 400);
    }
}
