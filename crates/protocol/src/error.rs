//! The one table of errors: code, HTTP status, exit code of the command line, text, next action.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::wire::{Failure, FailureBody};

/// How the command line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Something the user can mend.
    User = 1,
    /// The command was typed wrongly.
    Usage = 2,
    /// Nobody is signed in, or the credential is not accepted.
    NotSignedIn = 3,
    /// Known, but not allowed.
    Refused = 4,
    /// Too much or too many; wait.
    RateLimited = 5,
    /// A server or upstream could not be reached.
    Unreachable = 6,
    /// Something has expired.
    Expired = 7,
    /// A defect of Keywright.
    Defect = 70,
}

macro_rules! errors {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $status:literal $exit:ident $message:literal $next:literal;)+) => {
        /// A code that programs may rely on. Each is raised by a test.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorCode {
            /// All codes, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// How the command line ends on it.
            pub fn exit(self) -> Exit {
                match self { $(Self::$variant => Exit::$exit,)+ }
            }

            /// What happened, in one sentence, when nothing more precise is known.
            pub fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)+ }
            }

            /// What to do next.
            pub fn next_action(self) -> &'static str {
                match self { $(Self::$variant => $next,)+ }
            }

            /// The likely cause, for the reference.
            pub fn cause(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n",)+).trim_ascii(),)+ }
            }
        }
    };
}

