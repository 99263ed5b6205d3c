//! Watches an answer's bytes as they pass and notes what they say of tokens. It never changes,
//! delays or copies more of them than one unfinished line.

use keywright_protocol::wire::TokenUsage;
use memchr::{memchr, memmem};

use crate::json::{TopLevel, Wanted};
use crate::usage::{Event, Reported, Size};

/// Watches one answer.
pub(crate) enum Meter {
    /// An answer that costs no tokens.
    Off,
    /// One JSON document.
    Document(Box<TopLevel>, bool),
    /// A stream of events.
    Events(Box<Events>),
}

/// What a meter has read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) usage: TokenUsage,
    pub(crate) response_id: Option<String>,
}

impl Meter {
    pub(crate) fn document() -> Self {
        Self::Document(Box::new(TopLevel::new(FIELDS)), true)
    }

    pub(crate) fn events() -> Self {
        Self::Events(Box::default())
    }

    /// Reads on. When the dialect's terminal event ends in `bytes`, the place in them where it begins.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Off => None,
            Self::Document(document, readable) => {
                *readable = *readable && document.feed(bytes).is_ok();
                None
            }
            Self::Events(events) => events.feed(bytes),
        }
    }

    /// Whether the stream stands between two events, so that one of ours may be put there.
    pub(crate) fn between_events(&self) -> bool {
        match self {
            Self::Events(events) => !events.open && events.partial.is_empty() && !events.overlong,
            _ => false,
        }
    }

    /// Whether the dialect's terminal event has been seen.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Self::Events(events) if events.ended)
    }

    /// What was read, with an estimate for what was not said.
    pub(crate) fn settle(&self, mut size: Size) -> Reading {
        let (reported, response_id) = match self {
            Self::Off => return Reading::default(),
            Self::Document(document, _) => {
                let mut reported = Reported::default();
                let parsed = |name| document.value(name).and_then(|raw| serde_json::from_slice(raw).ok());
                for usage in ["usage", "usageMetadata"].into_iter().filter_map(parsed) {
                    reported.take(&usage);
                }
                let id = document.value("id").and_then(|raw| serde_json::from_slice::<String>(raw).ok());
                (reported, id)
            }
            Self::Events(events) => {
                size.events = Some(events.count);
                (events.reported, events.response_id.clone())
            }
        };
        Reading {
            usage: reported.settle(&size),
            response_id: response_id.filter(|id| id.len() <= LONGEST_ID),
        }
    }
}

/// Watches a stream of server-sent events.
#[derive(Default)]
pub(crate) struct Events {
    /// The line that is not yet whole.
    partial: Vec<u8>,
    /// Whether the line is longer than is kept.
    overlong: bool,
    /// Whether a line of an event has been seen that no blank line has ended.
    open: bool,
    /// Whether the open event is the dialect's last.
    closing: bool,
    ended: bool,
    announces_response: bool,
    count: i64,
    reported: Reported,
    response_id: Option<String>,
}

impl Events {
    fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut terminal = None;
        let mut event_start = 0;
        let mut at = 0;
        while let Some(length) = memchr(b'\n', &bytes[at..]) {
            let end = at + length;
            let ended_before = self.ended;
            self.line_ends(&bytes[at..end]);
            if self.ended && !ended_before {
                // What lies before these bytes has passed: no client acts on an event without its end.
                terminal = Some(event_start);
            }
            at = end + 1;
            if !self.open {
                event_start = at;
            }
        }
        self.keep_partial(&bytes[at..]);
        terminal
    }

    fn line_ends(&mut self, rest: &[u8]) {
        if self.overlong {
            self.overlong = false;
            self.open = true;
            return;
        }
        if self.partial.is_empty() {
            return self.line(rest);
        }
        let mut line = std::mem::take(&mut self.partial);
        line.extend_from_slice(rest);
        self.line(&line);
        // The memory of an ordinary line is kept for the next; that of a huge one is given back.
        if line.capacity() <= KEPT_CAPACITY {
            line.clear();
            self.partial = line;
        }
    }

    fn keep_partial(&mut self, rest: &[u8]) {
        if self.partial.len() + rest.len() > LONGEST_LINE {
            self.partial = Vec::new();
            self.overlong = true;
        } else if !self.overlong {
            self.partial.extend_from_slice(rest);
        }
    }

    fn line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.open = false;
            self.announces_response = false;
            self.ended |= self.closing;
        } else if let Some(data) = line.strip_prefix(b"data:") {
            self.open = true;
            self.data(data.trim_ascii());
        } else if let Some(name) = line.strip_prefix(b"event:") {
            self.open = true;
            let name = name.trim_ascii();
            self.closing |= TERMINAL_EVENTS.contains(&name);
            self.announces_response = name == b"response.created";
        } else {
            self.open = true;
        }
    }

    fn data(&mut self, data: &[u8]) {
        self.count += 1;
        if data == b"[DONE]" {
            self.ended = true;
            return;
        }
        // Rebuilding every event would cost more than passing it on: only those that mention usage,
        // or open a response, are read.
        if !self.announces_response && memmem::find(data, b"\"usage").is_none() {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Event>(data) else { return };
        self.reported.take_event(&event);
        if let Some(id) = event.response_id() {
            self.response_id = Some(id.to_owned());
        }
    }
}

