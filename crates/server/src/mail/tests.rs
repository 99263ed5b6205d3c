//! Mails as somebody gets them: their form for any text that others put into them, and their way through a
//! real mail server (`./test` installs it).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use keywright_identity::{Asker, CodePurpose};
use keywright_protocol::{OrganizationId, Role, SystemClock, Timestamp};
use keywright_secret::Secret;
use keywright_testkit::{MailManner, MailServer, code_in};
use lettre::Message;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const CODE: &str = "482913";

fn code_mail(to: &str, client: Option<&str>, machine: Option<&str>) -> Mail {
    let asker = Asker {
        address: "203.0.113.7".parse().expect("an address"),
        client: client.map(str::to_owned),
        machine: machine.map(str::to_owned),
        at: Timestamp::parse("2026-11-21T03:32:12Z").expect("an instant"),
    };
    let code = Secret::new(CODE);
    let content = MailContent::Code { purpose: CodePurpose::Signup, code, minutes: 10, asker };
    Mail { to: to.parse().expect("a mailbox"), content }
}

fn invitation(name: &str) -> Mail {
    let content = MailContent::Invitation {
        organization: OrganizationId::new(),
        organization_name: name.to_owned(),
        role: Role::Admin,
        invited_by: Some("owner@example.com".parse().expect("a mailbox")),
        expires_at: Timestamp::parse("2026-11-28T03:32:12Z").expect("an instant"),
    };
    Mail { to: "a@example.com".parse().expect("a mailbox"), content }
}

fn composed(mail: &Mail, from: Option<&Sender>) -> String {
    let letter = text::compose(mail, "https://keywright.example.com");
    let message: Message = message(from, &mail.to, &letter, Timestamp(1_795_231_932_123)).expect("a message");
    String::from_utf8(message.formatted()).expect("a text")
}

/// A mail's headers, unfolded, and its text.
fn opened(mail: &str) -> (Vec<(String, String)>, String) {
    let (head, text) = mail.split_once("\r\n\r\n").expect("head and text");
    let head = head.replace("\r\n ", " ");
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}"));
        (name.to_owned(), value.to_owned())
    };
    (head.split("\r\n").map(field).collect(), text.to_owned())
}

/// The runs of six or more digits.
fn long_numbers(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 6).collect()
}

fn sender() -> Sender {
    Sender { name: Some("Key Wright Ltd.".to_owned()), mailbox: "k@mail.example".parse().expect("a mailbox") }
}

