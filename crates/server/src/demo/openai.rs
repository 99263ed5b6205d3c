//! What OpenAI's two ways of asking have in common.

use serde_json::{Value, json};

use super::turn::{Choice, Tool};
use super::wire::Fault;

pub(super) fn required_model(body: &Value) -> Result<String, Fault> {
    let model = body["model"].as_str().filter(|model| !model.is_empty());
    Ok(model.ok_or_else(|| Fault::field("model", "you must provide a model parameter"))?.to_owned())
}

/// A text, or the texts of a list of parts.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// The functions that the caller declares: under `function` in Chat Completions, flat in Responses.
pub(super) fn tools(body: &Value) -> Vec<Tool> {
    let declared = body["tools"].as_array().into_iter().flatten();
    declared
        .filter(|tool| tool["type"] == "function")
        .filter_map(|tool| {
            let function = tool.get("function").unwrap_or(tool);
            let name = function["name"].as_str()?.to_owned();
            Some(Tool { name, schema: function["parameters"].clone() })
        })
        .collect()
}

pub(super) fn choice(choice: &Value) -> Choice {
    match choice {
        Value::String(word) if word == "none" => Choice::Never,
        Value::String(word) if word == "required" => Choice::Must(None),
        Value::Object(named) if named.get("type") == Some(&json!("function")) => {
            let name = choice.pointer("/function/name").unwrap_or(&choice["name"]);
            Choice::Must(name.as_str().map(str::to_owned))
        }
        _ => Choice::Free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read_in_both_spellings() {
        let body = json!({"tools": [
            {"type": "function", "function": {"name": "nested", "parameters": {"type": "object"}}},
            {"type": "function", "name": "flat", "parameters": {"type": "object"}},
            {"type": "web_search"},
            {"type": "custom", "name": "apply_patch"},
        ]});
        let names: Vec<String> = tools(&body).into_iter().map(|tool| tool.name).collect();
        assert_eq!(names, ["nested", "flat"]);
    }

    #[test]
    fn the_choice_is_read_in_both_spellings() {
        for (value, expected) in [
            (json!(null), Choice::Free),
            (json!("auto"), Choice::Free),
            (json!("none"), Choice::Never),
            (json!("required"), Choice::Must(None)),
            (json!({"type": "function", "function": {"name": "a"}}), Choice::Must(Some("a".to_owned()))),
            (json!({"type": "function", "name": "a"}), Choice::Must(Some("a".to_owned()))),
        ] {
            assert_eq!(choice(&value), expected, "{value}");
        }
    }
}