const FIELDS: &[Wanted] = &[
    Wanted { name: "usage", longest: 16 * 1024 },
    Wanted { name: "usageMetadata", longest: 16 * 1024 },
    Wanted { name: "id", longest: LONGEST_ID + 2 },
];

/// After these nothing more comes that a client would wait for.
const TERMINAL_EVENTS: &[&[u8]] =
    &[b"message_stop", b"response.completed", b"response.incomplete", b"response.failed"];

const LONGEST_ID: usize = 128;
/// The closing event of a long response repeats all of it.
const LONGEST_LINE: usize = 2 * 1024 * 1024;
const KEPT_CAPACITY: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANTHROPIC: &str = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    const CHAT: &str = concat!(
        "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\r\n\r\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\r\n\r\n",
        "data: [DONE]\r\n\r\n",
    );
    const RESPONSES: &str = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"usage\":null}}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":4,\"output_tokens\":2}}}\n\n",
    );

    fn figures(reading: &Reading) -> (i64, i64, bool) {
        (reading.usage.input_tokens, reading.usage.output_tokens, reading.usage.estimated)
    }

    fn in_pieces(stream: &[u8], piece: usize) -> (Meter, Option<usize>) {
        let mut meter = Meter::events();
        let mut passed = 0;
        let mut held_from = None;
        for bytes in stream.chunks(piece) {
            if let Some(at) = meter.feed(bytes) {
                held_from = Some(passed + at);
            }
            passed += bytes.len();
        }
        (meter, held_from)
    }

    #[test]
    fn usage_is_read_whatever_the_pieces() {
        for (stream, expected) in
            [(ANTHROPIC, (10, 7, false)), (CHAT, (3, 2, false)), (RESPONSES, (4, 2, false))]
        {
            for piece in [1, 2, 3, 7, 50, usize::MAX] {
                let (meter, _) = in_pieces(stream.as_bytes(), piece);
                assert_eq!(figures(&meter.settle(Size::default())), expected, "pieces of {piece}");
                assert!(meter.has_ended() && meter.between_events());
            }
        }
    }

    #[test]
    fn the_terminal_event_is_found_at_its_start() {
        for (stream, mark) in [
            (ANTHROPIC, "event: message_stop"),
            (CHAT, "data: [DONE]"),
            (RESPONSES, "event: response.completed"),
        ] {
            let (_, held_from) = in_pieces(stream.as_bytes(), usize::MAX);
            assert_eq!(held_from, stream.find(mark));
            for piece in [1, 5, 64] {
                // In pieces, what is held back begins in the event and has its end in it.
                let (_, held_from) = in_pieces(stream.as_bytes(), piece);
                let start = stream.find(mark).expect("there");
                assert!((start..stream.len()).contains(&held_from.expect("found")), "pieces of {piece}");
            }
        }
    }

    #[test]
    fn the_id_of_a_response_is_known_from_its_first_event() {
        let first = RESPONSES.find("event: response.completed").expect("there");
        let (meter, _) = in_pieces(&RESPONSES.as_bytes()[..first], 10);
        assert_eq!(meter.settle(Size::default()).response_id.as_deref(), Some("resp_1"));
    }

    #[test]
    fn a_stream_without_a_report_is_estimated_by_its_events() {
        let (meter, _) = in_pieces(b"data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: {\"a\"", 4);
        let reading = meter.settle(Size { request_bytes: 40, ..Size::default() });
        assert_eq!(figures(&reading), (10, 2, true));
        assert!(!meter.between_events());
    }

    #[test]
    fn an_overlong_line_is_skipped_and_the_next_is_read() {
        let mut meter = Meter::events();
        meter.feed(b"data: \"");
        for _ in 0..5 {
            meter.feed(&vec![b'x'; 1024 * 1024]);
        }
        meter.feed(b"\"\n\n");
        meter.feed(CHAT.as_bytes());
        assert_eq!(figures(&meter.settle(Size::default())), (3, 2, false));
    }

    #[test]
    fn a_document_gives_usage_and_id() {
        let mut meter = Meter::document();
        for piece in
            br#"{"id":"resp_2","output":[{"id":"x","usage":1}],"usage":{"input_tokens":5,"output_tokens":6}}"#
                .chunks(9)
        {
            assert_eq!(meter.feed(piece), None);
        }
        let reading = meter.settle(Size::default());
        assert_eq!((figures(&reading), reading.response_id.as_deref()), ((5, 6, false), Some("resp_2")));
    }

    /// A fuzz target has millions.
    const CASES: u32 = 5_000;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn any_bytes_pass_without_a_panic(pieces: Vec<Vec<u8>>) {
            let mut meter = Meter::events();
            for piece in &pieces {
                let at = meter.feed(piece);
                prop_assert!(at.is_none_or(|at| at <= piece.len()));
            }
            let _ = meter.settle(Size::default());
        }
    }
}
