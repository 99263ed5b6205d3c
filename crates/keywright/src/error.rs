//! How a command fails: what went wrong, why, what to do next, and how to exit.

use std::collections::BTreeMap;
use std::error::Error;

use keywright_client::oauth::OAuthError;
use keywright_client::{BadServer, ClientError, TokenUnavailable};
use keywright_credentials::launch::LaunchError;
use keywright_credentials::store::FileError;
use keywright_credentials::{
    NoHome, NoProfile, NoServer, NotProven, ProviderFileError, ProvisionError, RefreshError,
    RemoveProfileError, SaveKeyError, SettingsError, UnusableCredential,
};
use keywright_protocol::wire::{Failure, FailureBody};
use keywright_protocol::{ErrorCode, Exit};
use keywright_server::local::UnreadableRecords;
use serde_json::Value;

use crate::absent::SIGN_IN;
use crate::plain_words::{for_people, is_told, text_of};
use crate::table::printable;

/// A command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: u8,
    causes: Vec<String>,
    hints: Vec<String>,
    /// As the server sent it, or in the same form with status 0 when no server had a part in it.
    failure: Box<Failure>,
}

impl CommandError {
    /// A failure with a code that programs may rely on.
    pub(crate) fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        let body = FailureBody {
            code: code.to_owned(),
            message: message.into(),
            next_action: None,
            details: BTreeMap::new(),
        };
        let failure = Failure { success: false, status: 0, error: body, request_id: None };
        Self { exit: exit as u8, causes: Vec::new(), hints: Vec::new(), failure: Box::new(failure) }
    }

    /// A failure that the server has a code for as well.
    pub(crate) fn known(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(code.exit(), code.as_str(), message)
    }

    /// The command was typed wrongly.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "USAGE", message).hint(SEE_HELP)
    }

    /// The same, as the parser of arguments says it: which argument, and what is wrong with it.
    pub(crate) fn arguments(error: &clap::Error) -> Self {
        let text = error.to_string();
        let in_a_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut paragraphs = text.split("\n\n").map(in_a_line);
        let message = paragraphs.next().unwrap_or_default();
        let failed = Self::usage(message.trim_start_matches("error: "));
        let tips: Vec<String> =
            paragraphs.filter_map(|text| Some(format!("{}.", text.strip_prefix("tip: ")?))).collect();
        tips.into_iter().fold(failed, Self::hint)
    }

    /// The address of a server, named at `place`, cannot be used.
    pub(crate) fn bad_server(place: &str, error: &BadServer) -> Self {
        let failed = Self::new(Exit::User, "SERVER_INVALID", format!("{place}: {error}"));
        match error {
            BadServer::PlainText { .. } => {
                failed.hint("Use https://, or allow it with `--insecure` on a network that you trust.")
            }
            _ => failed,
        }
    }

    /// With what to do next, which takes the place of a mere pointer to the help.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.retain(|hint| hint != SEE_HELP);
        self.hints.push(hint.into());
        self
    }

    /// Without what was to be done next: something else is.
    #[must_use]
    pub(crate) fn without_hints(mut self) -> Self {
        self.hints.clear();
        self
    }

    /// With an error and its sources as the reason.
    #[must_use]
    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// With the code that a shell would exit with.
    fn exiting(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }

    /// Whether it has that code.
    pub(crate) fn is(&self, code: ErrorCode) -> bool {
        self.failure.error.code == code.as_str()
    }

    /// The code of the process.
    pub(crate) fn exit(&self) -> u8 {
        self.exit
    }

    /// What went wrong.
    pub(crate) fn message(&self) -> &str {
        &self.failure.error.message
    }

    /// Why, the nearest cause first.
    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    /// What went wrong and why, in one line.
    pub(crate) fn with_causes(&self) -> String {
        let all = std::iter::once(self.message()).chain(self.causes.iter().map(String::as_str));
        all.collect::<Vec<_>>().join(": ")
    }

    /// The code, unless it says no more than that the command was typed wrongly.
    pub(crate) fn code(&self) -> Option<&str> {
        Some(self.failure.error.code.as_str()).filter(|code| *code != "USAGE")
    }

    /// Facts that the server gave along, but for those that stand in the hints for people.
    pub(crate) fn details(&self) -> impl Iterator<Item = String> {
        let details = &self.failure.error.details;
        details.iter().filter(|(name, value)| !is_told(name, value, &self.hints)).map(|(name, value)| {
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let texts: Vec<String> = values.iter().map(|value| printable(&text_of(value))).collect();
            let name = printable(name);
            if values.iter().any(Value::is_object) {
                // A list to choose from: a line each.
                format!("{name}:\n    {}", texts.join("\n    "))
            } else {
                format!("{name}: {}", texts.join(", "))
            }
        })
    }

    /// What to do next, in words for people: with the facts themselves where `hints` name their fields.
    pub(crate) fn hints_for_people(&self) -> impl Iterator<Item = String> {
        self.hints.iter().map(|hint| for_people(hint, &self.failure.error.details))
    }

    /// What to do next.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The failure as JSON has it, word for word.
    pub(crate) fn to_failure(&self) -> Failure {
        let mut failure = Failure::clone(&self.failure);
        if !self.hints.is_empty() {
            failure.error.next_action = Some(self.hints.join(" "));
        }
        failure
    }
}

