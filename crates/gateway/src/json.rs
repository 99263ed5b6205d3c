//! Reads a few fields of a JSON document as its bytes pass, and holds the rest to the grammar.
//!
//! Knows nothing of models. Only fields of the outermost object are seen (for a document that is an
//! array, those of its elements); keys are compared decoded, so `"\u006dodel"` is `model`; strings are
//! skipped with memchr, since agents send half a megabyte of them. Numbers and literals are not
//! checked letter by letter, structure is: what this accepts no strict reader can take to have other
//! fields.

use memchr::memchr2;

/// A field to look for, and how many bytes of its value are kept at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: &'static str,
    pub(crate) longest: usize,
}

/// The document breaks the grammar, or is nested deeper than 512 levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

/// Reads a document in pieces.
pub(crate) struct TopLevel {
    wanted: &'static [Wanted],
    state: State,
    /// The open brackets, one bit each: 1 for an object.
    nesting: [u64; DEEPEST / 64],
    depth: usize,
    /// 1, or 2 when the document is an array.
    field_depth: usize,
    key: Vec<u8>,
    key_too_long: bool,
    /// Which wanted field the value being read belongs to.
    capturing: Option<usize>,
    values: Vec<Option<Captured>>,
    repeated: Option<&'static str>,
    /// A wanted field whose key is written in other letters: some readers do not tell them apart.
    disguised: Option<&'static str>,
    /// Whether the grammar was broken: what follows mends nothing.
    broken: bool,
}

#[derive(Default)]
struct Captured {
    bytes: Vec<u8>,
    too_long: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// A value must come.
    Value,
    /// A value or `]`.
    ValueOrEnd,
    /// A key or `}`.
    KeyOrEnd,
    /// A key.
    Key,
    /// `:`
    Colon,
    /// `,` or the closing bracket, or nothing more at the outermost level.
    AfterValue,
    InKey,
    InKeyEscape,
    InString,
    InStringEscape,
    /// In a number, `true`, `false` or `null`.
    InScalar,
}

impl TopLevel {
    /// A reader that keeps the values of the `wanted` fields.
    pub(crate) fn new(wanted: &'static [Wanted]) -> Self {
        Self {
            wanted,
            state: State::Value,
            nesting: [0; DEEPEST / 64],
            depth: 0,
            field_depth: 1,
            key: Vec::new(),
            key_too_long: false,
            capturing: None,
            values: wanted.iter().map(|_| None).collect(),
            repeated: None,
            disguised: None,
            broken: false,
        }
    }

