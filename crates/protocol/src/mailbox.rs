//! Addresses of mailboxes, in the one form that is compared, stored and written to.

use std::fmt;
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

/// The address of a mailbox: ASCII, in lower case, the domain as DNS has it. What is not ASCII before the
/// `@` is refused, since look-alikes would be other people; what is not ASCII behind it has one ASCII form.
/// Nothing is cut off: `me+x@` and `me@` are two mailboxes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox(String);

impl Mailbox {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Mailbox {
    type Err = BadMailbox;

    fn from_str(text: &str) -> Result<Self, BadMailbox> {
        // An address that is longer cannot be a path of SMTP (RFC 5321, 4.5.3.1.3).
        if text.len() > LONGEST {
            return Err(BadMailbox);
        }
        let (local, domain) = text.split_once('@').ok_or(BadMailbox)?;
        if !is_local_part(local) {
            return Err(BadMailbox);
        }
        let address = format!("{}@{}", local.to_ascii_lowercase(), ascii_domain(domain)?);
        if address.len() > LONGEST { Err(BadMailbox) } else { Ok(Self(address)) }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The text is no address that mail can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address like you@example.com, with ASCII letters before the @")]
pub struct BadMailbox;

/// Words of RFC 5322's `atext` with dots between, without what mail servers have taken for routes: `%` and
/// `!`. Quoted ones are refused: every tool on the way reads them differently.
fn is_local_part(local: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"#$&'*+-/=?^_`{|}~".contains(&byte);
    (1..=64).contains(&local.len())
        && local.split('.').all(|word| !word.is_empty() && word.bytes().all(plain))
}

/// The domain as DNS has it: at least two labels, not an IP address, without the dot at its end.
fn ascii_domain(domain: &str) -> Result<String, BadMailbox> {
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::VerifyAllowRootDot,
        )
        .map_err(|_| BadMailbox)?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    let last = name.rsplit('.').next().unwrap_or_default();
    let named = name.contains('.') && !last.bytes().all(|byte| byte.is_ascii_digit());
    if named { Ok(name.to_owned()) } else { Err(BadMailbox) }
}

const LONGEST: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        text.parse::<Mailbox>().ok().map(|mailbox| mailbox.to_string())
    }

    #[test]
    fn every_spelling_of_a_mailbox_is_the_same_one() {
        for text in ["a@example.com", "A@Example.COM", "a@example.com.", "a@ｅxample.com", "a@example。com"]
        {
            assert_eq!(read(text).as_deref(), Some("a@example.com"), "{text}");
        }
        assert_eq!(read("a@bücher.example").as_deref(), Some("a@xn--bcher-kva.example"));
        assert_eq!(read("a@xn--bcher-kva.example").as_deref(), Some("a@xn--bcher-kva.example"));
        assert_eq!(read("a.b+c@x.example").as_deref(), Some("a.b+c@x.example"), "nothing is cut off");
    }

    #[test]
    fn look_alikes_routes_and_what_could_break_out_of_a_header_are_refused() {
        let long = format!("{}@example.com", "a".repeat(243));
        for text in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@b@example.com",
            "a@@example.com",
            "a @example.com",
            "a@example.com\r\nBcc: b@y.example",
            "a\n@example.com",
            "a\0@example.com",
            "a@exam\0ple.com",
            "a%0d%0a@example.com",
            "a%b@example.com",
            "a!b@example.com",
            "\"a b\"@example.com",
            "\"a\"@example.com",
            "\u{131}@example.com",
            "\u{212a}@example.com",
            "\u{fb01}@example.com",
            "\u{ff41}@example.com",
            "é@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a@localhost",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@-x.example",
            "a@x_y.example",
            "a@.example",
            "a@example..com",
            "<a@example.com>",
            "a@example.com,b@x.y",
            "a\u{202e}@example.com",
            "a@exa\u{202e}mple.com",
            &long,
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        let longest = format!("{}@{}.example", "a".repeat(64), ["b"; 60].join(".").replace('b', "bb"));
        assert_eq!(longest.len(), 252);
        assert!(read(&longest).is_some());
        assert_eq!(read(&format!("{}@x.example", "a".repeat(65))), None);
    }

    proptest::proptest! {
        /// However it was spelled, what is read is one spelling, which can stand in the head of a mail.
        #[test]
        fn what_is_read_is_its_own_only_spelling(
            text in "[A-Za-z.+_'-]{1,8}@[A-Za-zßüｅ-]{1,6}[.。][A-Za-zé]{1,6}\\.?|\\PC{1,8}@\\PC{1,8}"
        ) {
            if let Ok(mailbox) = text.parse::<Mailbox>() {
                proptest::prop_assert!(mailbox.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                proptest::prop_assert!(!mailbox.as_str().bytes().any(|byte| byte.is_ascii_uppercase()));
                proptest::prop_assert_eq!(mailbox.as_str().matches('@').count(), 1);
                proptest::prop_assert_eq!(read(mailbox.as_str()), Some(mailbox.to_string()));
                let loud = mailbox.as_str().to_ascii_uppercase();
                proptest::prop_assert_eq!(read(&loud), Some(mailbox.to_string()));
            }
        }
    }
}
