//! What one check found.

use serde::Serialize;

use crate::error::CommandError;
use crate::table::printable;

/// What one check found, and what mends it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    check: String,
    pub(super) outcome: Outcome,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Outcome {
    /// As it should be.
    Ok,
    /// It may surprise, but nothing fails because of it.
    Warning,
    /// Something fails because of it.
    Problem,
}

impl Finding {
    /// All is well there.
    pub(super) fn ok(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { check: check.into(), outcome: Outcome::Ok, message: message.into(), mend: None }
    }

    /// Something may surprise.
    pub(super) fn warning(
        check: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { outcome: Outcome::Warning, mend: Some(mend.into()), ..Self::ok(check, message) }
    }

    /// Something fails.
    pub(super) fn problem(
        check: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { outcome: Outcome::Problem, ..Self::warning(check, message, mend) }
    }

    /// What another command would fail with.
    pub(super) fn failed(check: impl Into<String>, error: &CommandError, otherwise: &str) -> Self {
        let mend = error.hints().join(" ");
        Self::problem(check, error.with_causes(), if mend.is_empty() { otherwise.to_owned() } else { mend })
    }

    /// For people: two lines at most.
    pub(super) fn describe(&self) -> String {
        let word = match self.outcome {
            Outcome::Ok => "ok",
            Outcome::Warning => "warning",
            Outcome::Problem => "problem",
        };
        let line = format!("{word:<8} {:<14} {}", self.check, printable(&self.message));
        match &self.mend {
            Some(mend) => format!("{line}\n{:24}next: {}", "", printable(mend)),
            None => line,
        }
    }
}
