//! Mail: the server that takes it, the mailbox that it comes from, and who may sign up by it.

use std::net::SocketAddr;

use keywright_identity::Signup;
use keywright_protocol::Mailbox;
use keywright_secret::Secret;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::is_loopback_host;
use super::read::Reader;

/// How mails go out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailSettings {
    /// The server that takes them; without one they are files in the outbox.
    pub server: Option<MailServer>,
    /// Whom they come from; always there with a server.
    pub from: Option<Sender>,
}

/// A server that takes mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// Its name or address, without brackets, as in its certificate.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept from being read.
    pub protection: Protection,
    /// What it knows us by, if it wants to.
    pub login: Option<Login>,
}

/// How a connection to a mail server is kept from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first byte: `smtps://`.
    Tls,
    /// STARTTLS, or nothing is sent: `smtp://`.
    StartTls,
    /// Nothing leaves this machine: `smtp://` and a loopback host. STARTTLS if it is offered.
    Loopback,
}

/// A login at a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// Whom mails come from. ASCII, without six digits in a row: codes alone have those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The name to show, if there is one: letters, digits, blanks, dots and dashes.
    pub name: Option<String>,
    /// The mailbox.
    pub mailbox: Mailbox,
}

impl MailServer {
    /// The addresses of a server on this machine, where plain text may be spoken: names like `localhost` are
    /// not resolved then, so that nobody's name server leads the login elsewhere.
    pub(crate) fn loopback(&self) -> Option<Vec<SocketAddr>> {
        if self.protection != Protection::Loopback {
            return None;
        }
        let ips = match self.host.parse() {
            Ok(ip) => vec![ip],
            Err(_) => vec![std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()],
        };
        Some(ips.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect())
    }
}

/// Reads `mail.*`. `reachable`: whether others than this machine use the server.
pub(super) fn read(reader: &mut Reader<'_>, reachable: bool) -> MailSettings {
    let server = reader.one("mail.smtp", mail_server);
    let from = reader.one("mail.from", sender);
    if reader.is_given("mail.smtp") && !reader.is_given("mail.from") {
        let place = reader.place("mail.smtp");
        reader.findings.problem(place, "It needs `mail.from` beside it: the mailbox that mails come from.");
    }
    if !reader.is_given("mail.smtp") && reachable {
        reader.findings.warn(
            "`mail.smtp` is not set, so nobody gets mail: codes and invitations are files in `outbox` of the data \
             folder, which `keywright admin outbox` shows.",
        );
    }
    MailSettings { server, from }
}

/// Reads `auth.signup` and the domains that go with it.
pub(super) fn signup(reader: &mut Reader<'_>) -> Signup {
    let word = reader.word("auth.signup", &["open", "domains", "invited"]);
    let domains = reader.many("auth.signup_domains", domain);
    let given = reader.is_given("auth.signup_domains");
    if word == "domains" && !given {
        let place = reader.place("auth.signup");
        reader.findings.problem(place, "It needs `auth.signup_domains` beside it, such as `example.com`.");
    }
    // An empty word is one that was refused.
    if given && matches!(word, "open" | "invited") {
        let place = reader.place("auth.signup_domains");
        reader.findings.problem(place, "It counts only beside `auth.signup = \"domains\"`.");
    }
    match word {
        "domains" => Signup::Domains(domains),
        "invited" => Signup::Invited,
        _ => Signup::Open,
    }
}

fn mail_server(text: &str) -> Option<MailServer> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    // The parser takes the host of a scheme that it does not know as it stands.
    let host = match Host::parse(url.host_str()?).ok().filter(|_| bare)? {
        Host::Domain(name) => name,
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    let (protection, usual_port) = match url.scheme() {
        "smtps" => (Protection::Tls, 465),
        "smtp" if is_loopback_host(&host) => (Protection::Loopback, 587),
        "smtp" => (Protection::StartTls, 587),
        _ => return None,
    };
    let port = url.port().unwrap_or(usual_port);
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => {
            let (user, password) = (decoded(user)?, decoded(password?)?);
            Some(Login { user, password: Secret::new(password) })
        }
    };
    (port != 0).then_some(MailServer { host, port, protection, login })
}

/// A part of a login: something, and nothing that could end a line or a field of it.
fn decoded(part: &str) -> Option<String> {
    let text = percent_decode_str(part).decode_utf8().ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.into_owned())
}

fn sender(text: &str) -> Option<Sender> {
    let (name, address) = match text.strip_suffix('>').map(|rest| rest.split_once('<')) {
        Some(Some((name, address))) => (Some(name.trim()).filter(|name| !name.is_empty()), address),
        Some(None) => return None,
        None => (None, text),
    };
    // Other signs would have to be encoded, and so could make a number.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -_.".contains(&byte);
    let name_fits = name.is_none_or(|name| name.len() <= 100 && name.bytes().all(plain));
    let numbers = text.as_bytes().windows(6).any(|run| run.iter().all(u8::is_ascii_digit));
    let mailbox = address.parse().ok()?;
    (name_fits && !numbers).then(|| Sender { name: name.map(str::to_owned), mailbox })
}

