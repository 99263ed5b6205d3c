//! `pending.json`: which request a mailbox code belongs to.

use std::os::unix::fs::PermissionsExt;

use keywright_client::{PlainText, ServerUrl};
use keywright_credentials::{AskedCode, CodePurpose, PendingCodes};
use keywright_protocol::{Clock, CodeRequestId, Mailbox, Timestamp};
use serde_json::{Value, json};

struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp(self.0)
    }
}

const DAY: i64 = 86_400_000;

fn server(text: &str) -> ServerUrl {
    ServerUrl::parse(text, PlainText::LoopbackOnly).unwrap()
}

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

#[test]
fn a_request_is_found_for_its_server_mailbox_and_purpose_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let codes = PendingCodes::new(folder.path().join("keywright/pending.json"));
    let (here, there) = (server("https://k.example"), server("https://other.example"));
    let (ada, bob) = (mailbox("ada@example.com"), mailbox("bob@example.com"));
    let asked = AskedCode { server: &here, mailbox: &ada, purpose: CodePurpose::Signup };
    assert_eq!(codes.find(asked, &At(0)).unwrap(), None);
    assert!(!codes.path().parent().unwrap().exists(), "looking makes nothing");
    let (first, second, login) = (CodeRequestId::new(), CodeRequestId::new(), CodeRequestId::new());
    assert_eq!(codes.note(asked, first, &At(0)).unwrap(), None);
    assert_eq!(codes.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let to_sign_in = AskedCode { purpose: CodePurpose::Login, ..asked };
    codes.note(to_sign_in, login, &At(1)).unwrap();
    // However it was written, it is the same mailbox.
    let spelled = mailbox("ADA@Example.com");
    codes.note(AskedCode { mailbox: &spelled, ..asked }, second, &At(2)).unwrap();
    assert_eq!(codes.find(asked, &At(3)).unwrap(), Some(second));
    assert_eq!(codes.find(to_sign_in, &At(3)).unwrap(), Some(login));
    assert_eq!(codes.find(AskedCode { server: &there, ..asked }, &At(3)).unwrap(), None);
    assert_eq!(codes.find(AskedCode { mailbox: &bob, ..asked }, &At(3)).unwrap(), None);
    codes.forget(asked, &At(4)).unwrap();
    assert_eq!(codes.find(asked, &At(5)).unwrap(), None);
    assert_eq!(codes.find(to_sign_in, &At(5)).unwrap(), Some(login));
}

#[test]
fn after_a_day_a_request_counts_no_more_and_goes_with_the_next_write() {
    let folder = tempfile::tempdir().unwrap();
    let codes = PendingCodes::new(folder.path().join("pending.json"));
    let (here, ada, bob) =
        (server("https://k.example"), mailbox("ada@example.com"), mailbox("bob@example.com"));
    let asked = AskedCode { server: &here, mailbox: &ada, purpose: CodePurpose::Signup };
    codes.note(asked, CodeRequestId::new(), &At(0)).unwrap();
    assert!(codes.find(asked, &At(DAY - 1)).unwrap().is_some());
    assert!(codes.find(asked, &At(DAY)).unwrap().is_none());
    codes.note(AskedCode { mailbox: &bob, ..asked }, CodeRequestId::new(), &At(DAY)).unwrap();
    let content = std::fs::read_to_string(codes.path()).unwrap();
    assert!(content.contains("bob@") && !content.contains("ada@"), "{content}");
}

#[test]
fn fields_of_later_versions_are_kept_and_a_damaged_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let codes = PendingCodes::new(folder.path().join("pending.json"));
    let (here, ada, bob) =
        (server("https://k.example"), mailbox("ada@example.com"), mailbox("bob@example.com"));
    let asked = AskedCode { server: &here, mailbox: &ada, purpose: CodePurpose::Login };
    codes.note(asked, CodeRequestId::new(), &At(0)).unwrap();
    let mut content: Value = serde_json::from_slice(&std::fs::read(codes.path()).unwrap()).unwrap();
    content["later"] = json!(1);
    content["codes"][0]["later"] = json!([2]);
    std::fs::write(codes.path(), content.to_string()).unwrap();
    codes.note(AskedCode { mailbox: &bob, ..asked }, CodeRequestId::new(), &At(1)).unwrap();
    let now: Value = serde_json::from_slice(&std::fs::read(codes.path()).unwrap()).unwrap();
    assert_eq!((&now["later"], &now["codes"][0]["later"]), (&json!(1), &json!([2])));

    std::fs::write(codes.path(), "{\"codes\": 3}").unwrap();
    assert_eq!(codes.find(asked, &At(2)).unwrap(), None);
    let aside = codes.note(asked, CodeRequestId::new(), &At(2)).unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "{\"codes\": 3}");
    assert!(codes.find(asked, &At(3)).unwrap().is_some());
}
