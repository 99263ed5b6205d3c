//! The request that a code belongs to, remembered between the two commands.
//!
//! With it a stranger's request for the same mailbox neither voids the code nor uses up its tries. It is a
//! help and no need: where it cannot be noted or read, the command goes on and says so.

use keywright_credentials::store::FileError;
use keywright_credentials::{AskedCode, CodePurpose, PendingCodes};
use keywright_protocol::{CodeRequestId, Mailbox};

use crate::context::Context;
use crate::error::CommandError;

/// The request for one mailbox, purpose and server.
pub(super) struct Pending<'c> {
    context: &'c Context,
    codes: PendingCodes,
    purpose: CodePurpose,
    /// None for what is no mailbox: the server has the words for that.
    mailbox: Option<Mailbox>,
}

impl<'c> Pending<'c> {
    /// That of `email` at the server in use.
    pub(super) fn of(context: &'c Context, purpose: CodePurpose, email: &str) -> Self {
        let codes = PendingCodes::new(&context.paths.pending);
        Self { context, codes, purpose, mailbox: email.parse().ok() }
    }

    /// The last one, if there is one.
    pub(super) fn find(&self) -> Option<CodeRequestId> {
        let found = self.codes.find(self.asked()?, self.context.clock.as_ref());
        found.unwrap_or_else(|error| {
            self.warn(error, "read", "the server is not told of it");
            None
        })
    }

    /// Notes it in the place of the one before.
    pub(super) fn note(&self, id: CodeRequestId) {
        if let Some(asked) = self.asked()
            && let Err(error) = self.codes.note(asked, id, self.context.clock.as_ref())
        {
            self.warn(error, "noted", "somebody else's request for this mailbox can void the code");
        }
    }

    /// Forgets it: its code was used.
    pub(super) fn forget(&self) {
        if let Some(asked) = self.asked()
            && let Err(error) = self.codes.forget(asked, self.context.clock.as_ref())
        {
            self.warn(error, "noted", "the next request names it again, which does no harm");
        }
    }

    fn asked(&self) -> Option<AskedCode<'_>> {
        let server = &self.context.server.url;
        Some(AskedCode { server, mailbox: self.mailbox.as_ref()?, purpose: self.purpose })
    }

    fn warn(&self, error: FileError, what: &str, so: &str) {
        let error = CommandError::from(error).with_causes();
        self.context.output.warn(&format!("the request could not be {what} ({error}); {so}."));
    }
}
