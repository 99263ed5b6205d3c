//! `/auth.md`: how an agent gets itself a key here. Made from the constants that the program goes by, so
//! that it says nothing else than what is true of this server.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use keywright_identity::Signup;
use keywright_protocol::{ErrorCode, routes};
use url::Url;

use super::Api;
use super::reply::protect;
use crate::config::Config;

/// How to sign up, for agents
#[utoipa::path(
    get,
    path = routes::AUTH_GUIDE,
    operation_id = "authGuide",
    tag = "operations",
    responses((
        status = 200,
        description = "How an agent gets itself a key of this server, in Markdown.",
        body = String,
        content_type = "text/markdown",
    )),
)]
pub(super) async fn auth_guide(State(api): State<Arc<Api>>) -> Response {
    let mut response =
        ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], api.auth_guide.clone()).into_response();
    protect(&mut response);
    response
}

/// The page of a server of this configuration, at that address.
pub(crate) fn page(config: &Config, public_url: &Url) -> Bytes {
    let key = |path: &str| path.replace("{id}", "$KEY_ID");
    let mut page = TEMPLATE.to_owned();
    for (place, text) in [
        ("MAILS", if config.mail.server.is_none() { MAILS } else { "" }),
        ("SIGNUP", if config.signup == Signup::Open { "" } else { SIGNUP }),
        ("TEMPORARY", if config.auth.temporary { TEMPORARY } else { "" }),
        ("ERRORS", &errors()),
        ("SIGNUP_REQUEST", routes::SIGNUP_REQUEST),
        ("SIGNUP_COMPLETE", routes::SIGNUP_COMPLETE),
        ("LOGIN_REQUEST", routes::LOGIN_REQUEST),
        ("LOGIN_COMPLETE", routes::LOGIN_COMPLETE),
        ("TEMPORARY_PATH", routes::TEMPORARY),
        ("WHOAMI", routes::WHOAMI),
        ("MODELS", routes::MODELS),
        ("KEYS", routes::KEYS),
        ("KEY", &key(routes::KEY)),
        ("ROTATE", &key(routes::ROTATE)),
        ("OPENAPI", routes::OPENAPI),
        ("URL", public_url.as_str().trim_end_matches('/')),
    ] {
        page = page.replace(&format!("<{place}>"), text);
    }
    Bytes::from(page)
}

fn errors() -> String {
    ERRORS.iter().fold(String::new(), |mut rows, code| {
        // A text has nothing to say when it cannot be written to.
        let _ = writeln!(rows, "| `{}` | {} | {} |", code.as_str(), code.status(), code.next_action());
        rows
    })
}

const TEMPLATE: &str = include_str!("auth_guide.md");

const MAILS: &str = "
This server has no mail server: its mails are files on its own machine. `keywright admin outbox --last --to \"$EMAIL\"`
shows the newest there.
";

const SIGNUP: &str = "
Not every mailbox may sign up here. `SIGNUP_CLOSED` says that yours may not; whoever was invited always may.
";

const TEMPORARY: &str = "
This server also gives out temporary accounts, without a mailbox, to programs on its own machine. `keywright run` makes
one where nothing else is set; without it:

```sh
curl -sS <URL><TEMPORARY_PATH> -H 'Content-Type: application/json' -d '{}'
```

`data.token` is good until `data.expiresAt`, in each place where a key is. Send it as `Authorization: Bearer` with
`\"upgrade\": true` when you sign up, and the account becomes yours, with its records. Its token dies then, and so does each
of its keys whose `keyId` is not in `\"keepKeys\": [...]` of the same request.
";

/// What may come of the four requests, but for what a program that follows the page does not do.
const ERRORS: &[ErrorCode] = &[
    ErrorCode::EmailInvalid,
    ErrorCode::UserAlreadyHasOrganization,
    ErrorCode::UserNotFound,
    ErrorCode::UserHasNoOrganization,
    ErrorCode::SignupClosed,
    ErrorCode::OtpResendCooldown,
    ErrorCode::EmailRateLimited,
    ErrorCode::IpRateLimited,
    ErrorCode::MailRateLimited,
    ErrorCode::MailUnavailable,
    ErrorCode::OtpInvalid,
    ErrorCode::OtpNotFound,
    ErrorCode::OtpExpired,
    ErrorCode::OtpAlreadyUsed,
    ErrorCode::OtpPurposeMismatch,
    ErrorCode::OtpLockedOut,
    ErrorCode::MultipleOrganizations,
    ErrorCode::OrganizationNotMember,
    ErrorCode::MaxApiKeysReached,
];