/// All that must hold for a mail, whatever stands in it: ASCII in lines that every mail server takes, and the
/// headers that we wrote and no others.
fn check_form(mail: &str) -> (Vec<(String, String)>, String) {
    assert!(
        mail.bytes().all(|byte| byte == b'\r' || byte == b'\n' || (b' '..=b'~').contains(&byte)),
        "{mail:?}"
    );
    assert_eq!(mail.matches('\r').count(), mail.matches("\r\n").count());
    assert_eq!(mail.matches('\n').count(), mail.matches("\r\n").count());
    assert!(mail.split("\r\n").all(|line| line.len() < 200));
    let (headers, text) = opened(mail);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let ours = [
        "Message-ID",
        "Date",
        "From",
        "To",
        "Subject",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    assert_eq!(names, ours);
    assert!(!mail.contains("=?"), "nothing is encoded: {mail}");
    (headers, text)
}

#[test]
fn a_mail_with_a_code_says_what_for_who_asked_and_what_to_do() {
    let mail =
        composed(&code_mail("a@example.com", Some("keywright/0.1.0"), Some("build-7")), Some(&sender()));
    let (headers, text) = check_form(&mail);
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, it)| it.as_str());
    assert_eq!(header("To"), Some("a@example.com"));
    assert_eq!(header("From"), Some(r#""Key Wright Ltd." <k@mail.example>"#));
    assert_eq!(header("Subject"), Some("Your code to sign up"));
    assert_eq!(header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(header("Content-Type"), Some("text/plain; charset=us-ascii"));
    assert_eq!(header("Content-Transfer-Encoding"), Some("7bit"));
    assert_eq!(header("Date"), Some("Sat, 21 Nov 2026 03:32:12 +0000"));
    assert!(header("Message-ID").is_some_and(|id| id.ends_with("@mail.example>")));
    for part in [
        "sign up at https://keywright.example.com",
        "10 minutes",
        "203.0.113.7",
        "keywright/0.1.0",
        "build-7",
        "2026-11-21 03:32:12 UTC",
        "keywright auth signup-complete",
        "If it was not you, ignore this mail",
    ] {
        assert!(text.contains(part), "no {part}: {text}");
    }
    assert_eq!(code_in(&mail), CODE);
    assert!(!text.contains("<") && text.matches("://").count() == 1, "no link but the server's name: {text}");
}

#[test]
fn letters_stand_in_two_halves_and_a_login_is_called_one() {
    let mut mail = code_mail("a@example.com", None, None);
    if let MailContent::Code { purpose, code, .. } = &mut mail.content {
        (*purpose, *code) = (CodePurpose::Login, Secret::new("BCDFGHJK"));
    }
    let mail = composed(&mail, None);
    let (headers, text) = check_form(&mail);
    assert_eq!(code_in(&mail), "BCDF-GHJK");
    assert!(headers.contains(&("Subject".to_owned(), "Your code to sign in".to_owned())));
    assert!(text.contains("program  not said") && text.contains("login-complete"), "{text}");
    assert_eq!(long_numbers(&mail), Vec::<&str>::new());
}

#[test]
fn an_invitation_names_the_organization_and_how_to_accept() {
    let mail = composed(&invitation("Acme & Söhne"), Some(&sender()));
    let (headers, text) = check_form(&mail);
    assert!(headers.contains(&("Subject".to_owned(), "Invitation to Acme & S?hne".to_owned())));
    for part in [
        "owner@example.com invites you to the organization \"Acme & S?hne\"",
        "as admin",
        "2026-11-28 03:32:12 UTC",
        "--organization-id org_",
        "keywright auth login-request --server https://keywright.example.com",
        "keywright orgs invitations accept ID",
    ] {
        assert!(text.contains(part), "no {part}: {text}");
    }
    let unnamed = composed(&invitation("日本語"), None);
    assert!(
        check_form(&unnamed).1.contains("invites you to an organization\n".replace('\n', "\r\n").as_str())
    );
}

/// Texts that try: signs of mails, of links, of numbers, of other scripts.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[0-9]{1,12}",
        Just("\r\nBcc: b@y.example\r\n\r\n".to_owned()),
        Just("\r\n.\r\nMAIL FROM:<x@y.example>\r\n".to_owned()),
        Just("https://evil.example/".to_owned()),
        Just("=?utf-8?q?x?=".to_owned()),
        Just("٣٤٥٦٧٨".to_owned()),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_code_is_the_only_number_and_no_header_is_injected_whatever_the_asker_says(
        client in proptest::option::of(any_text()),
        machine in proptest::option::of(any_text()),
        address in any::<IpAddr>(),
    ) {
        let mut mail = code_mail("a@example.com", client.as_deref(), machine.as_deref());
        if let MailContent::Code { asker, .. } = &mut mail.content {
            asker.address = address;
        }
        let mail = composed(&mail, Some(&sender()));
        check_form(&mail);
        prop_assert_eq!(long_numbers(&mail), vec![CODE]);
        prop_assert_eq!(mail.matches("://").count(), 1, "{}", mail);
        prop_assert!(!mail.contains("evil.example"), "{}", mail);
    }

    #[test]
    fn no_name_of_an_organization_injects_a_header(name in any_text()) {
        let mail = composed(&invitation(&name), Some(&sender()));
        let (headers, _) = check_form(&mail);
        prop_assert!(headers.iter().any(|(name, it)| name == "Subject" && it.starts_with("Invitation to ")));
    }
}

/// A server's post with these settings, and its data folder.
fn post(settings: &[(&str, &str)]) -> (Post, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    let mut flags = BTreeMap::from([("data_dir".to_owned(), data.display().to_string())]);
    for (path, value) in settings {
        flags.insert((*path).to_owned(), (*value).to_owned());
    }
    let (config, _) = Config::load(&flags, &BTreeMap::new(), None).expect("a good configuration");
    let url = Url::parse("https://keywright.example.com").expect("a URL");
    let post = Post::open(&config, &url, Arc::new(SystemClock)).expect("a post");
    (post, folder)
}

fn by_smtp(url: &str, more: &[(&str, &str)]) -> (Post, TempDir) {
    post(&[&[("mail.smtp", url), ("mail.from", "Keywright <k@mail.example>")], more].concat())
}

/// Why a mail was not taken, for sure.
async fn failure(post: &Post, to: &str) -> String {
    let MailFailed { reason, may_arrive } = failed(post, to).await;
    assert!(!may_arrive, "{reason}");
    reason
}

/// The same where nobody knows.
async fn doubt(post: &Post, to: &str) -> String {
    let MailFailed { reason, may_arrive } = failed(post, to).await;
    assert!(may_arrive, "{reason}");
    reason
}

async fn failed(post: &Post, to: &str) -> MailFailed {
    let begun = Instant::now();
    let failed = post.send(code_mail(to, None, None)).await.expect_err("a failure");
    let reason = &failed.reason;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}: {reason}", begun.elapsed());
    assert!(!reason.contains(CODE) && !reason.contains("canary"), "{reason}");
    failed
}