/// The same failure, with what the error itself says as its message and its sources as the reason.
fn of(exit: Exit, code: &str, error: &(dyn Error + 'static)) -> CommandError {
    let failed = CommandError::new(exit, code, error.to_string());
    match error.source() {
        Some(source) => failed.because(source),
        None => failed,
    }
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        let exit = error.exit();
        match error {
            ClientError::Refused(failure) => {
                let hints = failure.error.next_action.iter().cloned().collect();
                Self { exit: exit as u8, causes: Vec::new(), hints, failure }
            }
            ClientError::Unreachable { .. } => of(exit, "SERVER_UNREACHABLE", &error)
                .hint("Check the address with `keywright status`, or start a server with `keywright serve`."),
            ClientError::NotOurs { .. } => {
                of(exit, "NOT_A_KEYWRIGHT_SERVER", &error).hint("Check the address with `keywright status`.")
            }
            ClientError::Elsewhere { .. } => of(exit, "SERVER_INVALID", &error),
            ClientError::NoToken(TokenUnavailable::Missing(_)) => {
                of(exit, ErrorCode::KeyMissing.as_str(), &error)
            }
            ClientError::NoToken(TokenUnavailable::SignedOut(_)) => {
                of(exit, "SESSION_ENDED", &error).hint(SIGN_IN_AGAIN)
            }
            ClientError::NoToken(TokenUnavailable::Refused(_)) => {
                of(exit, "SIGN_IN_REFUSED", &error).hint(SIGN_IN_AGAIN)
            }
            ClientError::NoToken(TokenUnavailable::Failed(_)) => of(exit, "FILE_UNUSABLE", &error),
            ClientError::NoToken(TokenUnavailable::ForNow(_)) => of(exit, "SESSION_NOT_REFRESHED", &error)
                .hint("You are still signed in. Try again in a moment."),
            ClientError::Unsendable(_) => of(exit, "UNSENDABLE", &error),
        }
    }
}

impl From<OAuthError> for CommandError {
    fn from(error: OAuthError) -> Self {
        let exit = error.exit();
        match &error {
            OAuthError::NotOffered { .. } | OAuthError::WayNotOffered { .. } => {
                of(exit, "SIGN_IN_NOT_OFFERED", &error).hint(
                    "With a key that you have: `keywright login --api-key-file FILE`; with a mailbox: `keywright auth \
                     login-request --email EMAIL`; without an account: `keywright auth signup-request`.",
                )
            }
            OAuthError::OtherIssuer { issuer, .. } => of(exit, "ISSUER_MISMATCH", &error).hint(format!(
                "If that is the same server, sign in there: `--server {issuer}`. If it is not, somebody stands in \
                 between."
            )),
            OAuthError::Unreachable { .. } | OAuthError::Unwell { .. } => of(exit, "SERVER_UNREACHABLE", &error)
                .hint("Check the address with `keywright status`, and try again in a moment."),
            OAuthError::NotOurs { .. } => {
                of(exit, "NOT_A_KEYWRIGHT_SERVER", &error).hint("Check the address with `keywright status`.")
            }
            OAuthError::Denied => of(exit, "SIGN_IN_REFUSED", &error).hint("Start again if it was a mistake."),
            OAuthError::InvalidGrant { .. } => of(exit, "SIGN_IN_REFUSED", &error).hint("Start again."),
            OAuthError::Refused { .. } => {
                of(exit, "SIGN_IN_REFUSED", &error).hint("Start again. Check KEYWRIGHT_CLIENT_ID if it is set.")
            }
            OAuthError::Expired => of(exit, "SIGN_IN_EXPIRED", &error).hint("Start again: `keywright login`."),
        }
    }
}

impl From<NotProven> for CommandError {
    fn from(error: NotProven) -> Self {
        let failed = of(Exit::Unreachable, "NO_SERVER", &error);
        match error {
            NotProven::NeverServed | NotProven::NothingThere(_) => failed.hint(
                "Start one with `keywright serve`, or name one with `--server URL` or KEYWRIGHT_SERVER.",
            ),
            NotProven::Silent
            | NotProven::NoAnswer(_)
            | NotProven::Wrong
            | NotProven::FileUnusable { .. } => failed.hint(
                "Nothing was sent to it. If you know what it is, name it with `--server URL`; otherwise find \
                 out which program listens there.",
            ),
        }
    }
}

impl From<ProvisionError> for CommandError {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::Client(error) => error.into(),
            ProvisionError::File(error) => error.into(),
            ProvisionError::SetAside { .. } => {
                of(Exit::NotSignedIn, ErrorCode::KeyMissing.as_str(), &error).hint(SIGN_IN)
            }
            ProvisionError::Interrupted => of(Exit::User, "INTERRUPTED", &error),
        }
    }
}