    /// Reads on.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), NotJson> {
        let read = if self.broken { Err(NotJson) } else { self.read(piece) };
        self.broken = read.is_err();
        read
    }

    fn read(&mut self, piece: &[u8]) -> Result<(), NotJson> {
        let mut at = 0;
        while at < piece.len() {
            let from = at;
            at = self.step(piece, at)?;
            if let Some(index) = self.capturing {
                self.keep(index, &piece[from..at]);
            }
            if self.state == State::AfterValue && self.depth <= self.field_depth {
                self.capturing = None;
            }
        }
        Ok(())
    }

    /// Whether the document is whole, and is an object or an array.
    pub(crate) fn finish(&self) -> Result<(), NotJson> {
        let whole = self.state == State::AfterValue && self.depth == 0;
        if whole && !self.broken { Ok(()) } else { Err(NotJson) }
    }

    /// The raw value of a field; the last one where it stands several times. `None` when it is absent
    /// or longer than wanted.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        let index = self.wanted.iter().position(|wanted| wanted.name == name)?;
        let captured = self.values[index].as_ref()?;
        (!captured.too_long).then_some(captured.bytes.as_slice())
    }

    /// A wanted field that stands more than once in one object.
    pub(crate) fn repeated(&self) -> Option<&'static str> {
        self.repeated
    }

    /// Whether a field is there, however long its value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.wanted
            .iter()
            .position(|wanted| wanted.name == name)
            .is_some_and(|index| self.values[index].is_some())
    }

    /// A wanted field whose key differs in upper and lower case only.
    pub(crate) fn disguised(&self) -> Option<&'static str> {
        self.disguised
    }

    /// Whether the document's outermost value is an object.
    pub(crate) fn is_object(&self) -> bool {
        self.field_depth == 1
    }

    fn step(&mut self, piece: &[u8], at: usize) -> Result<usize, NotJson> {
        let byte = piece[at];
        match self.state {
            State::InString => {
                return Ok(self.skip_string(piece, at, State::AfterValue, State::InStringEscape));
            }
            State::InKey => {
                let end = self.skip_string(piece, at, State::Colon, State::InKeyEscape);
                let closed = self.state == State::Colon;
                self.keep_key(&piece[at..end - usize::from(closed)]);
                if closed {
                    self.key_ended();
                }
                return Ok(end);
            }
            State::InStringEscape => self.state = State::InString,
            State::InKeyEscape => {
                self.keep_key(&piece[at..=at]);
                self.state = State::InKey;
            }
            State::InScalar if is_scalar(byte) => {}
            State::InScalar => {
                self.state = State::AfterValue;
                // The byte is punctuation and belongs to what follows; a captured value must not have it.
                return Ok(at);
            }
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => {}
            State::Value | State::ValueOrEnd => self.begin_value(byte)?,
            State::KeyOrEnd if byte == b'}' => self.close(true)?,
            State::Key | State::KeyOrEnd if byte == b'"' => {
                self.key.clear();
                self.key_too_long = false;
                self.state = State::InKey;
            }
            State::Colon if byte == b':' => self.state = State::Value,
            State::AfterValue => self.after_value(byte)?,
            _ => return Err(NotJson),
        }
        Ok(at + 1)
    }

    fn begin_value(&mut self, byte: u8) -> Result<(), NotJson> {
        match byte {
            b'{' => self.open(true),
            b'[' => self.open(false),
            b']' if self.state == State::ValueOrEnd => self.close(false),
            // A document that is neither an object nor an array holds no field.
            _ if self.depth == 0 => Err(NotJson),
            b'"' => {
                self.state = State::InString;
                Ok(())
            }
            _ if is_scalar(byte) => {
                self.state = State::InScalar;
                Ok(())
            }
            _ => Err(NotJson),
        }
    }

    fn after_value(&mut self, byte: u8) -> Result<(), NotJson> {
        match byte {
            b',' if self.depth > 0 => {
                self.state = if self.in_object() { State::Key } else { State::Value };
                Ok(())
            }
            b'}' => self.close(true),
            b']' => self.close(false),
            _ => Err(NotJson),
        }
    }

    fn open(&mut self, object: bool) -> Result<(), NotJson> {
        if self.depth == DEEPEST {
            return Err(NotJson);
        }
        if self.depth == 0 {
            self.field_depth = if object { 1 } else { 2 };
        }
        let bit = 1u64 << (self.depth % 64);
        let word = &mut self.nesting[self.depth / 64];
        *word = if object { *word | bit } else { *word & !bit };
        self.depth += 1;
        self.state = if object { State::KeyOrEnd } else { State::ValueOrEnd };
        Ok(())
    }

    fn close(&mut self, object: bool) -> Result<(), NotJson> {
        if self.depth == 0 || self.in_object() != object {
            return Err(NotJson);
        }
        self.depth -= 1;
        self.state = State::AfterValue;
        Ok(())
    }

    fn in_object(&self) -> bool {
        let top = self.depth - 1;
        self.nesting[top / 64] >> (top % 64) & 1 == 1
    }

    /// Skips to behind the closing quote, or to behind a backslash.
    fn skip_string(&mut self, piece: &[u8], at: usize, closed: State, escape: State) -> usize {
        match memchr2(b'"', b'\\', &piece[at..]) {
            None => piece.len(),
            Some(found) => {
                self.state = if piece[at + found] == b'"' { closed } else { escape };
                at + found + 1
            }
        }
    }

    fn keep_key(&mut self, bytes: &[u8]) {
        if self.depth != self.field_depth {
            return;
        }
        // Twelve bytes a letter at most: a surrogate pair in escapes.
        if self.key.len() + bytes.len() > LONGEST_KEY {
            self.key_too_long = true;
        } else {
            self.key.extend_from_slice(bytes);
        }
    }

    fn key_ended(&mut self) {
        if self.depth != self.field_depth || self.key_too_long {
            return;
        }
        let named = |name: &[u8]| {
            self.wanted.iter().position(|wanted| wanted.name.as_bytes().eq_ignore_ascii_case(name)).map(
                |index| {
                    let exact = self.wanted[index].name.as_bytes() == name;
                    (index, exact)
                },
            )
        };
        let index = if memchr::memchr(b'\\', &self.key).is_some() {
            let quoted = [b"\"", self.key.as_slice(), b"\""].concat();
            serde_json::from_slice::<String>(&quoted).ok().and_then(|name| named(name.as_bytes()))
        } else {
            named(&self.key)
        };
        let Some((index, exact)) = index else { return };
        if !exact {
            self.disguised = Some(self.wanted[index].name);
            return;
        }
        if self.values[index].is_some() && self.field_depth == 1 {
            self.repeated = Some(self.wanted[index].name);
        }
        self.values[index] = Some(Captured::default());
        self.capturing = Some(index);
    }

    fn keep(&mut self, index: usize, bytes: &[u8]) {
        let longest = self.wanted[index].longest;
        let Some(captured) = &mut self.values[index] else { return };
        if captured.bytes.is_empty() {
            // What stands between the key and the value: the quote, the colon, blanks.
            let Some(start) =
                bytes.iter().position(|byte| !matches!(byte, b':' | b' ' | b'\t' | b'\r' | b'\n'))
            else {
                return;
            };
            // The step that ended the key hands over the key's own bytes; those are not the value.
            if self.state == State::Colon {
                return;
            }
            return Self::append(captured, &bytes[start..], longest);
        }
        Self::append(captured, bytes, longest);
    }

    fn append(captured: &mut Captured, bytes: &[u8], longest: usize) {
        if captured.bytes.len() + bytes.len() > longest {
            captured.too_long = true;
        } else {
            captured.bytes.extend_from_slice(bytes);
        }
    }
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

