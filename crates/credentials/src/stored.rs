//! `credentials.json`: per profile and per server the session, the API key, the temporary token.
//!
//! Entries are kept by the origin of the server that issued them, so that looking for a credential to
//! send to one server cannot find that of another. Fields of later versions are kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keywright_client::ServerUrl;
use keywright_protocol::wire::Account;
use keywright_protocol::{Clock, Timestamp};
use keywright_secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::ProfileName;
use crate::store::{FileError, LockedFile, SafeFile};

/// All that is stored. Like all types of this file it has no `Debug`.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Credentials {
    profiles: BTreeMap<String, ProfileEntry>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProfileEntry {
    servers: BTreeMap<String, ServerEntry>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What a profile holds for one server.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerEntry {
    /// The stored API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<StoredKey>,
    /// The session of a sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<StoredSession>,
    /// The temporary account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporary: Option<StoredTemporary>,
    /// Whether the user signed out: no temporary account is made until it is asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub signed_out: bool,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// An API key that the user stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredKey {
    /// The `sk_` key.
    #[serde(with = "secret_text")]
    pub raw: Secret,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// The session of a sign-in.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredSession {
    /// The `at_` token.
    #[serde(with = "secret_text")]
    pub access_token: Secret,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// A temporary account that this program made.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredTemporary {
    /// The `tmp_` token.
    #[serde(with = "secret_text")]
    pub token: Secret,
    /// Whose it is.
    pub account: Account,
    /// When the account ends; absent for one that was made to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl StoredTemporary {
    /// What a server has just issued.
    pub fn new(issued: keywright_client::TemporaryToken) -> Self {
        Self {
            token: issued.token,
            account: issued.account,
            expires_at: Some(issued.expires_at),
            unknown: Map::new(),
        }
    }

    /// Whether the account has ended.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

impl Credentials {
    /// What is held for `server` under `profile`.
    pub fn entry(&self, profile: &ProfileName, server: &ServerUrl) -> Option<&ServerEntry> {
        self.profiles.get(profile.as_str())?.servers.get(&server.to_string())
    }

    /// The same, to be changed; empty when there was none.
    pub fn entry_mut(&mut self, profile: &ProfileName, server: &ServerUrl) -> &mut ServerEntry {
        let profile = self.profiles.entry(profile.to_string()).or_default();
        profile.servers.entry(server.to_string()).or_default()
    }

    /// Whether anything is stored under `profile`.
    pub fn knows(&self, profile: &ProfileName) -> bool {
        self.profiles.contains_key(profile.as_str())
    }

    fn parse(content: &[u8]) -> Option<Self> {
        // The parser's message may quote what it found, so it goes no further.
        serde_json::from_slice(content).ok()
    }

    fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // Texts, numbers and maps with text keys always have a JSON form.
        let mut content = Zeroizing::new(serde_json::to_vec_pretty(self).unwrap_or_default());
        content.push(b'\n');
        content
    }
}

/// The file.
#[derive(Clone, Debug)]
pub struct CredentialFile(SafeFile);

/// What was read, and the damaged file that was found in its place.
pub struct Opened {
    /// The credentials; none when there is no file or it was damaged.
    pub credentials: Credentials,
    /// Where a damaged file was moved. Tell the user.
    pub set_aside: Option<PathBuf>,
}

/// The file under its lock: read again, and nobody else changes it until this is dropped.
pub struct Held {
    file: LockedFile,
    /// The credentials as they are in the file now; change them and [`save`](Self::save).
    pub credentials: Credentials,
    /// Where a damaged file was moved. Tell the user.
    pub set_aside: Option<PathBuf>,
}

impl CredentialFile {
    /// The file at `path`, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(SafeFile::new(path))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Reads it. Takes no lock, unless the file is damaged and must be set aside.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn read(&self, clock: &dyn Clock) -> Result<Opened, FileError> {
        let Some(content) = self.0.read()? else {
            return Ok(Opened { credentials: Credentials::default(), set_aside: None });
        };
        if let Some(credentials) = Credentials::parse(&content) {
            return Ok(Opened { credentials, set_aside: None });
        }
        let held = self.hold(clock)?;
        Ok(Opened { credentials: held.credentials, set_aside: held.set_aside })
    }

    /// Reads it and leaves it where it is, whatever is in it; `None` when it is damaged.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn peek(&self) -> Result<Option<Credentials>, FileError> {
        let content = self.0.read()?;
        Ok(content.map_or_else(|| Some(Credentials::default()), |content| Credentials::parse(&content)))
    }

    /// Waits for the lock and reads.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn hold(&self, clock: &dyn Clock) -> Result<Held, FileError> {
        let file = self.0.lock(PATIENCE)?;
        let (credentials, set_aside) = match file.read()? {
            None => (Credentials::default(), None),
            Some(content) => match Credentials::parse(&content) {
                Some(credentials) => (credentials, None),
                None => (Credentials::default(), Some(file.set_aside(clock.now())?)),
            },
        };
        Ok(Held { file, credentials, set_aside })
    }
}

impl Held {
    /// Writes the credentials as they are now.
    ///
    /// # Errors
    /// [`FileError`]; the file is as it was.
    pub fn save(&self) -> Result<(), FileError> {
        self.file.replace(&self.credentials.to_json())
    }
}

/// Long enough for another process to make an account over a slow network.
const PATIENCE: Duration = Duration::from_secs(30);

/// The one place where credentials become text that is written.
mod secret_text {
    use keywright_secret::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}
