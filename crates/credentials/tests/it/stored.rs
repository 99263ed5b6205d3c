//! `credentials.json`.

use keywright_client::{PlainText, ServerUrl};
use keywright_credentials::{CredentialFile, ProfileName, StoredTemporary};
use keywright_protocol::SystemClock;
use serde_json::{Value, json};

use crate::fake_api::temporary;

fn server(text: &str) -> ServerUrl {
    ServerUrl::parse(text, PlainText::LoopbackOnly).unwrap()
}

#[test]
fn fields_of_later_versions_survive_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    let later = json!({
        "version": 9,
        "profiles": {
            "default": {
                "colour": "blue",
                "servers": { "http://127.0.0.1:1": { "later": [1, { "deep": null }], "apiKey": { "raw": "sk", "label": "x" } } }
            },
            "other": { "servers": {}, "n": 1.5 }
        }
    });
    std::fs::write(&path, later.to_string()).unwrap();
    let file = CredentialFile::new(&path);
    let mut held = file.hold(&SystemClock).unwrap();
    let entry = held.credentials.entry_mut(&ProfileName::default(), &server("http://127.0.0.1:1"));
    entry.temporary = Some(StoredTemporary::new(temporary(60).into()));
    held.save().unwrap();
    let mut now: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let added = now.pointer_mut("/profiles/default/servers/http:~1~1127.0.0.1:1").unwrap();
    assert!(added.as_object_mut().unwrap().remove("temporary").is_some());
    assert_eq!(now, later);
}

#[test]
fn a_credential_is_found_for_the_server_that_issued_it_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = CredentialFile::new(folder.path().join("credentials.json"));
    let mut held = file.hold(&SystemClock).unwrap();
    let profile = ProfileName::default();
    let issuer = server("https://one.example");
    held.credentials.entry_mut(&profile, &issuer).temporary =
        Some(StoredTemporary::new(temporary(60).into()));
    held.save().unwrap();
    drop(held);
    let credentials = file.read(&SystemClock).unwrap().credentials;
    assert!(credentials.entry(&profile, &issuer).unwrap().temporary.is_some());
    for other in ["https://two.example", "https://one.example:8443", "http://127.0.0.1:443"] {
        assert!(credentials.entry(&profile, &server(other)).is_none(), "{other}");
    }
    assert!(credentials.entry(&"work".parse().unwrap(), &issuer).is_none());
}

#[test]
fn a_damaged_file_is_set_aside_whole_and_reported() {
    for content in ["", "{\"profiles\": {\"default\"", "[]", "{\"profiles\": 3}", "\u{feff}{}", "\0\0\0\0"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        std::fs::write(&path, content).unwrap();
        let opened = CredentialFile::new(&path).read(&SystemClock).unwrap();
        let aside = opened.set_aside.expect(content);
        assert!(aside.file_name().unwrap().to_str().unwrap().starts_with("credentials.json.corrupt-"));
        assert_eq!(std::fs::read_to_string(aside).unwrap(), content);
        assert!(!path.exists());
        assert!(CredentialFile::new(&path).read(&SystemClock).unwrap().set_aside.is_none());
    }
}
