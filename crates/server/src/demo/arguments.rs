//! Arguments for a tool, made up from its JSON schema.

use serde_json::{Map, Value, json};

/// A value that fits `schema`: the required properties, with plausible texts. What the schema says in
/// ways not looked at here (patterns, ranges of dates) may be missed.
pub(super) fn fill(schema: &Value) -> Value {
    match value(schema, schema, "", 0) {
        filled @ Value::Object(_) => filled,
        _ => json!({}),
    }
}

fn value(schema: &Value, root: &Value, name: &str, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| root.pointer(path.trim_start_matches('#')))
    {
        return value(target, root, name, depth + 1);
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema.get("default")).filter(|v| !v.is_null()) {
        return fixed.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|choices| choices.first()) {
        return first.clone();
    }
    for list in ["anyOf", "oneOf", "allOf"] {
        let choices = schema[list].as_array().into_iter().flatten();
        if let Some(choice) = choices.into_iter().find(|choice| type_of(choice) != "null") {
            return value(choice, root, name, depth + 1);
        }
    }
    match type_of(schema).as_str() {
        "object" => object(schema, root, depth),
        "array" => {
            let least = schema["minItems"].as_u64().unwrap_or(u64::from(is_command(name))).min(MOST_ITEMS);
            if is_command(name) {
                return json!(["echo", "keywright-demo"]);
            }
            (0..least).map(|_| value(&schema["items"], root, name, depth + 1)).collect()
        }
        "integer" => schema["minimum"].as_i64().map_or(json!(1), |least| json!(least.max(1))),
        "number" => schema["minimum"].as_f64().map_or(json!(1.5), |least| json!(least.max(1.5))),
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => json!(text(name)),
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let properties = &schema["properties"];
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut filled = Map::new();
    for name in required {
        filled.insert(name.to_owned(), value(&properties[name], root, name, depth + 1));
    }
    // A shell's caller is shown what the command does before it is asked to allow it.
    if filled.contains_key("command") && properties["description"].is_object() {
        filled.insert("description".to_owned(), json!(text("description")));
    }
    Value::Object(filled)
}

/// The type of a schema, in lower case: Google writes them in upper case. Of several the first that is
/// not null; none but properties is an object.
fn type_of(schema: &Value) -> String {
    let kind = match &schema["type"] {
        Value::String(kind) => kind.to_lowercase(),
        Value::Array(kinds) => {
            let kind = kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null");
            kind.unwrap_or("null").to_lowercase()
        }
        _ => String::new(),
    };
    if kind.is_empty() && schema["properties"].is_object() { "object".to_owned() } else { kind }
}

fn is_command(name: &str) -> bool {
    matches!(name, "command" | "cmd")
}

fn text(name: &str) -> &'static str {
    match name {
        "command" | "cmd" => "echo keywright-demo",
        "description" => "Print a line",
        "city" | "location" | "place" => "Paris",
        "country" => "France",
        "date" => "2026-01-01",
        "url" | "uri" => "https://example.com/",
        "email" => "somebody@example.com",
        "path" | "file_path" | "filename" => "README.md",
        "query" | "pattern" | "search" => "keywright",
        _ => "demo",
    }
}

const DEEPEST: usize = 8;
const MOST_ITEMS: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_properties_are_filled_with_values_of_their_type() {
        for (schema, expected) in [
            (json!({}), json!({})),
            (json!(null), json!({})),
            (
                json!({"type": "object", "required": ["city"], "properties": {
                    "city": {"type": "string"}, "unit": {"type": "string"}}}),
                json!({"city": "Paris"}),
            ),
            (
                json!({"type": "OBJECT", "required": ["n", "ok", "x"], "properties": {
                    "n": {"type": "INTEGER", "minimum": 3}, "ok": {"type": "BOOLEAN"}, "x": {"type": "NUMBER"}}}),
                json!({"n": 3, "ok": true, "x": 1.5}),
            ),
            (
                json!({"required": ["unit", "tags", "who"], "properties": {
                    "unit": {"enum": ["c", "f"]},
                    "tags": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                    "who": {"type": ["null", "object"], "required": ["name"], "properties": {}}}}),
                json!({"unit": "c", "tags": ["demo"], "who": {"name": "demo"}}),
            ),
            (
                json!({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/A"}},
                    "$defs": {"A": {"anyOf": [{"type": "null"}, {"type": "string", "const": "x"}]}}}),
                json!({"a": "x"}),
            ),
        ] {
            assert_eq!(fill(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_shell_is_asked_to_print_a_line() {
        let schema = json!({"type": "object", "required": ["command"], "properties": {
            "command": {"type": "string"}, "description": {"type": "string"}, "timeout": {"type": "number"}}});
        assert_eq!(fill(&schema), json!({"command": "echo keywright-demo", "description": "Print a line"}));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}});
        assert!(fill(&schema)["next"].is_object());
    }
}
