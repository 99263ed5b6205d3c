//! `pending.json`: mailbox codes that were asked for, so that the command that presents a code can say which
//! request it belongs to. No code is ever in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keywright_client::ServerUrl;
use keywright_protocol::{Clock, CodeRequestId, Mailbox, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::store::{FileError, SafeFile};

/// The file.
#[derive(Clone, Debug)]
pub struct PendingCodes(SafeFile);

/// What a code was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CodePurpose {
    /// To sign up.
    Signup,
    /// To sign in.
    Login,
}

/// Of whom a code was asked, where it was mailed to, and what for.
#[derive(Clone, Copy, Debug)]
pub struct AskedCode<'a> {
    /// The server.
    pub server: &'a ServerUrl,
    /// The mailbox.
    pub mailbox: &'a Mailbox,
    /// What for.
    pub purpose: CodePurpose,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Content {
    codes: Vec<Pending>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pending {
    server: String,
    email: String,
    purpose: CodePurpose,
    request_id: CodeRequestId,
    asked_at: Timestamp,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl PendingCodes {
    /// The file at `path`, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(SafeFile::new(path))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Notes the answer to a request, in the place of the one before; where a damaged file was moved.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn note(
        &self,
        asked: AskedCode<'_>,
        request_id: CodeRequestId,
        clock: &dyn Clock,
    ) -> Result<Option<PathBuf>, FileError> {
        self.change(clock, |codes| {
            codes.retain(|code| !code.answers(asked));
            codes.push(Pending {
                server: asked.server.to_string(),
                email: asked.mailbox.to_string(),
                purpose: asked.purpose,
                request_id,
                asked_at: clock.now(),
                unknown: Map::new(),
            });
        })
    }

    /// The last request, if one was noted within a day. A damaged file holds none.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn find(&self, asked: AskedCode<'_>, clock: &dyn Clock) -> Result<Option<CodeRequestId>, FileError> {
        let now = clock.now();
        let content = self.0.read()?.and_then(|content| parse(&content)).unwrap_or_default();
        let found = content.codes.into_iter().find(|code| code.answers(asked) && !code.is_old(now));
        Ok(found.map(|code| code.request_id))
    }

    /// Forgets it, once its code was used; where a damaged file was moved.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn forget(&self, asked: AskedCode<'_>, clock: &dyn Clock) -> Result<Option<PathBuf>, FileError> {
        self.change(clock, |codes| codes.retain(|code| !code.answers(asked)))
    }

    fn change(
        &self,
        clock: &dyn Clock,
        change: impl FnOnce(&mut Vec<Pending>),
    ) -> Result<Option<PathBuf>, FileError> {
        let file = self.0.lock(PATIENCE)?;
        let (mut content, set_aside) = match file.read()? {
            None => (Content::default(), None),
            Some(found) => match parse(&found) {
                Some(content) => (content, None),
                None => (Content::default(), Some(file.set_aside(clock.now())?)),
            },
        };
        let now = clock.now();
        content.codes.retain(|code| !code.is_old(now));
        change(&mut content.codes);
        // Texts, times and maps with text keys always have a JSON form.
        let mut text = serde_json::to_vec_pretty(&content).unwrap_or_default();
        text.push(b'\n');
        file.replace(&text)?;
        Ok(set_aside)
    }
}

impl Pending {
    fn answers(&self, asked: AskedCode<'_>) -> bool {
        self.purpose == asked.purpose
            && self.email == asked.mailbox.as_str()
            && self.server == asked.server.to_string()
    }

    /// Servers forget codes a day after they ended as well.
    fn is_old(&self, now: Timestamp) -> bool {
        now >= self.asked_at.plus_seconds(DAY_SECONDS)
    }
}

fn parse(content: &[u8]) -> Option<Content> {
    serde_json::from_slice(content).ok()
}

const DAY_SECONDS: i64 = 86_400;
/// Nobody holds this lock over a call to a server.
const PATIENCE: Duration = Duration::from_secs(30);
