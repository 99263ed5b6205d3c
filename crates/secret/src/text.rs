//! A secret text, and the masked hint that may be shown in its place.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// A secret text: wiped when dropped, never printed, compared in constant time.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes ownership of `text`; the caller should keep no copy.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself. Every call of this is a place to review.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What may be shown of it: see [`mask`].
    pub fn hint(&self) -> String {
        mask(self.expose())
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Masks a credential for people: the longer it is, the more of both ends is shown, and never more
/// than two fifths of it. Under five characters nothing is shown.
pub fn mask(text: &str) -> String {
    let length = text.chars().count();
    let shown = match length {
        20.. => 4,
        10.. => 2,
        5.. => 1,
        _ => return "...".to_owned(),
    };
    let start: String = text.chars().take(shown).collect();
    let end: String = text.chars().skip(length - shown).collect();
    format!("{start}...{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_and_hint_never_show_a_secret() {
        let secret = Secret::new("sk-ant-api03-canary-canary");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.hint(), "sk-a...nary");
    }

    #[test]
    fn masks_show_less_of_short_texts() {
        for (text, masked) in [
            ("", "..."),
            ("abcd", "..."),
            ("abcde", "a...e"),
            ("0123456789", "01...89"),
            ("01234567890123456789", "0123...6789"),
            ("äöüßé", "ä...é"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn equality_compares_contents() {
        assert_eq!(Secret::new("a"), Secret::new("a"));
        assert_ne!(Secret::new("a"), Secret::new("b"));
        assert_ne!(Secret::new("a"), Secret::new("aa"));
    }
}
