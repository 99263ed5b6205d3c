//! What mails say. All of it is ASCII, and in a mail with a code the code is the only run of six digits: no
//! text of others has one, so that whoever reads the mail, a program for instance, cannot take another
//! number for the code. What others say of themselves cannot make a link either: a stranger must not be able
//! to have this server send advertisements.

use keywright_identity::{Asker, CodePurpose, Mail, MailContent};
use keywright_protocol::{Mailbox, OrganizationId, Role, Timestamp};
use keywright_secret::Secret;

use super::reason::without_long_numbers;

/// A mail without its headers.
pub(super) struct Letter {
    /// Has no code in it: subjects are shown on locked screens.
    pub(super) subject: String,
    /// Lines that end in `\n`.
    pub(super) text: Secret,
}

/// The mail of the server at the address `server`.
pub(super) fn compose(mail: &Mail, server: &str) -> Letter {
    match &mail.content {
        MailContent::Code { purpose, code, minutes, asker } => {
            with_code(*purpose, code, *minutes, asker, server)
        }
        MailContent::Invitation { organization, organization_name, role, invited_by, expires_at } => {
            let name = said(organization_name, NAME);
            invitation(server, *organization, name.as_deref(), *role, invited_by.as_ref(), *expires_at)
        }
    }
}

fn with_code(purpose: CodePurpose, code: &Secret, minutes: i64, asker: &Asker, server: &str) -> Letter {
    let what = match purpose {
        CodePurpose::Signup => "sign up",
        CodePurpose::Login | CodePurpose::Page => "sign in",
    };
    let taker = match purpose {
        CodePurpose::Signup => {
            "the program\nthat asked for it, for instance to `keywright auth signup-complete`, and to"
        }
        CodePurpose::Login => {
            "the program\nthat asked for it, for instance to `keywright auth login-complete`, and to"
        }
        CodePurpose::Page => "the page\nin the browser in which you have just asked for it, and to",
    };
    let code = as_written(code.expose());
    let server = without_long_numbers(server);
    let address = asker.address.to_canonical();
    let program = asker.client.as_deref().and_then(|client| said(client, SAID));
    let machine = asker.machine.as_deref().and_then(|machine| said(machine, SAID));
    let (program, machine) = (program.as_deref().unwrap_or(UNSAID), machine.as_deref().unwrap_or(UNSAID));
    let at = minute(asker.at);
    let text = format!(
        "Your code to {what} at {server}\n\
         \n    {code}\n\n\
         It is good for {minutes} minutes, once, and to {what} only. Give it to {taker}\n\
         nobody else. No link is needed, and this mail has none to follow.\n\
         \n\
         Who asked for it:\n\
         \n    address  {address}\
         \n    program  {program}\
         \n    machine  {machine}\
         \n    time     {at}\n\n\
         Program and machine are what the asker said; only the address was seen.\n\
         If it was not you, ignore this mail: without the code nothing happens.\n"
    );
    Letter { subject: format!("Your code to {what}"), text: Secret::new(text) }
}

fn invitation(
    server: &str,
    id: OrganizationId,
    name: Option<&str>,
    role: Role,
    invited_by: Option<&Mailbox>,
    expires_at: Timestamp,
) -> Letter {
    let subject = match name {
        Some(name) => format!("Invitation to {name}"),
        None => "Invitation to an organization".to_owned(),
    };
    let organization =
        name.map_or("an organization".to_owned(), |name| format!("the organization \"{name}\""));
    let by = match invited_by {
        Some(mailbox) if is_plain(mailbox) => format!("{mailbox} invites you"),
        // What stands before the @ could be a link.
        Some(mailbox) => format!("Somebody at {} invites you", mailbox.domain()),
        None => "You are invited".to_owned(),
    };
    let until = minute(expires_at);
    let text = format!(
        "{by} to {organization}\n\
         at {server}, as {role}. The invitation ends at\n\
         {until}. The id of the organization is\n\
         \n    {id}\n\n\
         To accept, prove this mailbox (EMAIL) by a code, which comes in a mail of its\n\
         own (CODE):\n\
         \n    keywright auth login-request --server {server} \\\n        --email EMAIL\
         \n    keywright auth login-complete --server {server} \\\n        --email EMAIL --code CODE \\\
         \n        --organization-id {id}\n\n\
         Or, where you are signed in already:\n\
         \n    keywright orgs invitations\
         \n    keywright orgs invitations accept ID\n\n\
         If you do not know who this is, ignore this mail: nothing happens.\n"
    );
    Letter { subject, text: Secret::new(text) }
}

