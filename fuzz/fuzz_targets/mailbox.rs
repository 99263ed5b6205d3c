//! Whatever is read as a mailbox can be written into a mail's head, and is its own only spelling; whatever is read
//! as a code is one.
#![no_main]

use keywright_protocol::Mailbox;
use keywright_secret::{LETTERS, MailedCode};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(mailbox) = text.parse::<Mailbox>() {
        let address = mailbox.as_str();
        assert!(address.len() <= 254 && address.bytes().all(|byte| byte.is_ascii_graphic()), "{address}");
        assert!(!address.bytes().any(|byte| byte.is_ascii_uppercase() || b"<>,;:\"()[]\\%!".contains(&byte)));
        assert_eq!(address.matches('@').count(), 1);
        assert!(mailbox.domain().contains('.') && !mailbox.domain().ends_with('.'));
        assert_eq!(address.parse::<Mailbox>().as_ref(), Ok(&mailbox));
    }
    if let Some(code) = MailedCode::parse(text) {
        let code = code.secret().expose();
        let digits = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
        let letters = code.len() == 8 && code.bytes().all(|byte| LETTERS.contains(&byte));
        assert!(digits || letters, "{code}");
        assert!(MailedCode::parse(code).is_some());
    }
});
