//! The models of the demo provider. Any other name is served as well.

use keywright_providers::Dialect;
use serde_json::{Value, json};

/// All models.
pub(super) fn list(dialect: Dialect) -> Value {
    let all: Vec<Value> = NAMES.iter().map(|name| one(dialect, name)).collect();
    match dialect {
        Dialect::Anthropic => {
            json!({"data": all, "has_more": false, "first_id": NAMES[0], "last_id": NAMES[NAMES.len() - 1]})
        }
        Dialect::OpenAi => json!({"object": "list", "data": all}),
        Dialect::Gemini => json!({"models": all}),
    }
}

/// One model.
pub(super) fn one(dialect: Dialect, name: &str) -> Value {
    match dialect {
        Dialect::Anthropic => json!({
            "type": "model",
            "id": name,
            "display_name": title(name),
            "created_at": "2026-01-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
        }),
        Dialect::OpenAi => {
            json!({"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "keywright"})
        }
        Dialect::Gemini => json!({
            "name": format!("models/{name}"),
            "version": "1",
            "displayName": title(name),
            "description": "Keywright's demo provider; no model.",
            "inputTokenLimit": 200_000,
            "outputTokenLimit": 64_000,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }),
    }
}

fn title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    words.collect::<Vec<String>>().join(" ")
}

const NAMES: [&str; 2] = ["demo-small", "demo-large"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_lists_the_same_models_in_its_own_shape() {
        assert_eq!(list(Dialect::Anthropic)["data"][0]["display_name"], "Demo Small");
        assert_eq!(list(Dialect::OpenAi)["data"][1]["id"], "demo-large");
        assert_eq!(list(Dialect::Gemini)["models"][0]["name"], "models/demo-small");
    }
}
