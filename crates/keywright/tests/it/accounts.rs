//! Accounts that stay, as people get them: signed up over HTTP, with the code out of the server's outbox.

use serde_json::json;

use crate::home::{Ended, Home};
use crate::served::Served;

/// An account, and the key that came with it, which may do everything.
pub(crate) struct SignedUp {
    pub(crate) key: String,
    pub(crate) key_id: String,
    pub(crate) organization_id: String,
}

/// Signs up at `served`, whose home is `home`.
pub(crate) fn sign_up(served: &Served, home: &Home, email: &str, organization: &str) -> SignedUp {
    let asked =
        served.post("/api/v1/auth/signup-request", &json!({ "email": email })).send().with_status(200);
    let request = asked.data()["requestId"].as_str().unwrap().to_owned();
    let body = json!({
        "email": email, "code": code_for(home, email), "requestId": request, "company": { "name": organization }
    });
    let made = served.post("/api/v1/auth/signup-complete", &body).send().with_status(200).data();
    let text = |pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    SignedUp {
        key: text("/apiKey/raw"),
        key_id: text("/apiKey/keyId"),
        organization_id: text("/organizationId"),
    }
}

/// The code in the mail to `email`: its only run of six digits.
fn code_for(home: &Home, email: &str) -> String {
    let mails = home.data("outbox").read_dir().unwrap();
    let mails = mails.map(|mail| std::fs::read_to_string(mail.unwrap().path()).unwrap());
    let mail = mails.into_iter().find(|mail| mail.contains(&format!("To: {email}"))).unwrap();
    let mut lines = mail.lines().map(str::trim);
    lines.find(|line| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit())).unwrap().to_owned()
}

/// Stores `key` for the server, by a file that is gone afterwards.
#[track_caller]
pub(crate) fn log_in(served: &Served, home: &Home, key: &str) -> Ended {
    let file = home.path().join("key.txt");
    std::fs::write(&file, format!("{key}\n")).unwrap();
    let ended =
        home.run(["--server", &served.url(), "login", "--api-key-file", file.to_str().unwrap(), "--json"]);
    std::fs::remove_file(file).unwrap();
    ended.with_code(0)
}
