//! The key that a command makes on the way, and how it is shown: never the key itself.

use clap::Args;
use keywright_protocol::wire::{ApiKey, AskedKey};
use keywright_protocol::{KeyId, Scopes, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::table::printable;

/// What the key shall be.
#[derive(Debug, Args)]
pub(crate) struct NewKeyArgs {
    /// The name of the new key; `CLI default key` when left out
    #[arg(long, value_name = "NAME")]
    key_name: Option<String>,
    /// In how many days the new key ends, 1 to 365; it does not when left out
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    key_expires_in: Option<String>,
}

impl NewKeyArgs {
    /// As the server takes it. What is no number is sent as well: the server has the words for it.
    pub(crate) fn asked(&self) -> Option<AskedKey> {
        if self.key_name.is_none() && self.key_expires_in.is_none() {
            return None;
        }
        let number = |text: &String| {
            let number = serde_json::from_str(text).ok().filter(Value::is_number);
            number.unwrap_or_else(|| Value::from(text.as_str()))
        };
        Some(AskedKey {
            name: self.key_name.clone(),
            expires_in_days: self.key_expires_in.as_ref().map(number),
        })
    }
}

/// A new key with the mask in its place, as seed 002 has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MaskedKey {
    key_id: KeyId,
    key_prefix: String,
    name: String,
    scopes: Scopes,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl MaskedKey {
    /// What may be shown of `key`.
    pub(crate) fn of(key: &ApiKey) -> Self {
        Self {
            key_id: key.key_id,
            key_prefix: key.key_prefix.clone(),
            name: key.name.clone(),
            scopes: key.scopes,
            created_at: key.created_at,
            expires_at: key.expires_at,
        }
    }

    /// In a line.
    pub(crate) fn describe(&self) -> String {
        let end = self.expires_at.map_or_else(|| "never ends".to_owned(), |end| format!("ends {end}"));
        format!("{}… ({}), which {end}", printable(&self.key_prefix), printable(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn days_are_sent_as_the_number_that_was_typed_and_what_is_none_as_text() {
        for (typed, sent) in [
            ("30", json!(30)),
            ("1.5", json!(1.5)),
            ("-1", json!(-1)),
            ("366", json!(366)),
            ("30d", json!("30d")),
            ("", json!("")),
            ("[1]", json!("[1]")),
        ] {
            let args = NewKeyArgs { key_name: None, key_expires_in: Some(typed.to_owned()) };
            assert_eq!(args.asked().unwrap().expires_in_days, Some(sent), "{typed}");
        }
        assert!(NewKeyArgs { key_name: None, key_expires_in: None }.asked().is_none());
    }
}