const TO: &str = "agent@example.com";

#[tokio::test]
async fn on_loopback_a_mail_goes_in_clear_and_arrives_as_it_was_written() {
    let server = MailServer::start(MailManner::plain());
    let (post, _folder) = by_smtp(&server.url(), &[]);
    for (client, text) in [("first", "."), ("second", "..\r\n.")] {
        post.send(code_mail(TO, Some(client), Some(text))).await.expect("sent");
        let mail = server.next();
        assert_eq!((mail.from.as_str(), &mail.to[..]), ("k@mail.example", &[TO.to_owned()][..]));
        assert_eq!((mail.encrypted, mail.login, mail.hello.as_str()), (false, None, "mail.example"));
        check_form(&mail.message);
        assert!(mail.message.contains(client));
        assert_eq!(code_in(&mail.message), CODE);
    }
}

#[tokio::test]
async fn on_loopback_starttls_is_used_where_it_is_offered_whoever_signed_the_certificate() {
    let server = MailServer::start(MailManner::starttls().login("me@x", "can:ary/%"));
    let login = format!("smtp://me%40x:can%3Aary%2F%25@localhost:{}", server.port());
    by_smtp(&login, &[]).0.send(code_mail(TO, None, None)).await.expect("sent");
    let mail = server.next();
    assert_eq!((mail.encrypted, mail.login.as_deref()), (true, Some("me@x")));
}

#[tokio::test]
async fn beyond_loopback_starttls_and_a_certificate_of_a_known_authority_are_needed() {
    let server = MailServer::start(MailManner::starttls().login("me", "canary-password"));
    let url = format!("smtp://me:canary-password@0.0.0.0:{}", server.port());
    assert!(failure(&by_smtp(&url, &[]).0, TO).await.contains("STARTTLS, which fails: "));
    let authority = server.certificate().display().to_string();
    let trusting = by_smtp(&url, &[("tls.extra_ca", &authority)]);
    trusting.0.send(code_mail(TO, None, None)).await.expect("sent");
    let mail = server.next();
    assert_eq!((mail.encrypted, mail.login.as_deref()), (true, Some("me")));

    let plain = MailServer::start(MailManner::plain().login("me", "canary-password"));
    let url = format!("smtp://me:canary-password@0.0.0.0:{}", plain.port());
    assert!(failure(&by_smtp(&url, &[]).0, TO).await.contains("offers no STARTTLS"));
    assert!(plain.mails().is_empty());
}

#[tokio::test]
async fn tls_from_the_first_byte_needs_a_certificate_of_a_known_authority_on_loopback_too() {
    let server = MailServer::start(MailManner::tls());
    let url = format!("smtps://0.0.0.0:{}", server.port());
    let authority = server.certificate().display().to_string();
    failure(&by_smtp(&url, &[]).0, TO).await;
    let local = format!("smtps://127.0.0.1:{}", server.port());
    failure(&by_smtp(&local, &[("tls.extra_ca", &authority)]).0, TO).await;
    by_smtp(&url, &[("tls.extra_ca", &authority)]).0.send(code_mail(TO, None, None)).await.expect("sent");
    assert!(server.next().encrypted);
}

#[tokio::test]
async fn a_login_is_sent_where_it_is_wanted_and_a_wrong_one_is_told_without_it() {
    let server = MailServer::start(MailManner::plain().login("me", "canary-password"));
    let good = format!("smtp://me:canary-password@127.0.0.1:{}", server.port());
    by_smtp(&good, &[]).0.send(code_mail(TO, None, None)).await.expect("sent");
    assert_eq!(server.next().login.as_deref(), Some("me"));
    let wrong = format!("smtp://me:canary-other@127.0.0.1:{}", server.port());
    assert!(failure(&by_smtp(&wrong, &[]).0, TO).await.contains("takes no login: it answers 535"));
    assert!(failure(&by_smtp(&server.url(), &[]).0, TO).await.contains("refuses the mail"));
}