errors! {
    /// The request carries no credential in any of the places where one may stand.
    KeyMissing "KEY_MISSING" 401 NotSignedIn
        "No Keywright token was sent."
        "Send it as `Authorization: Bearer`, `x-api-key` or `X-Keywright-Token`, or start the program with `keywright run -- PROGRAM`.";
    /// A Keywright token was mistyped, cut off or damaged on the way: its checksum does not fit.
    KeyMalformed "KEY_MALFORMED" 401 NotSignedIn
        "The Keywright token is mistyped or cut off."
        "Copy the whole token again: a prefix and 49 letters and digits.";
    /// The token is well formed, but this server never issued it, or has long forgotten it.
    KeyUnknown "KEY_UNKNOWN" 401 NotSignedIn
        "This server did not issue that token."
        "Check the server address with `keywright status`, or make a new token with `keywright tokens create`.";
    /// The token's time is over.
    KeyExpired "KEY_EXPIRED" 401 Expired
        "The token has expired."
        "Make a new one with `keywright tokens create`.";
    /// The token was deleted, or the account, key or session it belonged to has ended.
    KeyRevoked "KEY_REVOKED" 401 NotSignedIn
        "The token has been revoked."
        "Make a new one with `keywright tokens create`.";
    /// A sign-in gave the token for another resource, which its application named.
    WrongAudience "WRONG_AUDIENCE" 401 NotSignedIn
        "The token is for another resource."
        "Sign in again without naming a resource, or naming this server.";
    /// A key of another vendor, or a token of a kind that is not accepted here, was sent where a
    /// Keywright token belongs.
    WrongKeyKind "WRONG_KEY_KIND" 401 NotSignedIn
        "That is not a Keywright token."
        "Send a Keywright token, which `keywright tokens create` makes; your own provider key may stand beside it.";
    /// Two different tokens, or two values in one place, were sent.
    AmbiguousCredentials "AMBIGUOUS_CREDENTIALS" 400 User
        "Several credentials were sent and it is not clear which one counts."
        "Send exactly one Keywright token, in one place.";
    /// The token is good, but it may not do this.
    InsufficientScope "INSUFFICIENT_SCOPE" 403 Refused
        "The token may not do this."
        "Use a token with the scope named in `details.required`, made with `keywright tokens create --scope`.";
    /// Only an administrator, or another kind of token, may do this.
    Forbidden "FORBIDDEN" 403 Refused
        "This is not allowed with that token."
        "Use the token of the account itself, not one made for an agent.";
    /// The request is not formed as it should be; the message says where.
    InvalidRequest "INVALID_REQUEST" 400 User
        "The request is not valid."
        "Correct the field that the message names.";
    /// The body is not JSON, or not an object.
    InvalidJson "INVALID_JSON" 400 User
        "The body is not a JSON object."
        "Send a JSON object as the body, with `Content-Type: application/json`.";
    /// A key that decides something stands twice in the body, so that two readers could take it differently.
    DuplicateField "DUPLICATE_FIELD" 400 User
        "A field that decides the model stands twice in the body."
        "Send each field once.";
    /// The body names no model.
    ModelRequired "MODEL_REQUIRED" 400 User
        "The body names no model."
        "Send `model` as a text of 1 to 256 characters.";
    /// There is no such route, or it is not passed on to the provider.
    RouteNotSupported "ROUTE_NOT_SUPPORTED" 404 User
        "This route is not supported."
        "See docs/guides/gateway.md for the routes that pass.";
    /// The route exists, for another method.
    MethodNotAllowed "METHOD_NOT_ALLOWED" 405 User
        "This route does not take that method."
        "Use the method named in the `Allow` header.";
    /// No such object, or it belongs to somebody else.
    NotFound "NOT_FOUND" 404 User
        "There is no such object."
        "Check the id; list what there is first.";
    /// The path names a provider that is not configured.
    ProviderUnknown "PROVIDER_UNKNOWN" 404 User
        "No provider of that name is configured."
        "Use one of the names in `details.providers`.";
    /// Several providers speak this dialect and nothing says which is meant.
    ProviderAmbiguous "PROVIDER_AMBIGUOUS" 400 User
        "Several providers could serve this path."
        "Name one: `/gateway/PROVIDER/...`, with a name from `details.providers`.";
    /// No provider that speaks this dialect is configured.
    ProviderNotConfigured "PROVIDER_NOT_CONFIGURED" 503 User
        "No provider for this dialect is configured."
        "Set the provider's key variable and start `keywright serve` again, or try `keywright serve --demo`.";
    /// The provider is configured without a key, and the request brought none of its own.
    NoProviderKey "NO_PROVIDER_KEY" 503 User
        "There is no key for that provider."
        "Ask the operator to configure one, or send your own provider key beside the Keywright token.";
    /// The operator does not allow own provider keys.
    ByokDisabled "BYOK_DISABLED" 403 Refused
        "Own provider keys are not allowed here."
        "Leave out your own provider key: the server has one.";
    /// The provider key that was sent belongs to another vendor than the provider in the path.
    ByokProviderMismatch "BYOK_PROVIDER_MISMATCH" 400 User
        "The provider key that was sent belongs to another vendor."
        "Send the key of the provider that the path names, or call that vendor's path.";
    /// The body is longer than `gateway.max_body`.
    BodyTooLarge "BODY_TOO_LARGE" 413 User
        "The request body is too large."
        "Send less at once; the limit is in `details.limitBytes`.";
    /// The request body is compressed; the gateway must read the model in it.
    EncodingUnsupported "ENCODING_UNSUPPORTED" 415 User
        "Compressed request bodies are not accepted."
        "Send the body without `Content-Encoding`.";
    /// A request arrived for a host name that is not this server's: a web page may be trying to reach it.
    HostNotAllowed "HOST_NOT_ALLOWED" 421 User
        "This server does not answer to that host name."
        "Use its address, or add the name to `server_hosts`.";
    /// A web page of another origin sent the request.
    OriginNotAllowed "ORIGIN_NOT_ALLOWED" 403 Refused
        "Requests from other web pages are not accepted."
        "Call from a program, not from a page of another site.";
    /// The Responses WebSocket is not spoken; clients fall back to HTTP at once on this status.
    UpgradeRequired "UPGRADE_REQUIRED" 426 User
        "WebSockets are not supported here."
        "Send the same request as an HTTP POST.";
    /// Temporary accounts are off: the server can be reached from elsewhere, or the operator said so.
    TemporaryDisabled "TEMPORARY_DISABLED" 403 Refused
        "This server gives out no temporary accounts."
        "Sign up with a mailbox: `keywright auth signup-request --email EMAIL`; or set an API key as KEYWRIGHT_API_KEY.";
    /// Too many temporary accounts were made, or they made too many calls together.
    TemporaryRateLimited "TEMPORARY_RATE_LIMITED" 429 RateLimited
        "Too many requests by temporary accounts."
        "Wait for `details.retryInSeconds` seconds, or use an API key.";
    /// The key's lifetime in days is not a whole number from 1 to 365.
    InvalidExpiresInDays "INVALID_EXPIRES_IN_DAYS" 400 User
        "`expiresInDays` must be a whole number from 1 to 365."
        "Correct it, or leave it out for a key that does not expire.";
    /// The lifetime is not a whole number of seconds in the allowed range.
    InvalidLifetime "INVALID_LIFETIME" 400 User
        "The lifetime is out of range."
        "Give a key 3600 to 31536000 seconds, a child token 60 to 43200.";
    /// A name is empty, too long or holds control characters.
    InvalidName "INVALID_NAME" 400 User
        "A name has 1 to 100 characters and no control characters."
        "Choose another name.";
    /// Another active key of the organization has that name.
    NameTaken "NAME_TAKEN" 409 User
        "An active key of that name exists."
        "Choose another name, or delete the other key with `keywright tokens rm NAME`.";
    /// The overlap of a rotation is not a whole number of seconds from 0 to 7 days.
    InvalidOverlap "INVALID_OVERLAP" 400 User
        "`overlapSeconds` must be a whole number from 0 to 604800."
        "Correct it, or leave it out so that the old key ends at once.";
    /// The key was rotated before; it lives on beside its successor until the overlap is over, and is
    /// itself no longer changed.
    KeyAlreadyRotated "KEY_ALREADY_ROTATED" 409 User
        "Another key has taken the place of that one."
        "Use the id in `details.replacedBy`.";
    /// A key is to be rotated with an overlap while the one whose place it took still lives: three would be
    /// good at once.
    RotationInProgress "ROTATION_IN_PROGRESS" 409 User
        "The overlap of the last rotation is not over."
        "Wait for `details.retryInSeconds` seconds, delete the key in `details.replaces`, or rotate without an overlap, which ends both.";
    /// A scope that does not exist was asked for, or one that a key cannot be given any more.
    InvalidScope "INVALID_SCOPE" 400 User
        "There is no such scope."
        "Choose from `details.validScopes`.";
    /// The organization has as many active keys as it may have.
    MaxApiKeysReached "MAX_API_KEYS_REACHED" 429 RateLimited
        "The organization has 20 active keys, the most there may be."
        "Delete one with `keywright tokens rm NAME`, then try again.";
    /// One token has as many live child tokens as it may have. Each lives until its own end or that of
    /// the token it was made with.
    MaxChildTokensReached "MAX_CHILD_TOKENS_REACHED" 429 RateLimited
        "The token has 200 live child tokens, the most there may be."
        "Wait for `details.retryInSeconds` seconds until one has ended, or use another token: each has children of its own.";
    /// No mailbox was given.
    EmailRequired "EMAIL_REQUIRED" 400 User
        "The address of a mailbox is missing."
        "Send it as `email`; on the command line `--email you@example.com`.";
    /// The text is no address that mail can be sent to, or one whose look-alikes would be other people.
    EmailInvalid "EMAIL_INVALID" 400 User
        "That is not an address that mail can be sent to."
        "Correct it: like you@example.com, with ASCII letters before the @.";
    /// The mailbox has an account with an organization already.
    UserAlreadyHasOrganization "USER_ALREADY_HAS_ORGANIZATION" 409 User
        "This mailbox has an account with an organization."
        "Sign in instead: `keywright auth login-request --email EMAIL`.";
    /// No account has that mailbox.
    UserNotFound "USER_NOT_FOUND" 404 User
        "No account has this mailbox."
        "Sign up instead: `keywright auth signup-request --email EMAIL`.";
    /// The account is there, but in no organization any more.
    UserHasNoOrganization "USER_HAS_NO_ORGANIZATION" 409 User
        "The account belongs to no organization."
        "Sign up to make one: `keywright auth signup-request --email EMAIL`; or choose one of `details.invitations` with `--organization-id`.";
    /// A code was mailed to this mailbox less than 30 seconds ago.
    OtpResendCooldown "OTP_RESEND_COOLDOWN" 429 RateLimited
        "A code was mailed to this mailbox a moment ago."
        "Wait for `details.retryInSeconds` seconds; a code from before is good until it is used or void.";
    /// 20 codes were mailed to this mailbox within an hour, or too many wrong ones were tried in a day.
    EmailRateLimited "EMAIL_RATE_LIMITED" 429 RateLimited
        "Too many codes were asked for with this mailbox."
        "Wait for `details.retryInSeconds` seconds.";
    /// 60 codes were asked for from one address within an hour, whoever asked.
    IpRateLimited "IP_RATE_LIMITED" 429 RateLimited
        "Too many codes were asked for from this address."
        "Wait for `details.retryInSeconds` seconds, or ask from another network.";
    /// The server has mailed as much as it may in an hour.
    MailRateLimited "MAIL_RATE_LIMITED" 429 RateLimited
        "This server has sent as many mails as it may within an hour."
        "Wait for `details.retryInSeconds` seconds; the operator finds the reason in the server's log.";
    /// The mail could not be handed over: the mail server is away, slow or refuses it.
    MailUnavailable "MAIL_UNAVAILABLE" 503 Unreachable
        "The mail could not be sent."
        "Try again shortly; the operator should check `mail.smtp`, and finds the reason in the server's log.";
    /// The operator takes no new accounts from that mailbox.
    SignupClosed "SIGNUP_CLOSED" 403 Refused
        "This server takes no new accounts from that mailbox."
        "Ask somebody who is in an organization here to invite the mailbox: `keywright orgs invite EMAIL`.";
    /// The code is not the one that was mailed.
    OtpInvalid "OTP_INVALID" 400 User
        "The code is wrong."
        "Read the mail again and repeat the command; `details.attemptsRemaining` says how often that is still possible.";
    /// No code was mailed to this mailbox lately, or not by that request.
    OtpNotFound "OTP_NOT_FOUND" 404 User
        "There is no open code for this mailbox."
        "Ask for a new one: `keywright auth signup-request` or `login-request`.";
    /// The code is older than ten minutes.
    OtpExpired "OTP_EXPIRED" 410 Expired
        "The code has expired."
        "Ask for a new one: `keywright auth signup-request` or `login-request`.";
    /// The code was used before.
    OtpAlreadyUsed "OTP_ALREADY_USED" 409 User
        "The code has been used."
        "Ask for a new one: `keywright auth signup-request` or `login-request`.";
    /// A code for signing up was used to sign in, or the other way round.
    OtpPurposeMismatch "OTP_PURPOSE_MISMATCH" 409 User
        "The code is for something else."
        "A code of `signup-request` goes with `signup-complete`, one of `login-request` with `login-complete`: use the one that matches, or ask anew.";
    /// Five wrong codes: the right one is void too, for who names no `requestId` or for all. Or so many were tried on the server that six digits are not
    /// taken for now.
    OtpLockedOut "OTP_LOCKED_OUT" 429 RateLimited
        "Too many wrong codes: this one is void."
        "Ask for a new one: `keywright auth signup-request` or `login-request`.";
    /// The name of an organization has more than 100 characters.
    CompanyNameTooLong "COMPANY_NAME_TOO_LONG" 400 User
        "The name of an organization has at most 100 characters."
        "Shorten it.";
    /// The organization could not be stored; nothing was made and the code is still good.
    OrganizationCreationFailed "ORGANIZATION_CREATION_FAILED" 500 Unreachable
        "The organization could not be made."
        "Repeat the command, the code is still good; if it stays, the operator finds the reason in the server's log.";
    /// The user is in several organizations and the request names none.
    MultipleOrganizations "MULTIPLE_ORGANIZATIONS" 409 User
        "The account belongs to several organizations."
        "Repeat `login-complete` with `--organization-id ID`, one of `details.organizations`; the code is still good.";
    /// The user is not in the organization that was named.
    OrganizationNotMember "ORGANIZATION_NOT_MEMBER" 403 Refused
        "The account does not belong to that organization."
        "Choose one of `details.organizations` with `--organization-id ID`; the code is still good.";
    /// The user owns as many organizations as one may.
    MaxOrganizationsReached "MAX_ORGANIZATIONS_REACHED" 429 RateLimited
        "The user owns 20 organizations, the most there may be."
        "Delete one with `keywright orgs rm`, or ask another user to own the next.";
    /// The only owner cannot leave, be removed or become something else.
    LastOwner "LAST_OWNER" 409 User
        "An organization needs an owner, and this is its last."
        "Make another member an owner first: `keywright orgs members role USER owner`; or delete the organization.";
    /// The mailbox belongs to a member already.
    AlreadyMember "ALREADY_MEMBER" 409 User
        "That mailbox belongs to a member."
        "List the members with `keywright orgs members`.";
    /// An organization has as many open invitations or members as it may have.
    MaxMembersReached "MAX_MEMBERS_REACHED" 429 RateLimited
        "The organization has as many members and open invitations as it may have."
        "Withdraw an invitation or remove a member first.";
    /// An upgrade needs the token of a temporary account that has not ended, and this is none.
    UpgradeRefused "UPGRADE_REFUSED" 409 User
        "The token that came along is not that of a temporary account which could become this one."
        "Repeat it without `upgrade`: the code is still good.";
    /// The administrator code is wrong.
    ClaimInvalid "CLAIM_INVALID" 403 Refused
        "That administrator code is not valid."
        "Read it again from the file that `keywright serve` named, or make another with `keywright admin claim --new`.";
    /// The administrator code was used before.
    ClaimUsed "CLAIM_USED" 409 User
        "That administrator code has been used."
        "Make another with `keywright admin claim --new`, beside the data folder.";
    /// Five wrong administrator codes in an hour.
    ClaimLocked "CLAIM_LOCKED" 429 RateLimited
        "Too many wrong administrator codes."
        "Wait for `details.retryInSeconds` seconds.";
    /// The record of the call could not be written, and nothing goes unrecorded.
    AuditUnavailable "AUDIT_UNAVAILABLE" 503 Unreachable
        "The request could not be recorded, so it was not sent."
        "Try again shortly; the operator finds the reason in the server's log.";
    /// All requests together hold as much memory as `gateway.max_buffered` allows.
    BuffersFull "BUFFERS_FULL" 503 RateLimited
        "The server is holding as many request bodies as it may."
        "Try again in a moment.";
    /// The database cannot be read or written.
    StorageUnavailable "STORAGE_UNAVAILABLE" 503 Unreachable
        "The server's database does not answer."
        "Try again shortly; the operator finds the reason in the server's log.";
    /// The server is about to end and takes no new requests.
    ShuttingDown "SHUTTING_DOWN" 503 Unreachable
        "The server is shutting down."
        "Try again in a moment.";
    /// The provider could not be reached: its name does not resolve or it refuses connections.
    UpstreamUnreachable "UPSTREAM_UNREACHABLE" 502 Unreachable
        "The provider could not be reached."
        "Try again shortly; if it stays, the operator should check the provider's `base_url` and network.";
    /// The provider's certificate is not valid for its name.
    UpstreamTls "UPSTREAM_TLS" 502 Unreachable
        "No secure connection to the provider could be made."
        "The operator should check the provider's `base_url` and `tls.extra_ca`.";
    /// The provider closed the connection before it answered, or answered what is not HTTP.
    UpstreamReset "UPSTREAM_RESET" 502 Unreachable
        "The provider broke off before it answered."
        "Try again.";
    /// The provider did not answer in time.
    UpstreamTimeout "UPSTREAM_TIMEOUT" 504 Unreachable
        "The provider did not answer in time."
        "Try again, or with a smaller request.";
    /// The provider sent a redirect. A request that carries a credential follows none.
    UpstreamRedirect "UPSTREAM_REDIRECT" 502 Unreachable
        "The provider answered with a redirect, which is not followed."
        "The operator should set the provider's `base_url` to where it redirects.";
    /// The request has been through this gateway before: a provider's address leads back here.
    LoopDetected "LOOP_DETECTED" 508 User
        "The request has come back to this gateway."
        "The operator should correct the provider's `base_url`.";
    /// None of the providers gave a list of its models: they are out of reach, refuse the server's key or
    /// answer something else.
    ModelsUnavailable "MODELS_UNAVAILABLE" 502 Unreachable
        "No provider gave a list of its models."
        "Try again shortly; if it stays, the operator should check `base_url` and key of the providers in `details.providers`.";
    /// A defect; the log has the reason under the request id.
    Internal "INTERNAL" 500 Defect
        "Something went wrong in Keywright."
        "Try again; if it stays, report it with the request id.";
}

