//! Reads what a provider reports of tokens, in any of the dialects, and estimates what it does not.
//!
//! Tolerant: a field of another type than expected is a field that is not there.

use keywright_protocol::wire::TokenUsage;
use serde::Deserialize;
use serde_json::Value;

/// What has been reported so far. Reports within one stream are cumulative, so a later figure takes
/// the place of an earlier one and is never added to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reported {
    input: Option<i64>,
    output: Option<i64>,
    cache_read: Option<i64>,
    cache_write: Option<i64>,
}

/// The fields of an event that may hold a report or an id. Others are skipped unread.
#[derive(Deserialize)]
pub(crate) struct Event {
    #[serde(default)]
    message: Option<Inner>,
    #[serde(default)]
    response: Option<Inner>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default, rename = "usageMetadata")]
    usage_metadata: Option<Value>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    usage: Option<Value>,
}

impl Event {
    /// The id of the object that the response makes, `resp_...`.
    pub(crate) fn response_id(&self) -> Option<&str> {
        self.response.as_ref()?.id.as_ref()?.as_str()
    }
}

impl Reported {
    /// Takes in what an event of a stream reports.
    pub(crate) fn take_event(&mut self, event: &Event) {
        let inner =
            [&event.message, &event.response].into_iter().flatten().filter_map(|inner| inner.usage.as_ref());
        for usage in inner.chain(&event.usage).chain(&event.usage_metadata) {
            self.take(usage);
        }
    }

    /// Takes in a usage object of any dialect.
    pub(crate) fn take(&mut self, usage: &Value) {
        let number = |name: &str| usage.get(name).and_then(Value::as_i64).filter(|count| *count >= 0);
        let detail = |object: &str, name: &str| usage.get(object)?.get(name)?.as_i64();
        if let Some(prompt) = number("promptTokenCount") {
            let cached = number("cachedContentTokenCount").unwrap_or(0);
            self.input = Some((prompt - cached).max(0) + number("toolUsePromptTokenCount").unwrap_or(0));
            self.cache_read = Some(cached);
        }
        if let Some(candidates) = number("candidatesTokenCount").or(number("thoughtsTokenCount").map(|_| 0)) {
            self.output = Some(candidates + number("thoughtsTokenCount").unwrap_or(0));
        }
        if let Some(prompt) = number("prompt_tokens") {
            let cached = detail("prompt_tokens_details", "cached_tokens").unwrap_or(0);
            self.input = Some((prompt - cached).max(0));
            self.cache_read = Some(cached);
            // An embedding has no answer in tokens.
            self.output = self.output.or(Some(0));
        }
        if let Some(completion) = number("completion_tokens") {
            self.output = Some(completion);
        }
        if let Some(input) = number("input_tokens") {
            // OpenAI counts cached tokens in, Anthropic beside.
            let cached = detail("input_tokens_details", "cached_tokens");
            self.input = Some((input - cached.unwrap_or(0)).max(0));
            self.cache_read = cached.or(self.cache_read);
        }
        self.output = number("output_tokens").or(self.output);
        self.cache_read = number("cache_read_input_tokens").or(self.cache_read);
        self.cache_write = number("cache_creation_input_tokens").or(self.cache_write);
    }

    /// The tokens to record. What was not reported is estimated from `size`, and flagged.
    pub(crate) fn settle(&self, size: &Size) -> TokenUsage {
        TokenUsage {
            input_tokens: self.input.unwrap_or(size.request_bytes / BYTES_PER_TOKEN),
            output_tokens: match self.output {
                // What was reported so far is the count of the stream's beginning.
                Some(output) if size.unfinished => output.max(size.answer_tokens()),
                Some(output) => output,
                None => size.answer_tokens(),
            },
            cache_read_tokens: self.cache_read.unwrap_or(0),
            cache_write_tokens: self.cache_write.unwrap_or(0),
            estimated: self.input.is_none() || self.output.is_none() || size.unfinished,
        }
    }
}

/// What an estimate is made from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub(crate) request_bytes: i64,
    pub(crate) response_bytes: i64,
    /// Events of the stream so far; none for a JSON answer.
    pub(crate) events: Option<i64>,
    /// Whether the answer broke off, so that a report of its output stands for a part only.
    pub(crate) unfinished: bool,
}

impl Size {
    fn answer_tokens(&self) -> i64 {
        // Streams carry about a token an event, wrapped in far more bytes than it has letters.
        self.events.unwrap_or(self.response_bytes / BYTES_PER_TOKEN)
    }
}

const BYTES_PER_TOKEN: i64 = 4;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settled(reports: &[Value]) -> TokenUsage {
        let mut reported = Reported::default();
        for report in reports {
            reported.take_event(&serde_json::from_value(report.clone()).expect("an event"));
        }
        reported.settle(&Size { request_bytes: 400, response_bytes: 80, events: None, unfinished: false })
    }

    fn usage(input: i64, output: i64, read: i64, write: i64, estimated: bool) -> TokenUsage {
        TokenUsage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: read,
            cache_write_tokens: write,
            estimated,
        }
    }

    #[test]
    fn each_dialect_reports_the_same_four_figures() {
        let anthropic = json!({"usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2}});
        assert_eq!(settled(&[anthropic]), usage(10, 5, 3, 2, false));
        let chat = json!({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 3}}});
        assert_eq!(settled(&[chat]), usage(7, 5, 3, 0, false));
        let responses = json!({"response": {"id": "resp_1", "usage": {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}}}});
        assert_eq!(settled(&[responses]), usage(6, 5, 4, 0, false));
        let gemini = json!({"usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": 2, "cachedContentTokenCount": 1}});
        assert_eq!(settled(&[gemini]), usage(9, 6, 1, 0, false));
        let embedding = json!({"usage": {"prompt_tokens": 8, "total_tokens": 8}});
        assert_eq!(settled(&[embedding]), usage(8, 0, 0, 0, false));
    }

    #[test]
    fn cumulative_reports_are_not_added_up() {
        let start =
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1}}});
        let delta = |output: i64| json!({"type": "message_delta", "usage": {"output_tokens": output}});
        assert_eq!(settled(&[start, delta(4), delta(9)]), usage(10, 9, 0, 0, false));
        let chunk = |output: i64| json!({"usage": {"prompt_tokens": 3, "completion_tokens": output}});
        assert_eq!(settled(&[chunk(1), chunk(2), chunk(7)]), usage(3, 7, 0, 0, false));
    }

    #[test]
    fn a_stream_that_breaks_off_counts_at_least_what_passed() {
        let mut reported = Reported::default();
        reported.take(&json!({"input_tokens": 10, "output_tokens": 1}));
        let size = Size { request_bytes: 400, response_bytes: 9_000, events: Some(70), unfinished: true };
        assert_eq!(reported.settle(&size), usage(10, 70, 0, 0, true));
        assert_eq!(reported.settle(&Size { events: Some(0), ..size }).output_tokens, 1);
    }

    #[test]
    fn what_is_missing_or_senseless_is_estimated_and_flagged() {
        for report in [
            json!({}),
            json!({"usage": null}),
            json!({"usage": "many"}),
            json!({"usage": {"input_tokens": "10", "output_tokens": -1}}),
        ] {
            assert_eq!(settled(&[report]), usage(100, 20, 0, 0, true));
        }
    }
}
