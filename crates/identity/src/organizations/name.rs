//! What an organization, or a service account in it, is called, and what it says of itself.

use keywright_protocol::{ApiError, ErrorCode};

/// 1 to 100 characters that stay on one line and in the order in which they are written, the first and
/// the last no blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrganizationName(String);

impl OrganizationName {
    /// Reads a name. Blanks around it are not of it.
    ///
    /// # Errors
    /// `COMPANY_NAME_TOO_LONG`, `INVALID_NAME`.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let text = text.trim();
        if text.chars().count() > LONGEST_NAME {
            Err(ErrorCode::CompanyNameTooLong.into())
        } else if text.is_empty() || text.chars().any(misleads) {
            Err(ApiError::new(ErrorCode::InvalidName).because(
                "A name has 1 to 100 characters, and none that breaks the line or turns the direction of \
                 writing.",
            ))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The name.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// At most 500 characters, of which line breaks and tabs are the only controls; kept as they are, but
/// for blank ones, which are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrganizationDescription(String);

impl OrganizationDescription {
    /// Reads a description.
    ///
    /// # Errors
    /// `INVALID_REQUEST`.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let text = if text.trim().is_empty() { "" } else { text };
        let good = |character: char| matches!(character, '\n' | '\t') || !misleads(character);
        if text.chars().count() <= LONGEST_DESCRIPTION && text.chars().all(good) {
            return Ok(Self(text.to_owned()));
        }
        Err(ApiError::new(ErrorCode::InvalidRequest).because(
            "A description has at most 500 characters, and no control characters but line breaks and tabs.",
        ))
    }

    /// The description.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// Whether a character would make a terminal, a page or a mail show something else than what is written:
/// controls, line separators, and those that turn the direction of writing (UAX #9, 2.6).
pub(crate) fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const LONGEST_NAME: usize = 100;
const LONGEST_DESCRIPTION: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    /// Abuse case 15.
    #[test]
    fn a_name_stays_on_its_line_and_has_a_hundred_characters_of_any_script() {
        for good in ["Acme", "a", "Müller & Söhne", "東京", &"é".repeat(100), "<b>", "'; --", "مصنع"]
        {
            let name = OrganizationName::parse(good).expect("a name");
            assert_eq!(name.into_text(), good);
        }
        assert_eq!(OrganizationName::parse("  Acme\t").expect("a name").into_text(), "Acme");
        let bad =
            ["", "  ", "a\r\nBcc: b@y.example", "a\nb", "\u{202e}gro", "a\u{2066}b", "a\0", "a\u{2028}b"];
        for bad in bad {
            let error = OrganizationName::parse(bad).expect_err("refused");
            assert_eq!(error.code, ErrorCode::InvalidName, "{bad:?}");
        }
        let error = OrganizationName::parse(&"é".repeat(101)).expect_err("refused");
        assert_eq!(error.code, ErrorCode::CompanyNameTooLong);
    }

    #[test]
    fn a_description_may_have_lines_and_no_other_controls() {
        for good in ["", "one\n\ttwo", &"é".repeat(500)] {
            assert!(OrganizationDescription::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["a\u{1b}[2J", "a\r\n", "\u{202e}", "a\0b", &"é".repeat(501)] {
            let error = OrganizationDescription::parse(bad).expect_err("refused");
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{bad:?}");
        }
    }
}
