//! `credentials.json`: per profile and per server the session, the API key, the temporary token.
//!
//! Entries are kept by the origin of the server that issued them, so that looking for a credential to
//! send to one server cannot find that of another. Fields of later versions are kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keywright_client::ServerUrl;
use keywright_protocol::wire::{Account, ApiKey};
use keywright_protocol::{Clock, KeyId, Timestamp};
use keywright_secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::store::{FileError, LockedFile, SafeFile};
use crate::{KeyMetadata, NewStoredKey, ProfileName, StoredKey, StoredSession};

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
    /// The keys that this program made with the temporary account: those that an upgrade asks to keep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub minted_keys: Vec<KeyId>,
    /// Whether the user signed out: no temporary account is made until it is asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub signed_out: bool,
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

impl ServerEntry {
    /// Whether there is a session that the server no longer takes.
    pub fn has_ended_session(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.ended_at.is_some())
    }
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

impl ServerEntry {
    /// Whether nothing is held that could be used.
    pub fn is_empty(&self) -> bool {
        self.api_key.is_none() && self.session.is_none() && self.temporary.is_none()
    }

    fn holds(&self, id: KeyId) -> bool {
        self.api_key.as_ref().is_some_and(|key| key.metadata.key_id == Some(id))
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

    /// Whether a credential is stored under `profile`. That somebody signed out of it is none.
    pub fn knows(&self, profile: &ProfileName) -> bool {
        self.entries(profile).any(|(_, entry)| !entry.is_empty())
    }

    /// The profiles under which a credential is stored.
    pub fn profiles(&self) -> impl Iterator<Item = ProfileName> {
        let names = self.profiles.keys().filter_map(|name| name.parse().ok());
        names.filter(|name| self.knows(name))
    }

    /// What is held under `profile`, with the origin of the server that each entry is for.
    pub fn entries(&self, profile: &ProfileName) -> impl Iterator<Item = (&str, &ServerEntry)> {
        let entry = self.profiles.get(profile.as_str());
        entry.into_iter().flat_map(|entry| &entry.servers).map(|(origin, entry)| (origin.as_str(), entry))
    }

    /// Forgets the temporary account behind `token`, which is no more.
    pub fn forget_temporary(&mut self, server: &ServerUrl, token: &Secret) {
        self.each_with(server, |entry| {
            let held = entry.temporary.as_ref().is_some_and(|temporary| temporary.token == *token);
            if held {
                entry.temporary = None;
                entry.minted_keys.clear();
            }
            held
        });
    }

    /// Forgets all that is stored under `profile`; whether there was anything.
    ///
    /// If it `counts` where none is named, `default` counts from now on: at the servers of this profile it is
    /// as after signing out, so that no temporary account takes the place of what was forgotten.
    pub fn remove(&mut self, profile: &ProfileName, counts: bool) -> bool {
        let Some(removed) = self.profiles.remove(profile.as_str()) else { return false };
        let default = ProfileName::default();
        if counts || *profile == default {
            let left = self.profiles.entry(default.to_string()).or_default();
            for origin in removed.servers.into_keys() {
                let entry = left.servers.entry(origin).or_default();
                entry.signed_out = entry.is_empty();
            }
        }
        true
    }

    /// Whether the key `id` of `server` is stored or was minted.
    pub fn mentions_key(&self, server: &ServerUrl, id: KeyId) -> bool {
        let origin = server.to_string();
        let entries = self.profiles.values().filter_map(|profile| profile.servers.get(&origin));
        entries.into_iter().any(|entry| entry.holds(id) || entry.minted_keys.contains(&id))
    }

    /// Takes over what a server has told of one of its keys.
    pub fn learn_key(&mut self, server: &ServerUrl, key: &ApiKey) {
        self.each_with(server, |entry| {
            let stored = entry.api_key.as_mut().filter(|stored| stored.metadata.key_id == Some(key.key_id));
            let Some(stored) = stored else { return false };
            stored.metadata = stored.metadata.clone().with(KeyMetadata::of(key));
            true
        });
    }

    /// Puts `new` where the key `old` of `server` is stored, and among the keys that were minted; the
    /// profiles that it is stored in.
    pub fn replace_key(&mut self, server: &ServerUrl, old: KeyId, new: &NewStoredKey) -> Vec<ProfileName> {
        self.each_with(server, |entry| {
            if let Some(new) = new.metadata.key_id {
                entry.minted_keys.iter_mut().filter(|id| **id == old).for_each(|id| *id = new);
            }
            let Some(stored) = entry.api_key.as_mut().filter(|key| key.metadata.key_id == Some(old)) else {
                return false;
            };
            stored.raw = new.raw.clone();
            stored.metadata = stored.metadata.clone().with(new.metadata.clone());
            true
        })
    }

    /// Forgets the key `id` of `server`, which is no more; the profiles that it was stored in. Where nothing
    /// else is left, it is as after signing out.
    pub fn forget_key(&mut self, server: &ServerUrl, id: KeyId) -> Vec<ProfileName> {
        self.each_with(server, |entry| {
            entry.minted_keys.retain(|minted| *minted != id);
            let stored = entry.holds(id);
            if stored {
                entry.api_key = None;
                entry.signed_out = entry.session.is_none() && entry.temporary.is_none();
            }
            stored
        })
    }

    fn each_with(
        &mut self,
        server: &ServerUrl,
        mut change: impl FnMut(&mut ServerEntry) -> bool,
    ) -> Vec<ProfileName> {
        let origin = server.to_string();
        let mut changed = Vec::new();
        for (name, profile) in &mut self.profiles {
            if profile.servers.get_mut(&origin).is_some_and(&mut change) {
                changed.extend(name.parse());
            }
        }
        changed
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

/// What a change came to, and the damaged file that was found in its place.
pub struct Changed<T> {
    /// What came of it.
    pub outcome: T,
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

    /// Changes it under its lock.
    ///
    /// # Errors
    /// [`FileError`]; the file is as it was.
    pub fn change<T>(
        &self,
        clock: &dyn Clock,
        change: impl FnOnce(&mut Credentials) -> T,
    ) -> Result<Changed<T>, FileError> {
        let mut held = self.hold(clock)?;
        let outcome = change(&mut held.credentials);
        held.save()?;
        Ok(Changed { outcome, set_aside: held.set_aside.take() })
    }

    /// A damaged file that was moved out of the way and is still beside this one, the latest if there are
    /// several: what it held may be missed.
    pub fn set_aside_before(&self) -> Option<PathBuf> {
        self.0.set_aside_before()
    }

    /// Waits for the lock and reads. Whoever holds the settings as well takes their lock first.
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
    /// Reads again what somebody who takes no lock may have written meanwhile. What cannot be understood is
    /// passed over.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn read_again(&mut self) -> Result<(), FileError> {
        let content = self.file.read()?;
        if let Some(credentials) = content.and_then(|content| Credentials::parse(&content)) {
            self.credentials = credentials;
        }
        Ok(())
    }

    /// Whether [`save`](Self::save) could write.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn check_writable(&self) -> Result<(), FileError> {
        self.file.check_writable()
    }

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
pub(crate) mod secret_text {
    use keywright_secret::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// The same where there may be none.
pub(crate) mod optional_secret_text {
    use keywright_secret::Secret;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Option::<String>::deserialize(deserializer).map(|text| text.map(Secret::new))
    }
}