const DEEPEST: usize = 512;
const LONGEST_KEY: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WANTED: &[Wanted] = &[
        Wanted { name: "model", longest: 64 },
        Wanted { name: "stream", longest: 16 },
        Wanted { name: "usage", longest: 256 },
    ];

    fn read(document: &[u8], piece: usize) -> Result<TopLevel, NotJson> {
        let mut reader = TopLevel::new(WANTED);
        for bytes in document.chunks(piece) {
            reader.feed(bytes)?;
        }
        reader.finish()?;
        Ok(reader)
    }

    fn model(document: &str) -> Option<String> {
        let whole = read(document.as_bytes(), usize::MAX).expect(document);
        let value = whole.value("model").map(<[u8]>::to_vec);
        for piece in [1, 2, 3, 7] {
            let reader = read(document.as_bytes(), piece).expect(document);
            assert_eq!(reader.value("model").map(<[u8]>::to_vec), value, "{document} in pieces of {piece}");
        }
        value.map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
    }

    #[test]
    fn a_field_is_found_wherever_it_stands_and_however_its_key_is_written() {
        for document in [
            r#"{"model":"m"}"#,
            r#"{"messages":[{"model":"x","content":"a \"model\":\"y\" \\"}],"model" : "m" }"#,
            r#"{"\u006dodel":"m","stream":true}"#,
            "\n{ \"a\" : { \"model\" : 1 } ,\t\"model\":\"m\"\r\n}",
            r#"{"a":[[{"model":2}]],"model":"m","z":[1,-2.5e+3,null,false,{}]}"#,
        ] {
            assert_eq!(model(document).as_deref(), Some(r#""m""#), "{document}");
        }
        for document in
            ["{}", "[]", r#"{"Model":"m"}"#, r#"{"x":{"model":"m"}}"#, r#"{"mode":"m"}"#, r#"["model","m"]"#]
        {
            assert_eq!(model(document), None, "{document}");
        }
    }

    #[test]
    fn values_of_every_type_are_kept_raw() {
        for (document, value) in [
            (r#"{"model":null,"a":1}"#, "null"),
            (r#"{"model":12.5}"#, "12.5"),
            (r#"{"model": {"a":[1,{"b":"}"}]} ,"x":1}"#, r#"{"a":[1,{"b":"}"}]}"#),
            (r#"{"model":["a","]"]}"#, r#"["a","]"]"#),
            (r#"{"model":"a\"b\\"}"#, r#""a\"b\\""#),
        ] {
            assert_eq!(model(document).as_deref(), Some(value), "{document}");
        }
    }

    #[test]
    fn a_repeated_field_is_told_and_one_in_each_element_of_an_array_is_not_repeated() {
        for document in [r#"{"model":"a","model":"b"}"#, r#"{"model":"a","\u006Dodel":"b"}"#] {
            assert_eq!(read(document.as_bytes(), 5).expect(document).repeated(), Some("model"));
        }
        let array = read(br#"[{"usage":{"a":1}},{"usage":{"a":2}}]"#, 3).expect("an array");
        assert_eq!(array.repeated(), None);
        assert_eq!(array.value("usage"), Some(&br#"{"a":2}"#[..]));
        assert!(!array.is_object());
    }

    #[test]
    fn a_key_in_other_letters_is_told_and_read_as_nothing() {
        let reader = read(br#"{"MODEL":"a","strea\u004d":true}"#, 3).expect("JSON");
        assert_eq!((reader.value("model"), reader.disguised()), (None, Some("stream")));
        assert_eq!(read(br#"{"model":"a","x":{"MODEL":"b"}}"#, 3).expect("JSON").disguised(), None);
    }

    #[test]
    fn an_overlong_value_is_absent_and_hurts_nothing() {
        let document = format!(r#"{{"model":"{}","stream":true}}"#, "x".repeat(100));
        let reader = read(document.as_bytes(), 10).expect("JSON");
        assert_eq!((reader.value("model"), reader.has("model"), reader.has("usage")), (None, true, false));
        assert_eq!(reader.value("stream"), Some(&b"true"[..]));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for document in [
            "",
            "{",
            "}",
            "[",
            "{]",
            "[}",
            "\"a\"",
            "1",
            "null",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "[1,]",
            "{\"a\":1}{",
            "{\"a\":1}x",
            "{'model':1}",
            "{model:1}",
            "{\"a\" 1}",
            "{\"a\":1 \"b\":2}",
            "/**/{}",
            "{\"a\":\"b}",
            "{\"a\":{\"b\":1}",
            "\u{feff}{}",
        ] {
            assert!(read(document.as_bytes(), 4).is_err(), "{document}");
        }
        assert!(read("[".repeat(600).as_bytes(), 50).is_err());
    }

    /// A fuzz target has millions.
    const CASES: u32 = 5_000;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn any_bytes_in_any_pieces_give_the_same_verdict_and_never_panic(bytes: Vec<u8>, piece in 1usize..9) {
            let whole = read(&bytes, usize::MAX).is_ok();
            prop_assert_eq!(read(&bytes, piece).is_ok(), whole);
        }

        #[test]
        fn whatever_serde_accepts_is_accepted_with_the_same_model(
            before in "[a-z\"\\\\{}\\[\\]:,é\u{0}-\u{1f}]{0,20}", name in "\\PC{0,12}", nested: Vec<Option<bool>>, piece in 1usize..9,
        ) {
            let document = serde_json::json!({ "messages": [before, nested], "model": name, "usage": { "x": before } });
            let text = serde_json::to_vec_pretty(&document).expect("serializes");
            let reader = read(&text, piece).expect("accepted");
            let value = reader.value("model").and_then(|raw| serde_json::from_slice::<String>(raw).ok());
            prop_assert!(value.is_none_or(|value| value == name));
        }
    }
}
