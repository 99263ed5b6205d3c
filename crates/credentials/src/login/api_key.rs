//! An API key that somebody brings: as an argument, in a file or on standard input.

use std::io::Read;

use keywright_secret::{MalformedToken, PlatformToken, Secret, TokenKind, Vendor, looks_like_ours};
use zeroize::Zeroizing;

/// Reads the key that is all that `source` holds, but for one line break at its end.
///
/// # Errors
/// [`BadApiKey`]; no more than 4 KiB are ever read.
pub fn read_api_key(source: impl Read) -> Result<Secret, BadApiKey> {
    let mut content = Zeroizing::new(Vec::new());
    source.take(LONGEST + 1).read_to_end(&mut content).map_err(BadApiKey::Unreadable)?;
    if content.len() as u64 > LONGEST {
        return Err(BadApiKey::TooLong);
    }
    if content.contains(&0) {
        return Err(BadApiKey::NotText);
    }
    let text = std::str::from_utf8(&content).map_err(|_| BadApiKey::NotText)?;
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.contains(['\n', '\r']) {
        return Err(BadApiKey::SeveralLines);
    }
    let key = Secret::new(line);
    check_api_key(&key)?;
    Ok(key)
}

/// Whether `key` is a well-formed API key; the key as a token.
///
/// # Errors
/// [`BadApiKey`]
pub fn check_api_key(key: &Secret) -> Result<PlatformToken, BadApiKey> {
    let text = key.expose();
    if text.trim().is_empty() {
        return Err(BadApiKey::Empty);
    }
    if text != text.trim() && looks_like_ours(text.trim()) {
        return Err(BadApiKey::Blanks);
    }
    if !looks_like_ours(text) {
        return Err(Vendor::of(text.trim_start())
            .map_or(BadApiKey::Unknown, |vendor| BadApiKey::Foreign { vendor: vendor.name() }));
    }
    let token = PlatformToken::parse(text)?;
    match token.kind() {
        TokenKind::ApiKey => Ok(token),
        kind => Err(BadApiKey::OtherKind { kind }),
    }
}

/// What was brought is no API key of Keywright's. None of these repeats it.
#[derive(Debug, thiserror::Error)]
pub enum BadApiKey {
    /// The file is not there, or may not be read.
    #[error("it cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// There is nothing in it: an unset variable, or a pipe from a command that failed.
    #[error("it is empty")]
    Empty,
    /// Longer than any key, by far: another file was meant.
    #[error("it is longer than 4 KiB, so it is not a key")]
    TooLong,
    /// It holds bytes that are no text.
    #[error("it is not text")]
    NotText,
    /// A key is one line. Which of several is meant is not guessed.
    #[error("it has more than one line")]
    SeveralLines,
    /// What came along when it was copied. It is not taken off: a file that is not just a key may be another.
    #[error("it has blanks before or behind the key")]
    Blanks,
    /// A provider's own key.
    #[error("it is a key of {vendor}, not a Keywright key")]
    Foreign {
        /// Whose it is.
        vendor: &'static str,
    },
    /// It begins like no token of Keywright's.
    #[error("it is not a Keywright key, which begins with sk_kw_")]
    Unknown,
    /// It begins like a key, but was mistyped or cut off.
    #[error(transparent)]
    Malformed(#[from] MalformedToken),
    /// A token of Keywright's that is not for keeping: its program renews or replaces it by itself.
    #[error("it is a token that begins with {}, and only keys that begin with sk_kw_ are stored", kind.prefix())]
    OtherKind {
        /// What it is.
        kind: TokenKind,
    },
}

/// Far longer than a key, far shorter than whatever else a file may hold.
const LONGEST: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<Secret, BadApiKey> {
        read_api_key(content)
    }

    #[test]
    fn one_line_break_at_the_end_is_no_part_of_the_key_and_nothing_else_is_taken_off() {
        let key = PlatformToken::mint(TokenKind::ApiKey);
        let key = key.expose();
        for content in [key.to_owned(), format!("{key}\n"), format!("{key}\r\n")] {
            assert_eq!(read(content.as_bytes()).unwrap().expose(), key);
        }
        for content in
            [format!("{key}\n\n"), format!("\n{key}"), format!("{key}\n{key}"), format!("{key}\r\r\n")]
        {
            assert!(matches!(read(content.as_bytes()), Err(BadApiKey::SeveralLines)), "{content:?}");
        }
        for content in [format!("{key} "), format!("  {key}\n"), format!("\t{key}")] {
            assert!(matches!(read(content.as_bytes()), Err(BadApiKey::Blanks)), "{content:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_told_apart_and_never_repeated() {
        let key = PlatformToken::mint(TokenKind::ApiKey);
        let cut = &key.expose()[..50];
        let nul = format!("{}\0", key.expose());
        let long = "x".repeat(4097);
        let cases: [(&[u8], &str); 11] = [
            (b"", "empty"),
            (b"\n", "empty"),
            (b"  \n", "empty"),
            (nul.as_bytes(), "not text"),
            (b"\xff\xfe", "not text"),
            (long.as_bytes(), "4 KiB"),
            (cut.as_bytes(), "mistyped or cut off"),
            (b"sk-ant-api03-canary", "Anthropic"),
            (b" sk-proj-canary", "OpenAI"),
            (b"ghp_canary", "GitHub"),
            (b"canary", "sk_kw_"),
        ];
        for (content, words) in cases {
            let error = read(content).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(words), "{text}");
            assert!(!text.contains("canary") && !text.contains(cut), "{text}");
        }
        for kind in [TokenKind::Temporary, TokenKind::Access, TokenKind::Refresh] {
            let token = PlatformToken::mint(kind);
            assert!(matches!(read(token.expose().as_bytes()), Err(BadApiKey::OtherKind { .. })));
        }
    }
}
