//! Every error code is raised by a test.

use keywright_protocol::ErrorCode;

/// The tests of this folder.
const HERE: &[&str] = &[
    include_str!("api.rs"),
    include_str!("bodies.rs"),
    include_str!("byok.rs"),
    include_str!("credentials.rs"),
    include_str!("headers.rs"),
    include_str!("keys.rs"),
    include_str!("litellm.rs"),
    include_str!("mailbox.rs"),
    include_str!("models.rs"),
    include_str!("organizations.rs"),
    include_str!("oauth/sessions.rs"),
    include_str!("records.rs"),
    include_str!("revocation.rs"),
    include_str!("rotation.rs"),
    include_str!("routes.rs"),
    include_str!("upgrade.rs"),
    include_str!("upstream.rs"),
];

/// Codes that only tests of other places raise, and why. May only shrink.
const ELSEWHERE: &[(ErrorCode, &str)] = &[
    // Needs a database that does not answer.
    (ErrorCode::StorageUnavailable, "crates/identity/tests/it/revocation.rs"),
    // Needs 3,000 mails within an hour.
    (ErrorCode::MailRateLimited, "crates/identity/tests/it/code_requests.rs"),
    // Needs a database that refuses one statement.
    (ErrorCode::OrganizationCreationFailed, "crates/identity/tests/it/signup.rs"),
    // Needs 500 members.
    (ErrorCode::MaxMembersReached, "crates/identity/tests/it/service_accounts.rs"),
    // Needs a defect.
    (ErrorCode::Internal, "crates/gateway/src/respond.rs"),
];

#[test]
fn every_error_code_is_raised_by_a_test() {
    for code in ErrorCode::ALL {
        let written = format!("ErrorCode::{code:?}");
        let raised = |text: &str| {
            let mut found = text.match_indices(&written);
            found.any(|(at, _)| !text[at + written.len()..].starts_with(|next: char| next.is_alphanumeric()))
        };
        let here = HERE.iter().any(|text| raised(text));
        match ELSEWHERE.iter().find(|(elsewhere, _)| elsewhere == code) {
            None => assert!(here, "no test raises {written}"),
            Some((_, place)) => {
                assert!(!here, "{written} is raised here now: take it off the list");
                let path = format!("{}/../../{place}", env!("CARGO_MANIFEST_DIR"));
                let text = std::fs::read_to_string(&path).expect("the place");
                assert!(raised(&text), "{place} does not raise {written}");
            }
        }
    }
}