impl From<RefreshError> for CommandError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::File(error) => error.into(),
            RefreshError::OAuth(error) => error.into(),
            RefreshError::Interrupted => of(Exit::User, "INTERRUPTED", &error),
            _ => of(Exit::NotSignedIn, "SESSION_ENDED", &error).hint(SIGN_IN_AGAIN),
        }
    }
}

impl From<FileError> for CommandError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Busy { .. } => of(Exit::User, "FILE_BUSY", &error),
            _ => of(Exit::User, "FILE_UNUSABLE", &error),
        }
    }
}

impl From<ProviderFileError> for CommandError {
    fn from(error: ProviderFileError) -> Self {
        match error {
            ProviderFileError::File(error) => error.into(),
            ProviderFileError::Damaged { .. } => of(Exit::User, "FILE_DAMAGED", &error)
                .hint("Mend the file, or move it away and store the keys again."),
        }
    }
}

impl From<UnreadableRecords> for CommandError {
    fn from(error: UnreadableRecords) -> Self {
        of(Exit::User, "RECORDS_UNREADABLE", &error)
    }
}

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::File(error) => error.into(),
            _ => of(Exit::User, "SETTINGS_INVALID", &error),
        }
    }
}

impl From<SaveKeyError> for CommandError {
    fn from(error: SaveKeyError) -> Self {
        match error {
            SaveKeyError::Taken { .. } => of(Exit::User, "PROFILE_TAKEN", &error)
                .hint("Choose another `--name`, or leave it out: then one is made up."),
            SaveKeyError::Settings(error) => error.into(),
            SaveKeyError::Credentials(error) => error.into(),
            SaveKeyError::SettingsUnwritten { ref profile, .. } => {
                let hint = format!(
                    "Mend what stands above. Until then `--profile {profile}` with `--server URL` uses the key."
                );
                of(Exit::User, "FILE_UNUSABLE", &error).hint(hint)
            }
        }
    }
}

impl From<RemoveProfileError> for CommandError {
    fn from(error: RemoveProfileError) -> Self {
        match error {
            RemoveProfileError::Settings(error) => error.into(),
            RemoveProfileError::Credentials(error) => error.into(),
        }
    }
}

impl From<NoProfile> for CommandError {
    fn from(error: NoProfile) -> Self {
        of(Exit::User, "PROFILE_INVALID", &error)
    }
}

impl From<NoHome> for CommandError {
    fn from(error: NoHome) -> Self {
        of(Exit::User, "NO_HOME", &error)
    }
}

impl From<NoServer> for CommandError {
    fn from(error: NoServer) -> Self {
        Self::bad_server(error.place.describe(), &error.source)
    }
}

impl From<UnusableCredential> for CommandError {
    fn from(error: UnusableCredential) -> Self {
        if let UnusableCredential::Ended { .. } = error {
            return of(Exit::NotSignedIn, "SESSION_ENDED", &error).hint(SIGN_IN_AGAIN);
        }
        let code = match error {
            UnusableCredential::Empty { .. } => ErrorCode::KeyMissing,
            UnusableCredential::Malformed { .. } => ErrorCode::KeyMalformed,
            UnusableCredential::Foreign { .. }
            | UnusableCredential::Unknown { .. }
            | UnusableCredential::Ended { .. }
            | UnusableCredential::Refresh { .. } => ErrorCode::WrongKeyKind,
        };
        let failed = Self::known(code, error.to_string());
        match error {
            UnusableCredential::Foreign { vendor, .. } => failed.hint(a_providers_key(vendor)),
            _ => failed.hint(code.next_action()),
        }
    }
}

impl From<LaunchError> for CommandError {
    fn from(error: LaunchError) -> Self {
        match &error {
            LaunchError::ProjectRedirects { .. } | LaunchError::ProjectUnreadable { .. } => {
                of(Exit::Refused, "PROJECT_SETTINGS", &error).hint(
                    "Look at the file. If the project is yours, start with `keywright run --trust-project`.",
                )
            }
            // As shells exit.
            LaunchError::NotFound { agent, .. } => {
                of(Exit::User, "PROGRAM_NOT_FOUND", &error).exiting(127).hint(match agent {
                    Some(agent) => format!("To install {}: {}", agent.name(), agent.install_command()),
                    None => "Check the name, or give the path of the program.".to_owned(),
                })
            }
            LaunchError::Folder { .. } => of(Exit::User, "FILE_UNUSABLE", &error),
            LaunchError::NotStarted { .. } => of(Exit::User, "PROGRAM_NOT_STARTED", &error).exiting(126),
        }
    }
}

/// What to do with a key that stands in the wrong place.
pub(crate) fn a_providers_key(vendor: &str) -> String {
    format!(
        "A key of {vendor} belongs to the server, as a provider's key. Put a Keywright token here: `keywright \
         tokens create` makes one."
    )
}

/// What mends a session that has ended.
const SIGN_IN_AGAIN: &str =
    "Sign in again with `keywright login`, or forget the session with `keywright logout`.";

const SEE_HELP: &str = "See `keywright --help`, or `--help` behind the command.";
