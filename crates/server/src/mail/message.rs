//! A mail as it travels (RFC 5322): ASCII, plain text, 7bit.

use std::time::{Duration, UNIX_EPOCH};

use keywright_protocol::{Mailbox, Timestamp};
use keywright_secret::random_hex;
use lettre::address::{Address, Envelope};
use lettre::message::header::{
    ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0,
};
use lettre::message::{Body, Mailbox as Named};
use lettre::{Message, error::Error};

use super::text::Letter;
use crate::config::Sender;

/// The message, with the envelope that goes with it. Without a sender it is one for the outbox, from nobody
/// who could be answered.
pub(super) fn message(
    from: Option<&Sender>,
    to: &Mailbox,
    letter: &Letter,
    at: Timestamp,
) -> Result<Message, Error> {
    let (name, from) = match from {
        Some(sender) => (sender.name.clone(), address(&sender.mailbox)),
        None => (Some("Keywright".to_owned()), Address::new_dangerous("keywright", "outbox.invalid")),
    };
    let to = address(to);
    let millis = u64::try_from(at.0).unwrap_or_default();
    let text = letter.text.expose().replace('\n', "\r\n");
    Message::builder()
        .message_id(Some(format!("<{}@{}>", letters(), from.domain())))
        .date(UNIX_EPOCH + Duration::from_millis(millis))
        .envelope(Envelope::new(Some(from.clone()), vec![to.clone()])?)
        .from(Named::new(name, from))
        .to(Named::new(None, to))
        .subject(letter.subject.as_str())
        // RFC 3834: nobody's machine shall answer.
        .raw_header(HeaderValue::new(
            const { HeaderName::new_from_ascii_str("Auto-Submitted") },
            "auto-generated".to_owned(),
        ))
        .header(MIME_VERSION_1_0)
        .header(ContentType::parse("text/plain; charset=us-ascii").unwrap_or(ContentType::TEXT_PLAIN))
        // It is that already, and lettre would fold lines of more than 76 characters into a form in which a
        // program does not find what it looks for.
        .body(Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit))
}

/// 24 random letters, without a digit that could be taken for one of a code.
pub(super) fn letters() -> String {
    let letter = |digit: u8| char::from(if digit.is_ascii_digit() { digit - b'0' + b'g' } else { digit });
    random_hex::<12>().expose().bytes().map(letter).collect()
}

/// A [`Mailbox`] is stricter than what lettre takes.
fn address(mailbox: &Mailbox) -> Address {
    let local = mailbox.as_str().strip_suffix(mailbox.domain()).unwrap_or_default();
    Address::new_dangerous(local.trim_end_matches('@'), mailbox.domain())
}