impl ErrorCode {
    /// The code of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

/// A refusal on its way to a caller: a code, and what is particular about this case. It holds nothing
/// secret and no inside reason; those go to the log.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {}", self.code.as_str(), self.message())]
pub struct ApiError {
    /// Which error.
    pub code: ErrorCode,
    message: Option<String>,
    next_action: Option<String>,
    /// Facts for programs.
    pub details: BTreeMap<String, Value>,
}

impl ApiError {
    /// The error with the texts of the table.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: None, next_action: None, details: BTreeMap::new() }
    }

    /// With a more precise sentence.
    #[must_use]
    pub fn because(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// With a more precise next action.
    #[must_use]
    pub fn next(mut self, next_action: impl Into<String>) -> Self {
        self.next_action = Some(next_action.into());
        self
    }

    /// With a fact for programs.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// With the wait after which it may be tried again, whole seconds, at least one.
    #[must_use]
    pub fn retry_in(self, seconds: i64) -> Self {
        self.detail("retryInSeconds", seconds.max(1))
    }

    /// The sentence to show.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or(self.code.message())
    }

    /// What to do next.
    pub fn next_action(&self) -> &str {
        self.next_action.as_deref().unwrap_or(self.code.next_action())
    }

    /// The wait in seconds, which is also the `Retry-After` header.
    pub fn retry_after(&self) -> Option<i64> {
        self.details.get("retryInSeconds").and_then(Value::as_i64)
    }

    /// The body of the answer.
    pub fn to_failure(&self, request_id: Option<String>) -> Failure {
        Failure {
            success: false,
            status: self.code.status(),
            error: FailureBody {
                code: self.code.as_str().to_owned(),
                message: self.message().to_owned(),
                next_action: Some(self.next_action().to_owned()),
                details: self.details.clone(),
            },
            request_id,
        }
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_told_apart_and_says_what_to_do() {
        let mut seen = HashSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert(code.as_str()), "{} stands twice", code.as_str());
            assert_eq!(ErrorCode::from_name(code.as_str()), Some(*code));
            assert!((400..600).contains(&code.status()));
            assert!(code.message().ends_with('.') && code.next_action().ends_with('.'), "{}", code.as_str());
            assert!(!code.cause().is_empty() && code.advice().ends_with('.'), "{}", code.as_str());
        }
    }

    #[test]
    fn the_wait_is_never_less_than_a_second() {
        assert_eq!(ApiError::new(ErrorCode::ClaimLocked).retry_in(0).retry_after(), Some(1));
    }
}
