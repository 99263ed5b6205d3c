//! `keywright profiles list`: what is stored, without asking any server.

use keywright_credentials::{
    Credentials, DEFAULT_SERVER, ProfileName, ProfileSource, ServerEntry, Settings, Source, choose_profile,
    profile_names,
};
use keywright_protocol::{KeyId, Timestamp};
use keywright_secret::{PlatformToken, Secret};
use serde::Serialize;

use super::Place;
use crate::caution::is_soon;
use crate::error::CommandError;
use crate::table::table;

/// Prints a line for each credential of each profile.
pub(super) fn list(place: &Place) -> Result<(), CommandError> {
    let settings = place.settings_file.read()?;
    let stored = place.stored()?;
    let active = settings.active_profile.clone().unwrap_or_else(|| ProfileName::default().to_string());
    let names = profile_names(&settings, &stored);
    let profiles: Vec<Profile> =
        names.iter().map(|name| Profile::of(name, &active, &settings, &stored)).collect();
    let shown = Profiles { active: &active, profiles: &profiles };
    place.output.data(&shown, || describe(&profiles, place.clock.now()))?;
    match choose_profile(place.global.profile.as_ref(), &place.environment, &settings) {
        Ok(chosen) if matches!(chosen.source, ProfileSource::Flag | ProfileSource::Environment) => {
            place.output.say(&format!(
                "{} names the profile {}, which counts here.",
                chosen.source.describe(),
                chosen.name
            ));
        }
        Ok(_) => {}
        Err(error) => place.output.warn(&format!("{error}; mend it with `keywright profiles use PROFILE`.")),
    }
    Ok(())
}

#[derive(Serialize)]
struct Profiles<'a> {
    active: &'a str,
    profiles: &'a [Profile],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    name: String,
    active: bool,
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_name: Option<String>,
    credentials: Vec<Held>,
}

/// The credential that counts at one server.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    server: String,
    source: &'static str,
    hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<KeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip)]
    made_at: Option<Timestamp>,
    #[serde(skip)]
    place: &'static str,
    #[serde(skip)]
    is_known: bool,
}

impl Profile {
    fn of(name: &ProfileName, active: &str, settings: &Settings, stored: &Credentials) -> Self {
        let set = settings.profiles.get(name.as_str()).cloned().unwrap_or_default();
        // A key that was stored while its server could not be asked has told its organization since.
        let mut keys = stored.entries(name).filter_map(|(_, entry)| entry.api_key.as_ref());
        let known = keys.next().map(|key| key.metadata.clone()).unwrap_or_default();
        let credentials: Vec<Held> =
            stored.entries(name).filter_map(|(origin, entry)| Held::of(origin, entry)).collect();
        Self {
            name: name.to_string(),
            active: name.as_str() == active,
            server: server(set.server, &credentials),
            organization_id: set.organization_id.or(known.organization_id.map(|id| id.to_string())),
            organization_name: set.organization_name.or(known.organization_name),
            credentials,
        }
    }

    /// One line for each credential; one without where there is none.
    fn rows(&self, now: Timestamp) -> Vec<[String; 6]> {
        let mark = if self.active { "*" } else { "" };
        let row = |server: &str, credential: String, ends: String| {
            let organization = self.organization_name.clone().or_else(|| self.organization_id.clone());
            let organization = organization.unwrap_or_else(|| "-".to_owned());
            [mark.to_owned(), self.name.clone(), server.to_owned(), organization, credential, ends]
        };
        if self.credentials.is_empty() {
            return vec![row(&self.server, "none".to_owned(), "-".to_owned())];
        }
        let line = |held: &Held| {
            // Of a key that no server was asked about nobody knows.
            let none = if held.is_known { "never" } else { "-" };
            let ends = held.expires_at.map_or_else(|| none.to_owned(), |end| ends(held.made_at, end, now));
            row(&held.server, format!("{} ({}…)", held.place, held.hint), ends)
        };
        self.credentials.iter().map(line).collect()
    }
}

impl Held {
    /// The first that is there, in the order in which they count.
    fn of(origin: &str, entry: &ServerEntry) -> Option<Self> {
        let held = |source: Source, place, token: &Secret, key_id, (made_at, expires_at)| Self {
            server: origin.to_owned(),
            source: source.as_str(),
            hint: PlatformToken::parse(token.expose()).map_or_else(|_| token.hint(), |token| token.hint()),
            key_id,
            expires_at,
            made_at,
            place,
            is_known: key_id.is_some() || source == Source::Temporary,
        };
        let ServerEntry { api_key, session, temporary, .. } = entry;
        let key = api_key.as_ref().map(|key| {
            let known = &key.metadata;
            held(Source::StoredKey, "API key", &key.raw, known.key_id, (known.made_at(), known.expires_at))
        });
        let session = || {
            session
                .as_ref()
                .map(|session| held(Source::Session, "session", &session.access_token, None, (None, None)))
        };
        let temporary = || {
            let temporary = temporary.as_ref()?;
            let term = (temporary.account.user_id.made_at(), temporary.expires_at);
            Some(held(Source::Temporary, "temporary account", &temporary.token, None, term))
        };
        key.or_else(session).or_else(temporary)
    }
}

/// The server of the profile: one that a credential is for, if there is one.
fn server(set: Option<String>, credentials: &[Held]) -> String {
    let set = set.unwrap_or_else(|| DEFAULT_SERVER.to_owned());
    match credentials.first() {
        Some(first) if credentials.iter().all(|held| held.server != set) => first.server.clone(),
        _ => set,
    }
}

fn describe(profiles: &[Profile], now: Timestamp) -> String {
    if profiles.is_empty() {
        return "There is no profile yet. `keywright login --api-key-file FILE` makes one, and so does each sign-up."
            .to_owned();
    }
    let headings = ["", "NAME", "SERVER", "ORGANIZATION", "CREDENTIAL", "ENDS"];
    table(headings, profiles.iter().flat_map(|profile| profile.rows(now)))
}

fn ends(made: Option<Timestamp>, end: Timestamp, now: Timestamp) -> String {
    let word = match end {
        over if over <= now => " (expired)",
        near if is_soon(made, near, now) => " (soon)",
        _ => "",
    };
    let text = end.to_string();
    format!("{}Z{word}", text.get(..16).unwrap_or(&text))
}
