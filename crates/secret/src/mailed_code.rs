//! Codes that are mailed and typed in again: short, so that they are only good for a while and a few tries.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Secret, fill_random};

/// A code as it is mailed: six digits, or eight letters of [`LETTERS`] where more guesses are about. That
/// a text is one says nothing of whether it was ever mailed.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedCode(Secret);

impl MailedCode {
    /// Six random digits, each of the million equally likely.
    pub fn mint_digits() -> Self {
        Self::mint(DIGITS, DIGITS_LONG)
    }

    /// Eight random letters, 34 bits.
    pub fn mint_letters() -> Self {
        Self::mint(LETTERS, LETTERS_LONG)
    }

    fn mint(alphabet: &[u8], length: usize) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(length));
        // A byte at or above the last multiple would favour the first of the alphabet: it is drawn again.
        let fair = 256 - 256 % alphabet.len();
        while text.len() < length {
            let mut bytes = Zeroizing::new([0u8; 16]);
            fill_random(bytes.as_mut());
            let left = length - text.len();
            let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
            text.extend(drawn.take(left).map(|byte| char::from(alphabet[byte % alphabet.len()])));
        }
        Self(Secret::new(text.as_str()))
    }

    /// Reads what somebody typed: blanks and dashes between, and the case of letters, do not matter.
    /// `None` for what cannot be a code.
    pub fn parse(text: &str) -> Option<Self> {
        // Nothing that is longer is a code with blanks in it.
        if text.len() > LONGEST_TYPED {
            return None;
        }
        let typed = text.chars().filter(|character| !character.is_whitespace() && *character != '-');
        let code = Zeroizing::new(typed.map(|character| character.to_ascii_uppercase()).collect::<String>());
        let of = |alphabet: &[u8]| code.bytes().all(|byte| alphabet.contains(&byte));
        let good = code.len() == DIGITS_LONG && of(DIGITS) || code.len() == LETTERS_LONG && of(LETTERS);
        good.then(|| Self(Secret::new(code.as_str())))
    }

    /// The code itself.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Debug for MailedCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MailedCode(…)")
    }
}

const DIGITS: &[u8; 10] = b"0123456789";
/// Consonants that are not taken for one another and spell no words (RFC 8628, 6.1).
pub const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const DIGITS_LONG: usize = 6;
const LETTERS_LONG: usize = 8;
const LONGEST_TYPED: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(text: &str) -> Option<String> {
        MailedCode::parse(text).map(|code| code.secret().expose().to_owned())
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for text in ["012345", " 012 345\n", "012-345", "0 1-2 3 4 5"] {
            assert_eq!(read(text).as_deref(), Some("012345"), "{text:?}");
        }
        for text in ["BCDFGHJK", "bcdf-ghjk", "Bcdf Ghjk"] {
            assert_eq!(read(text).as_deref(), Some("BCDFGHJK"), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        let padded = format!("012345{}", " ".repeat(59));
        for text in [
            "",
            "-",
            "01234",
            "0123456",
            "01234a",
            "BCDFGHJ",
            "BCDFGHJA",
            "BCDFGHJ1",
            "０１２３４５",
            &padded,
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn minted_codes_read_back_and_use_the_whole_alphabet_evenly() {
        for (mint, alphabet, draws) in [
            (MailedCode::mint_digits as fn() -> MailedCode, &DIGITS[..], 4_000),
            (MailedCode::mint_letters, &LETTERS[..], 6_000),
        ] {
            let mut seen: BTreeMap<u8, usize> = BTreeMap::new();
            let mut first_is_the_least = false;
            for _ in 0..draws {
                let code = mint();
                assert_eq!(read(code.secret().expose()).as_deref(), Some(code.secret().expose()));
                first_is_the_least |= code.secret().expose().as_bytes()[0] == alphabet[0];
                code.secret().expose().bytes().for_each(|byte| *seen.entry(byte).or_default() += 1);
            }
            assert!(first_is_the_least, "leading zeros are kept");
            // 2,400 of each expected, standard deviation under 49: eight of them either way.
            assert_eq!(seen.len(), alphabet.len());
            assert!(seen.values().all(|count| (2_000..=2_800).contains(count)), "{seen:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", MailedCode::mint_digits()), "MailedCode(…)");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_read_is_a_code_and_reads_back(text in "[0-9b-zB-Z \\-]{0,20}|\\PC{0,80}") {
            if let Some(code) = read(&text) {
                let digits = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
                let letters = code.len() == 8 && code.bytes().all(|byte| LETTERS.contains(&byte));
                proptest::prop_assert!(digits || letters);
                proptest::prop_assert_eq!(read(&code), Some(code));
            }
        }
    }
}
