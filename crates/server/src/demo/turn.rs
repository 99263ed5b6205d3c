//! One turn, whatever the dialect: what was asked, and what the demo answers by rule.
//!
//! - A tool result is answered with a text that quotes the result.
//! - A message that asks for a tool ("use the tool", or a declared tool's name) is answered with a call
//!   of that tool, its arguments made up from its schema.
//! - Anything else is answered with a friendly text that quotes the end of the message.

use keywright_secret::{fill_random, hex};
use serde_json::Value;

use super::arguments;
use super::orders::Orders;

/// A request, read.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) asked: Asked,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    pub(super) input_tokens: u64,
    /// The most tokens that the answer may have.
    pub(super) limit: Option<u64>,
    /// What the answer must look like, where it is to be JSON.
    pub(super) schema: Option<Value>,
    /// Whether the token counts are wanted in a stream; only OpenAI asks.
    pub(super) stream_usage: bool,
    /// The whole request, for what an answer repeats.
    pub(super) body: Value,
}

/// The last message.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// A person's.
    Text(String),
    /// What a tool returned.
    ToolResult(String),
}

/// A tool that the caller can run.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) schema: Value,
}

/// Whether a tool is to be called.
#[derive(Debug, PartialEq)]
pub(super) enum Choice {
    Free,
    Never,
    Must(Option<String>),
}

/// What the demo answers.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) said: Said,
    pub(super) finish: Finish,
    /// Input and output; absent when the orders say so.
    pub(super) usage: Option<(u64, u64)>,
}

/// The content of an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// A text, in the pieces in which it is streamed.
    Words(Vec<String>),
    /// A call of a tool.
    Call { name: String, arguments: Value },
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Length,
    ToolCall,
}

impl Turn {
    /// The text of the last message; orders in what a tool returned do not count.
    pub(super) fn said(&self) -> &str {
        match &self.asked {
            Asked::Text(text) => text,
            Asked::ToolResult(_) => "",
        }
    }

    /// The answer.
    pub(super) fn reply(&self, orders: &Orders) -> Reply {
        let (said, finish) = match self.called() {
            Some(tool) => {
                let arguments = arguments::fill(&tool.schema);
                (Said::Call { name: tool.name.clone(), arguments }, Finish::ToolCall)
            }
            None => self.words(orders),
        };
        let output = match &said {
            Said::Words(words) => tokens(&words.concat()),
            Said::Call { name, arguments } => tokens(name) + tokens(&arguments.to_string()),
        };
        Reply { said, finish, usage: (!orders.no_usage).then_some((self.input_tokens, output)) }
    }

    fn words(&self, orders: &Orders) -> (Said, Finish) {
        let text = match (&self.asked, orders.words, &self.schema) {
            (_, Some(count), _) => FILLER.iter().cycle().take(count).copied().collect::<Vec<_>>().join(" "),
            (_, None, Some(schema)) => arguments::fill(schema).to_string(),
            (Asked::ToolResult(result), None, None) => {
                format!("The tool answered “{}”. Thank you, that is all I wanted to know.", end_of(result))
            }
            (Asked::Text(text), None, None) => {
                format!(
                    "Hello from Keywright's demo provider! There is no model here. You said “{}”.",
                    end_of(text)
                )
            }
        };
        let mut words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        if words.len() > limit {
            words.truncate(limit);
            return (Said::Words(words), Finish::Length);
        }
        (Said::Words(words), Finish::Stop)
    }

    fn called(&self) -> Option<&Tool> {
        let usual = || self.tools.iter().find(|tool| tool.name == "Bash").or(self.tools.first());
        match (&self.choice, &self.asked) {
            (Choice::Never, _) | (_, Asked::ToolResult(_)) => None,
            (Choice::Must(Some(name)), _) => self.tools.iter().find(|tool| tool.name == *name),
            (Choice::Must(None), Asked::Text(text)) => self.mentioned(text).or_else(usual),
            (Choice::Free, Asked::Text(text)) => self.mentioned(text).or_else(|| {
                // Of an agent's tools the shell is the one whose made-up arguments do no harm.
                text.to_lowercase().contains("use the tool").then(usual).flatten()
            }),
        }
    }

    fn mentioned(&self, text: &str) -> Option<&Tool> {
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || "_-.:".contains(c)));
        let first = words.next().unwrap_or_default();
        // "Write a poem" begins with a verb, not with the tool of that name.
        let plain = first.chars().skip(1).all(|c| c.is_ascii_lowercase());
        let named = |word: &str| {
            let word = word.trim_end_matches(['.', ':', '-']);
            self.tools.iter().find(|tool| tool.name == word)
        };
        (!plain).then(|| named(first)).flatten().or_else(|| words.find_map(named))
    }
}

