//! Platform tokens: `<kind>_kw_<43 base62 characters><6 base62 characters>`.
//!
//! The 43 characters carry 256 random bits, the last 6 are the CRC32 of all before them, so that a
//! mistyped token is known as such without a look-up. What is stored is the SHA-256 of the whole.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base62;

/// What a platform token is for; its prefix says so and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// `sk_`: an API key.
    ApiKey,
    /// `tmp_`: the token of a temporary account.
    Temporary,
    /// `at_`: an access token, of a sign-in or handed to a child process.
    Access,
    /// `rt_`: a refresh token.
    Refresh,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::Temporary, Self::Access, Self::Refresh];

    /// The prefix with which a token of this kind begins, `sk_kw_` for instance.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "sk_kw_",
            Self::Temporary => "tmp_kw_",
            Self::Access => "at_kw_",
            Self::Refresh => "rt_kw_",
        }
    }

    /// The name used in the database and on the wire: `sk`, `tmp`, `at`, `rt`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "sk",
            Self::Temporary => "tmp",
            Self::Access => "at",
            Self::Refresh => "rt",
        }
    }

    /// The kind named by [`as_str`](Self::as_str).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))
    }
}

/// A well-formed platform token. That it is well formed says nothing of whether it is any good.
pub struct PlatformToken {
    kind: TokenKind,
    text: Zeroizing<String>,
}

impl PlatformToken {
    /// Makes a new random token.
    pub fn mint(kind: TokenKind) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(TOKEN_LENGTH + kind.prefix().len()));
        text.push_str(kind.prefix());
        base62::push_random(&mut text, RANDOM_LENGTH);
        let checksum = base62::six_digits(crc32fast::hash(text.as_bytes()));
        text.extend(checksum.map(char::from));
        Self { kind, text }
    }

    /// Reads a token that somebody presented.
    ///
    /// # Errors
    /// [`MalformedToken`] when the length, a character or the checksum is wrong: mistyped or cut.
    pub fn parse(text: &str) -> Result<Self, MalformedToken> {
        let kind = TokenKind::of(text).ok_or(MalformedToken)?;
        let body = &text.as_bytes()[kind.prefix().len()..];
        if body.len() != TOKEN_LENGTH || !body.iter().all(u8::is_ascii_alphanumeric) {
            return Err(MalformedToken);
        }
        let (before, checksum) = text.as_bytes().split_at(text.len() - CHECKSUM_LENGTH);
        if base62::six_digits(crc32fast::hash(before)) != checksum {
            return Err(MalformedToken);
        }
        Ok(Self { kind, text: Zeroizing::new(text.to_owned()) })
    }

    /// The token itself. Every call of this is a place to review.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What the token is for.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// What is stored and looked up.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// What may be shown: the prefix and the first 4 characters of the body.
    pub fn hint(&self) -> String {
        self.text[..self.kind.prefix().len() + HINT_LENGTH].to_owned()
    }
}

impl fmt::Debug for PlatformToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PlatformToken({}…)", self.kind.prefix())
    }
}

/// The SHA-256 of a whole token. A 256-bit random secret needs no slower hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The 32 bytes as they are stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash held in `bytes`, if they are 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenHash({}…)", crate::hex(&self.0[..4]))
    }
}

/// Begins like a platform token, but is none: mistyped, cut off or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is mistyped or cut off: its checksum does not fit")]
pub struct MalformedToken;

/// Whether `value` begins with one of our prefixes. Such a value is ours wherever it stands, damaged
/// or not, and never somebody's provider key.
pub fn looks_like_ours(value: &str) -> bool {
    TokenKind::of(value).is_some()
}

/// Whether a platform token, whole or damaged, stands anywhere in `bytes`: any of our prefixes
/// followed by at least 16 characters of a body, so that prose about `sk_kw_` is not one.
pub fn mentions_token(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        let before = &rest[..at];
        let body = &rest[at + MARK.len()..];
        let ours = TokenKind::ALL.iter().any(|kind| before.ends_with(kind.as_str().as_bytes()));
        let length = body.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if ours && length >= 16 {
            return true;
        }
        rest = body;
    }
    false
}

/// How many characters follow the prefix.
pub const TOKEN_LENGTH: usize = RANDOM_LENGTH + CHECKSUM_LENGTH;

const RANDOM_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
const HINT_LENGTH: usize = 4;
const MARK: &[u8] = b"_kw_";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_minted_token_has_the_documented_form_and_parses() {
        for kind in TokenKind::ALL {
            let token = PlatformToken::mint(kind);
            assert_eq!(token.expose().len(), kind.prefix().len() + 49);
            let parsed = PlatformToken::parse(token.expose()).expect("parses");
            assert_eq!(parsed.kind(), kind);
            assert_eq!(parsed.hash(), token.hash());
        }
    }

    #[test]
    fn two_tokens_never_agree() {
        let first = PlatformToken::mint(TokenKind::ApiKey);
        assert_ne!(first.hash(), PlatformToken::mint(TokenKind::ApiKey).hash());
    }

    #[test]
    fn hint_and_debug_hold_at_most_the_prefix_and_four_characters() {
        let token = PlatformToken::mint(TokenKind::ApiKey);
        assert_eq!(token.hint().len(), "sk_kw_".len() + 4);
        assert!(token.expose().starts_with(&token.hint()));
        assert_eq!(format!("{token:?}"), "PlatformToken(sk_kw_…)");
    }

    #[test]
    fn every_single_mistyped_character_is_noticed() {
        let token = PlatformToken::mint(TokenKind::ApiKey);
        let text = token.expose();
        for at in "sk_kw_".len()..text.len() {
            let mut damaged = text.to_owned();
            let other = if &text[at..=at] == "x" { "y" } else { "x" };
            damaged.replace_range(at..=at, other);
            assert!(PlatformToken::parse(&damaged).is_err(), "position {at}");
            assert!(looks_like_ours(&damaged));
        }
    }

    #[test]
    fn other_lengths_alphabets_and_prefixes_are_refused() {
        let token = PlatformToken::mint(TokenKind::Access);
        let text = token.expose();
        let long = format!("{text}0");
        let utf8 = format!("{}é", &text[..text.len() - 2]);
        for wrong in
            ["", "sk_", "sk_kw_", "sk-ant-api03-x", &text[1..], &text[..text.len() - 1], &long, &utf8]
        {
            assert!(PlatformToken::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_found_inside_other_text() {
        let token = PlatformToken::mint(TokenKind::Refresh);
        assert!(mentions_token(format!("a=1; t={};", token.expose()).as_bytes()));
        assert!(mentions_token(&token.expose().as_bytes()[..30]));
        assert!(!mentions_token(b"our prefixes are sk_kw_ and rt_kw_"));
        assert!(!mentions_token(b"risk_kwargs xx_kw_0123456789012345678"));
    }

    /// A fuzz target has millions.
    const CASES: u32 = 10_000;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn parsing_any_text_never_panics(text in ".{0,300}") {
            let _ = PlatformToken::parse(&text);
            let _ = mentions_token(text.as_bytes());
        }

        #[test]
        fn parsing_anything_behind_a_prefix_never_panics(body in ".{0,80}", kind in 0usize..4) {
            let text = format!("{}{body}", TokenKind::ALL[kind].prefix());
            prop_assert!(looks_like_ours(&text));
            let _ = PlatformToken::parse(&text);
        }
    }
}
