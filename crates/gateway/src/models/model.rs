//! A model as a provider lists it, read from any dialect and written in any.

use keywright_protocol::Timestamp;
use keywright_providers::Dialect;
use keywright_secret::mentions_token;
use serde_json::{Map, Value, json};

/// A model of one provider.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// What is sent as `model`.
    pub(super) id: String,
    /// Its name for people, if it has one besides its id.
    pub(super) display_name: Option<String>,
    /// Since when there is such a model, where the provider says.
    pub(super) created_at: Option<Timestamp>,
    /// The dialect of `listed`.
    dialect: Dialect,
    /// All that the provider said of it.
    listed: Map<String, Value>,
}

/// One page of a provider's list, and what to ask for the next one with.
pub(super) struct Page {
    pub(super) models: Vec<Model>,
    pub(super) next: Option<String>,
}

impl Page {
    /// Reads a list; `None` when it is none. Entries that name no model are left out.
    pub(super) fn read(dialect: Dialect, body: &[u8]) -> Option<Self> {
        let Value::Object(mut list) = serde_json::from_slice(body).ok()? else { return None };
        let field = if dialect == Dialect::Gemini { "models" } else { "data" };
        let entries = match list.remove(field) {
            Some(Value::Array(entries)) => entries,
            // Gemini leaves an empty list out.
            None if dialect == Dialect::Gemini && list.is_empty() => Vec::new(),
            _ => return None,
        };
        let text = |name: &str| list.get(name).and_then(Value::as_str).map(str::to_owned);
        let next = match dialect {
            Dialect::Anthropic if list.get("has_more") == Some(&Value::Bool(true)) => text("last_id"),
            Dialect::Gemini => text("nextPageToken").filter(|token| !token.is_empty()),
            Dialect::Anthropic | Dialect::OpenAi => None,
        };
        let models = entries.into_iter().filter_map(|entry| Model::read(dialect, entry)).collect();
        Some(Self { models, next })
    }
}

impl Model {
    /// Reads one entry of a list.
    pub(super) fn read(dialect: Dialect, entry: Value) -> Option<Self> {
        let Value::Object(listed) = entry else { return None };
        let text = |name: &str| listed.get(name).and_then(Value::as_str).map(str::to_owned);
        let (id, display_name) = match dialect {
            Dialect::Anthropic => (text("id")?, text("display_name")),
            Dialect::OpenAi => (text("id")?, text("name")),
            Dialect::Gemini => {
                let name = text("name")?;
                (name.strip_prefix("models/").unwrap_or(&name).to_owned(), text("displayName"))
            }
        };
        let good = !id.is_empty()
            && id.len() <= LONGEST_ID
            && !id.chars().any(char::is_control)
            && !mentions_token(id.as_bytes());
        let created_at = match listed.get("created").and_then(Value::as_i64) {
            Some(seconds) => seconds.checked_mul(1_000).map(Timestamp),
            None => text("created_at").and_then(|text| Timestamp::parse(&text)),
        };
        good.then_some(Self { id, display_name, created_at, dialect, listed })
    }

    /// The model as `provider` would list it in that dialect. What the provider itself says in it stands as
    /// it is; only what the dialect's clients cannot do without is added.
    pub(super) fn write(&self, dialect: Dialect, provider: &str) -> Value {
        let own = dialect == self.dialect;
        let mut entry = if own { self.listed.clone() } else { Map::new() };
        let name = self.display_name.as_deref().unwrap_or(&self.id);
        let needed = match dialect {
            Dialect::Anthropic => json!({
                "type": "model",
                "id": self.id,
                "display_name": name,
                // The vendor's own word for an unknown date.
                "created_at": self.created_at.unwrap_or(Timestamp(0)),
            }),
            Dialect::OpenAi => json!({
                "id": self.id,
                "object": "model",
                "created": self.created_at.map_or(0, |at| at.0.div_euclid(1_000)),
                "owned_by": provider,
            }),
            // What another dialect's model can be asked for on gemini's paths: nothing.
            Dialect::Gemini => json!({
                "name": format!("models/{}", self.id),
                "displayName": name,
                "supportedGenerationMethods": [],
            }),
        };
        if let Value::Object(needed) = needed {
            for (field, value) in needed {
                entry.entry(field).or_insert(value);
            }
        }
        Value::Object(entry)
    }
}

const LONGEST_ID: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn one(dialect: Dialect, entry: Value) -> Model {
        Model::read(dialect, entry).expect("a model")
    }

    #[test]
    fn what_a_provider_says_stands_and_what_clients_need_is_added() {
        let model = one(Dialect::OpenAi, json!({"id": "m", "context_length": 9, "owned_by": "someone"}));
        let own = model.write(Dialect::OpenAi, "groq");
        assert_eq!(
            own,
            json!({"id": "m", "object": "model", "created": 0, "owned_by": "someone", "context_length": 9})
        );
        let other = model.write(Dialect::Anthropic, "groq");
        assert_eq!(
            other,
            json!({"type": "model", "id": "m", "display_name": "m", "created_at": "1970-01-01T00:00:00.000Z"})
        );
        let gemini = model.write(Dialect::Gemini, "groq");
        assert_eq!(gemini, json!({"name": "models/m", "displayName": "m", "supportedGenerationMethods": []}));
    }

    #[test]
    fn a_date_is_the_same_in_every_dialect() {
        let dated =
            json!({"type": "model", "id": "c", "display_name": "C", "created_at": "2026-01-01T00:00:00Z"});
        let model = one(Dialect::Anthropic, dated);
        assert_eq!(model.write(Dialect::OpenAi, "anthropic")["created"], 1_767_225_600);
        let back = one(Dialect::OpenAi, json!({"id": "c", "created": 1_767_225_600}));
        assert_eq!(back.write(Dialect::Anthropic, "x")["created_at"], "2026-01-01T00:00:00.000Z");
    }

    #[test]
    fn pages_are_read_with_what_leads_to_the_next() {
        for (dialect, body, ids, next) in [
            (
                Dialect::Anthropic,
                json!({"data": [{"id": "a"}], "has_more": true, "last_id": "a"}),
                vec!["a"],
                Some("a"),
            ),
            (Dialect::Anthropic, json!({"data": [], "has_more": false, "last_id": "a"}), vec![], None),
            (
                Dialect::OpenAi,
                json!({"object": "list", "data": [{"id": "o"}, {"id": 7}, "x"]}),
                vec!["o"],
                None,
            ),
            (
                Dialect::Gemini,
                json!({"models": [{"name": "models/g"}], "nextPageToken": "t"}),
                vec!["g"],
                Some("t"),
            ),
            (Dialect::Gemini, json!({}), vec![], None),
        ] {
            let page = Page::read(dialect, body.to_string().as_bytes()).expect("a page");
            assert_eq!(page.models.iter().map(|model| &*model.id).collect::<Vec<_>>(), ids);
            assert_eq!(page.next.as_deref(), next);
        }
    }

    #[test]
    fn what_is_no_list_is_none() {
        for body in ["", "[]", "null", "{\"data\":{}}", "{\"models\":[]}", "<html>"] {
            assert!(Page::read(Dialect::OpenAi, body.as_bytes()).is_none(), "{body}");
        }
        for id in [json!(""), json!("a\nb"), json!("x".repeat(257)), json!("sk_kw_0123456789012345678901")] {
            assert!(Model::read(Dialect::OpenAi, json!({"id": id})).is_none(), "{id}");
        }
    }
}