/// A domain in the form in which mailboxes are compared.
fn domain(text: &str) -> Option<String> {
    let mailbox: Mailbox = format!("a@{text}").parse().ok()?;
    Some(mailbox.domain().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_a_url_with_nothing_but_login_host_and_port() {
        for (text, host, port, protection) in [
            ("smtp://mail.example.com", "mail.example.com", 587, Protection::StartTls),
            ("smtp://Mail.Example.COM:25/", "mail.example.com", 25, Protection::StartTls),
            ("smtps://mail.example.com", "mail.example.com", 465, Protection::Tls),
            ("smtps://localhost:1465", "localhost", 1465, Protection::Tls),
            ("smtp://192.0.2.1", "192.0.2.1", 587, Protection::StartTls),
            ("smtp://[2001:db8::1]:25", "2001:db8::1", 25, Protection::StartTls),
            ("smtp://localhost", "localhost", 587, Protection::Loopback),
            ("smtp://mail.localhost:25", "mail.localhost", 25, Protection::Loopback),
            ("smtp://127.1:25", "127.0.0.1", 25, Protection::Loopback),
            ("smtp://[::1]:25", "::1", 25, Protection::Loopback),
            ("smtp://bücher.example", "xn--bcher-kva.example", 587, Protection::StartTls),
        ] {
            let host = host.to_owned();
            assert_eq!(mail_server(text), Some(MailServer { host, port, protection, login: None }), "{text}");
        }
        for text in [
            "",
            "mail.example.com",
            "mail.example.com:587",
            "smtp:mail.example.com",
            "smtp://",
            "smtp://:587",
            "smtp:///path",
            "smtp://mail.example.com:0",
            "smtp://mail.example.com:99999",
            "smtp://mail.example.com/path",
            "smtp://mail.example.com?tls=required",
            "smtp://mail.example.com#x",
            "smtp://mail example.com",
            "smtp://user@mail.example.com",
            "smtp://:password@mail.example.com",
            "smtp://user:@mail.example.com",
            "smtp://user:pass%0d%0aword@mail.example.com",
            "smtp://user:pass%00word@mail.example.com",
            "smtp://user:%ff@mail.example.com",
            "smtp+starttls://mail.example.com",
            "http://mail.example.com",
        ] {
            assert_eq!(mail_server(text), None, "{text}");
        }
    }

    #[test]
    fn signs_of_a_login_are_decoded_and_the_password_is_not_shown() {
        let server =
            mail_server("smtps://me%40example.com:can%3Aary%2F%25+@mail.example.com").expect("a server");
        let login = server.login.clone().expect("a login");
        assert_eq!((login.user.as_str(), login.password.expose()), ("me@example.com", "can:ary/%+"));
        assert!(!format!("{server:?}").contains("can:ary"));
    }

    #[test]
    fn a_name_of_this_machine_is_not_resolved() {
        let addresses = |url: &str| mail_server(url).expect("a server").loopback();
        let both = ["127.0.0.1:25", "[::1]:25"].map(|address| address.parse().expect("an address"));
        assert_eq!(addresses("smtp://mail.localhost:25").as_deref(), Some(&both[..]));
        assert_eq!(addresses("smtp://[::1]:25").as_deref(), Some(&both[1..]));
        for remote in ["smtp://mail.example.com", "smtps://localhost"] {
            assert_eq!(addresses(remote), None, "{remote}");
        }
    }

    #[test]
    fn a_sender_is_a_mailbox_with_or_without_a_name() {
        let read = |text: &str| sender(text).map(|sender| (sender.name, sender.mailbox.to_string()));
        let mailbox = "keywright@example.com".to_owned();
        assert_eq!(read("Keywright@Example.com"), Some((None, mailbox.clone())));
        assert_eq!(read("<keywright@example.com>"), Some((None, mailbox.clone())));
        let named = "Keywright of A-Team Ltd. <keywright@example.com>";
        assert_eq!(read(named), Some((Some("Keywright of A-Team Ltd.".to_owned()), mailbox)));
        for text in [
            "",
            "keywright",
            "keywright@localhost",
            "Keywright keywright@example.com",
            "Kéy <keywright@example.com>",
            "A\r\nBcc: x@y.example <keywright@example.com>",
            "A \"B\" <keywright@example.com>",
            "A, B <keywright@example.com>",
            "A <keywright@example.com",
            "keywright@example.com>",
            "A <b> <keywright@example.com>",
            "keywright123456@example.com",
            "Build 1234567 <keywright@example.com>",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