#[tokio::test]
async fn a_mail_server_that_is_away_slow_or_refuses_is_told_in_time_and_the_next_mail_goes() {
    let slow = MailServer::start(MailManner::plain().slow(30));
    assert!(doubt(&by_smtp(&slow.url(), &[]).0, TO).await.contains("did not take it within 4s"));

    let gone = MailServer::start(MailManner::plain().hanging_up());
    assert!(doubt(&by_smtp(&gone.url(), &[]).0, TO).await.contains("broke off"));

    let choosy = MailServer::start(MailManner::plain().refusing(TO));
    let (post, _folder) = by_smtp(&choosy.url(), &[]);
    assert!(failure(&post, TO).await.contains("550"));
    post.send(code_mail("other@example.com", None, None)).await.expect("sent");
    assert_eq!(choosy.next_code("other@example.com"), CODE);

    let port = choosy.stop();
    assert!(failure(&post, "other@example.com").await.contains("cannot be spoken to"));
    let again = MailServer::start(MailManner::plain().port(port));
    post.send(code_mail(TO, None, None)).await.expect("sent as soon as it is back");
    assert_eq!(again.next_code(TO), CODE);
}

#[tokio::test]
async fn a_mail_server_that_repeats_the_mail_does_not_bring_the_code_into_the_log() {
    let server = MailServer::start(MailManner::plain().repeating());
    let reason = failure(&by_smtp(&server.url(), &[]).0, TO).await;
    assert!(reason.contains("554") && reason.contains("It is good for 10 minutes"), "{reason}");
}

#[tokio::test]
async fn without_a_mail_server_a_mail_is_a_file_that_nobody_else_can_read() {
    let (post, folder) = post(&[]);
    post.send(code_mail(TO, Some("keywright/0.1.0"), None)).await.expect("written");
    post.send(invitation("Acme")).await.expect("written");
    let outbox = Outbox::of(&folder.path().join("data"));
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(outbox.folder()), 0o700);
    let [first, second] = &outbox.mails().expect("mails")[..] else { panic!("not two mails") };
    assert_eq!((first.to.as_str(), first.subject.as_str()), (TO, "Your code to sign up"));
    assert_eq!(second.subject, "Invitation to Acme");
    assert!(first.at <= second.at && first.text.starts_with("Your code"));
    assert_eq!(code_in(&first.text), CODE);
    assert_eq!(mode(&first.file), 0o600);
    check_form(&std::fs::read_to_string(&first.file).expect("a mail"));
}

#[tokio::test]
async fn mails_of_the_outbox_go_after_a_week() {
    let (_post, folder) = post(&[]);
    let outbox = Outbox::of(&folder.path().join("data"));
    let now = Timestamp(1_795_231_932_123);
    let day = 86_400;
    for age in [8 * day, 7 * day, 0] {
        outbox
            .put(b"To: a@x.example\r\nSubject: s\r\n\r\nt\r\n".to_vec(), now.plus_seconds(-age))
            .await
            .expect("put");
    }
    let strange = outbox.folder().join("notes.txt");
    let half = outbox.folder().join(".new-x");
    std::fs::write(&strange, "mine").expect("a file");
    let old = std::fs::File::create(&half).expect("a file");
    assert_eq!(outbox.sweep(now).await.expect("swept"), 1);
    let ages: Vec<i64> =
        outbox.mails().expect("mails").iter().map(|it| now.millis_since(it.at) / 1_000).collect();
    assert_eq!(ages, [7 * day, 0]);
    old.set_modified(std::time::SystemTime::now() - Duration::from_secs(7_200)).expect("set");
    assert_eq!(outbox.sweep(now).await.expect("swept"), 1);
    assert!(strange.exists() && !half.exists(), "only what is ours is removed");
}

#[tokio::test]
async fn an_outbox_that_cannot_be_written_fails_the_mail_and_says_where() {
    let (post, folder) = post(&[]);
    let outbox = folder.path().join("data/outbox");
    std::fs::write(&outbox, "in the way").expect("a file");
    assert!(failure(&post, TO).await.contains("outbox cannot be written"));
}