/// Whether nothing in a mailbox could be taken for a link: it is chosen by whoever invites.
fn is_plain(mailbox: &Mailbox) -> bool {
    let local = mailbox.as_str().split('@').next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    local.bytes().all(plain) && !local.starts_with("www.")
}

/// A code as people read it: digits together, letters in two halves.
fn as_written(code: &str) -> String {
    match code.split_at_checked(4) {
        Some((left, right)) if code.len() == 8 => format!("{left}-{right}"),
        _ => code.to_owned(),
    }
}

/// An instant for people, to the second, in UTC.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    format!("{} {} UTC", part(0, 10), part(11, 19))
}

/// What somebody says, in a form that does no harm; `None` when nothing is left of it. Letters of other
/// scripts and signs that make links or addresses become question marks. A dot or slash stays before a
/// digit only, as in versions: mail programs make links of anything that looks like a host name.
fn said(text: &str, most: usize) -> Option<String> {
    let mut plain = String::new();
    let mut characters = text.chars().filter(|c| !c.is_control()).peekable();
    while let Some(character) = characters.next() {
        let before_digit = characters.peek().is_some_and(char::is_ascii_digit);
        plain.push(match character {
            '.' | '/' if !before_digit => ' ',
            c if c.is_ascii_alphanumeric() || " .-_/()+,;'&".contains(c) => c,
            _ => '?',
        });
    }
    let words: Vec<&str> = plain.split_ascii_whitespace().collect();
    let line: String = without_long_numbers(&words.join(" ")).chars().take(most).collect();
    line.contains(|c: char| c.is_ascii_alphanumeric() || c == '#').then_some(line)
}

const UNSAID: &str = "not said";
/// How much of what is said of program and machine is shown.
const SAID: usize = 64;
/// How much of an organization's name: a subject should stay in one line.
const NAME: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_has_no_link_no_number_and_no_control() {
        for (text, shown) in [
            ("keywright/0.1.0 (linux; x86_64)", Some("keywright/0.1.0 (linux; x86_64)")),
            ("build-7.corp.example.com", Some("build-7 corp example com")),
            ("https://evil.example/?a=1", Some("https? evil example ?a?1")),
            ("Payroll 1.2.3.4/login", Some("Payroll 1.2.3.4 login")),
            ("ask me@evil.example", Some("ask me?evil example")),
            ("a\r\nBcc: b@c.example", Some("aBcc? b?c example")),
            ("a\u{202e}b", Some("a?b")),
            ("code 123456 code", Some("code ###### code")),
            ("12345\u{0}6", Some("######")),
            ("  a \t b  ", Some("a b")),
            ("日本語", None),
            ("...", None),
            ("", None),
        ] {
            assert_eq!(said(text, 64).as_deref(), shown, "{text:?}");
        }
        assert_eq!(said(&"a".repeat(99), 64).map(|line| line.len()), Some(64));
    }

    #[test]
    fn a_mailbox_that_looks_like_a_link_is_named_by_its_domain() {
        let by = |mailbox: &str| {
            let mailbox = mailbox.parse().expect("a mailbox");
            let end = Timestamp(1_795_000_000_000);
            let letter = invitation("x", OrganizationId::LOCAL, None, Role::Member, Some(&mailbox), end);
            letter.text.expose().lines().next().unwrap_or_default().to_owned()
        };
        assert!(by("ada.b+c@example.com").starts_with("ada.b+c@example.com invites you"));
        for link in ["www.evil.example@example.com", "evil.example/win?id=1@example.com"] {
            assert!(by(link).starts_with("Somebody at example.com invites you"), "{}", by(link));
        }
    }

    #[test]
    fn letters_are_written_in_two_halves_and_digits_together() {
        assert_eq!(as_written("BCDFGHJK"), "BCDF-GHJK");
        assert_eq!(as_written("012345"), "012345");
    }
}