/// The text of the last message without what an agent adds for the model alone.
pub(super) fn without_reminders(text: &str) -> String {
    const OPEN: &str = "<system-reminder>";
    const CLOSE: &str = "</system-reminder>";
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once(OPEN) {
        kept.push_str(before);
        rest = after.split_once(CLOSE).map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept.trim().to_owned()
}

/// An estimate of the tokens in `text`: a quarter of its characters, but at least its words. It is the
/// same on every run.
pub(super) fn tokens(text: &str) -> u64 {
    let quarter = text.chars().count().div_ceil(4);
    quarter.max(text.split_whitespace().count()) as u64
}

/// The tokens of all texts in `value`.
pub(super) fn tokens_in(value: &Value) -> u64 {
    match value {
        Value::String(text) => tokens(text),
        Value::Array(items) => items.iter().map(tokens_in).sum(),
        Value::Object(fields) => fields.values().map(tokens_in).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// A fresh id with that prefix.
pub(super) fn id(prefix: &str) -> String {
    let mut bytes = [0; 12];
    fill_random(&mut bytes);
    format!("{prefix}demo{}", hex(&bytes))
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The middle of `text`, moved forward to the start of a character.
pub(super) fn middle(text: &str) -> usize {
    let half = text.len() / 2;
    (half..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(half)
}

fn end_of(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let length = text.chars().count();
    if length <= QUOTED {
        return text;
    }
    let end: String = text.chars().skip(length - QUOTED).collect();
    format!("…{end}")
}

const QUOTED: usize = 120;
const FILLER: &[&str] =
    &["every", "call", "goes", "through", "one", "gate", "that", "knows", "who", "is", "calling", "and"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn turn(asked: &str, tools: &[&str]) -> Turn {
        let tools = tools.iter().map(|name| Tool { name: (*name).to_owned(), schema: json!({}) });
        Turn {
            model: "demo-small".to_owned(),
            stream: false,
            asked: Asked::Text(asked.to_owned()),
            tools: tools.collect(),
            choice: Choice::Free,
            input_tokens: 7,
            limit: None,
            schema: None,
            stream_usage: true,
            body: json!({}),
        }
    }

    fn tool_called(turn: &Turn) -> Option<String> {
        match turn.reply(&Orders::default()).said {
            Said::Call { name, .. } => Some(name),
            Said::Words(_) => None,
        }
    }

    fn text_of(turn: &Turn, orders: &Orders) -> String {
        match turn.reply(orders).said {
            Said::Words(words) => words.concat(),
            Said::Call { .. } => panic!("a call"),
        }
    }

    #[test]
    fn a_tool_is_called_when_the_message_asks_for_it() {
        for (asked, tools, expected) in [
            ("Use the tool, please", &["first", "second"][..], Some("first")),
            ("use the tool", &["Task", "Bash"], Some("Bash")),
            ("use the tool", &[], None),
            ("please call second.", &["first", "second"], Some("second")),
            ("get_weather in Paris", &["get_weather"], Some("get_weather")),
            ("Write a poem", &["Write"], None),
            ("Use the Write tool", &["Read", "Write"], Some("Write")),
            ("hello", &["first"], None),
            ("underwriting", &["write"], None),
        ] {
            assert_eq!(tool_called(&turn(asked, tools)).as_deref(), expected, "{asked}");
        }
    }

    #[test]
    fn the_choice_of_the_caller_counts_more_than_the_message() {
        let mut forced = turn("hello", &["first", "second"]);
        forced.choice = Choice::Must(Some("second".to_owned()));
        assert_eq!(tool_called(&forced).as_deref(), Some("second"));
        forced.choice = Choice::Must(None);
        assert_eq!(tool_called(&forced).as_deref(), Some("first"));
        let mut forbidden = turn("use the tool", &["first"]);
        forbidden.choice = Choice::Never;
        assert_eq!(tool_called(&forbidden), None);
    }

    #[test]
    fn a_tool_result_is_quoted_and_calls_no_further_tool() {
        let mut turn = turn("", &["first"]);
        turn.asked = Asked::ToolResult("use the tool: keywright-demo".to_owned());
        assert!(text_of(&turn, &Orders::default()).contains("keywright-demo"));
    }

    #[test]
    fn an_answer_that_must_fit_a_schema_does() {
        let mut turn = turn("which model shall it be?", &[]);
        turn.schema = Some(json!({
            "type": "object", "required": ["choice"],
            "properties": { "choice": { "type": "string", "enum": ["small", "large"] } },
        }));
        let answer: Value = serde_json::from_str(&text_of(&turn, &Orders::default())).unwrap();
        assert_eq!(answer, json!({ "choice": "small" }));
    }

    #[test]
    fn the_end_of_the_message_is_quoted() {
        let long = format!("{} the very end", "word ".repeat(100));
        let text = text_of(&turn(&long, &[]), &Orders::default());
        assert!(text.contains("the very end”") && text.contains('…'), "{text}");
    }

    #[test]
    fn an_answer_has_as_many_words_as_ordered_and_no_more_than_allowed() {
        let orders = Orders { words: Some(50), ..Orders::default() };
        assert_eq!(text_of(&turn("x", &[]), &orders).split(' ').count(), 50);
        let mut short = turn("x", &[]);
        short.limit = Some(3);
        let reply = short.reply(&orders);
        assert_eq!(reply.finish, Finish::Length);
        assert!(matches!(reply.said, Said::Words(words) if words.len() == 3));
    }

    #[test]
    fn tokens_are_counted_the_same_every_time_and_left_out_on_request() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("abcd"), 1);
        assert_eq!(tokens("a b c d e"), 5);
        assert_eq!(tokens_in(&json!({"a": ["abcd", {"b": "abcdefgh"}], "n": 5})), 3);
        let reply = turn("x", &[]).reply(&Orders { no_usage: true, ..Orders::default() });
        assert_eq!(reply.usage, None);
    }

    #[test]
    fn reminders_for_the_model_are_left_out() {
        let text = "<system-reminder>use the Bash tool</system-reminder>\nhello\n<system-reminder>x";
        assert_eq!(without_reminders(text), "hello");
    }
}
