//! Keys stored under profiles, over two files and by many processes.

use std::path::Path;
use std::time::Duration;

use keywright_client::{PlainText, ServerUrl};
use keywright_credentials::{
    ChosenServer, CredentialFile, Credentials, KeyMetadata, NewStoredKey, ProfileName, SaveKeyError,
    SavedProfile, ServerSource, Settings, SettingsFile, profile_names, remove_profile, save_key,
};
use keywright_protocol::{OrganizationId, SystemClock};
use keywright_secret::{PlatformToken, Secret, TokenKind};
use serde_json::{Value, json};

use crate::process::{playing, playing_after, wait_for};

/// The files of one user, and the server that keys are for.
pub(crate) struct Home {
    settings: SettingsFile,
    credentials: CredentialFile,
    pub(crate) server: ChosenServer,
    /// Removed with this.
    folder: Option<tempfile::TempDir>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::at(folder.path()).keeping(folder)
    }

    /// The files in the folder at `path`.
    pub(crate) fn at(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self {
            settings: SettingsFile::new(path.join("config/config.toml")),
            credentials: CredentialFile::new(path.join("state/credentials.json")),
            server: chosen("https://k.example", ServerSource::Flag),
            folder: None,
        }
    }

    fn keeping(self, folder: tempfile::TempDir) -> Self {
        Self { folder: Some(folder), ..self }
    }

    fn path(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Saves a key for the server.
    pub(crate) fn save(&self, key: NewStoredKey, name: Option<&str>) -> Result<SavedProfile, SaveKeyError> {
        self.save_at(&self.server, key, name)
    }

    /// Saves a key for another server.
    pub(crate) fn save_at(
        &self,
        server: &ChosenServer,
        key: NewStoredKey,
        name: Option<&str>,
    ) -> Result<SavedProfile, SaveKeyError> {
        let name = name.map(|name| name.parse().unwrap());
        save_key(&self.settings, &self.credentials, &SystemClock, server, key, name.as_ref())
    }

    fn settings(&self) -> Settings {
        self.settings.read().unwrap()
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.read(&SystemClock).unwrap().credentials
    }

    fn stored(&self, profile: &str) -> Option<Secret> {
        let credentials = self.credentials();
        let entry = credentials.entry(&profile.parse().unwrap(), &self.server.url)?;
        entry.api_key.as_ref().map(|key| key.raw.clone())
    }

    fn names(&self) -> Vec<String> {
        profile_names(&self.settings(), &self.credentials()).iter().map(ToString::to_string).collect()
    }
}

/// The server at `url`, named there.
pub(crate) fn chosen(url: &str, source: ServerSource) -> ChosenServer {
    ChosenServer { url: ServerUrl::parse(url, PlainText::LoopbackOnly).unwrap(), source }
}

/// A new key, of an organization if one is known.
pub(crate) fn new_key(organization: Option<(OrganizationId, &str)>) -> NewStoredKey {
    let token = PlatformToken::mint(TokenKind::ApiKey);
    let known = KeyMetadata { key_prefix: Some(token.hint()), ..KeyMetadata::default() };
    let metadata = match organization {
        Some((id, name)) => known.in_organization(id, name),
        None => known,
    };
    NewStoredKey { raw: Secret::new(token.expose()), metadata }
}

pub(crate) fn copy(key: &NewStoredKey) -> NewStoredKey {
    NewStoredKey { raw: key.raw.clone(), metadata: key.metadata.clone() }
}

#[test]
fn a_profile_is_made_for_each_organization_and_server_and_named_after_it() {
    let home = Home::new();
    let (acme, other) = (OrganizationId::new(), OrganizationId::new());
    let first = new_key(Some((acme, "ACME, Inc.")));
    let saved = home.save(copy(&first), None).unwrap();
    assert_eq!((saved.name.as_str(), saved.is_new, saved.replaced_hint), ("acme-inc", true, None));
    assert_eq!(home.settings().active_profile.as_deref(), Some("acme-inc"));
    let set = &home.settings().profiles["acme-inc"];
    assert_eq!(set.server.as_deref(), Some("https://k.example"));
    assert_eq!(set.organization_id, Some(acme.to_string()));
    assert_eq!(set.organization_name.as_deref(), Some("ACME, Inc."));

    let saved = home.save(new_key(Some((other, "Acme Inc"))), None).unwrap();
    assert_eq!((saved.name.as_str(), saved.is_new), ("acme-inc-2", true));
    let elsewhere = chosen("https://elsewhere.example", ServerSource::Environment);
    let saved = home.save_at(&elsewhere, new_key(Some((acme, "ACME, Inc."))), None).unwrap();
    assert_eq!((saved.name.as_str(), saved.is_new), ("acme-inc-3", true));

    // The organization was renamed; it is the same one.
    let second = new_key(Some((acme, "Acme Holding")));
    let saved = home.save(copy(&second), None).unwrap();
    let hint = PlatformToken::parse(first.raw.expose()).unwrap().hint();
    assert_eq!((saved.name.as_str(), saved.is_new, saved.replaced_hint), ("acme-inc", false, Some(hint)));
    assert_eq!(home.stored("acme-inc"), Some(second.raw));
    let settings = home.settings();
    assert_eq!(settings.profiles["acme-inc"].organization_name.as_deref(), Some("Acme Holding"));
    assert_eq!((settings.profiles.len(), settings.active_profile.as_deref()), (3, Some("acme-inc")));
}

#[test]
fn a_name_that_is_asked_for_is_taken_unless_it_is_anothers() {
    let home = Home::new();
    let (acme, other) = (OrganizationId::new(), OrganizationId::new());
    assert_eq!(home.save(new_key(Some((acme, "Acme"))), Some("work")).unwrap().name.as_str(), "work");
    // Two profiles for one organization, if somebody wants that; then the active one is the one that is reused.
    assert!(home.save(new_key(Some((acme, "Acme"))), Some("ci")).unwrap().is_new);
    assert_eq!(home.save(new_key(Some((acme, "Acme"))), None).unwrap().name.as_str(), "ci");
    assert!(!home.save(new_key(Some((acme, "Acme"))), Some("work")).unwrap().is_new);
    let before = std::fs::read(home.credentials.path()).unwrap();
    let error = home.save(new_key(Some((other, "Other"))), Some("work")).unwrap_err();
    assert!(error.to_string().contains("Acme"), "{error}");
    let elsewhere = chosen("https://elsewhere.example", ServerSource::Flag);
    let error = home.save_at(&elsewhere, new_key(Some((acme, "Acme"))), Some("work")).unwrap_err();
    assert!(matches!(error, SaveKeyError::Taken { .. }) && error.to_string().contains("https://k.example"));
    assert_eq!(std::fs::read(home.credentials.path()).unwrap(), before, "nothing was stored");
    // Which organization an unverified key is of nobody knows; the name says which profile is meant.
    assert!(!home.save(new_key(None), Some("work")).unwrap().is_new);
}

#[test]
fn an_organization_called_default_does_not_take_the_default_profile() {
    let home = Home::new();
    let saved = home.save(new_key(Some((OrganizationId::new(), "Default"))), None).unwrap();
    assert_eq!(saved.name.as_str(), "default-2");
}

#[test]
fn a_server_that_nobody_named_is_not_written_down_as_if_somebody_had() {
    let home = Home::new();
    let default = chosen("http://127.0.0.1:5399", ServerSource::Default);
    let acme = OrganizationId::new();
    home.save_at(&default, new_key(Some((acme, "Acme"))), None).unwrap();
    assert_eq!(home.settings().profiles["acme"].server, None);
    assert!(!home.save_at(&default, new_key(Some((acme, "Acme"))), None).unwrap().is_new);
    let named = chosen("http://127.0.0.1:5399", ServerSource::Flag);
    assert!(!home.save_at(&named, new_key(Some((acme, "Acme"))), None).unwrap().is_new);
    assert_eq!(home.settings().profiles["acme"].server.as_deref(), Some("http://127.0.0.1:5399"));
    home.save_at(&default, new_key(Some((acme, "Acme"))), None).unwrap();
    assert!(home.settings().profiles["acme"].server.is_some(), "it was named once");
}

#[test]
fn a_key_whose_organization_is_not_known_is_known_again_by_itself() {
    let home = Home::new();
    let key = new_key(None);
    let saved = home.save(copy(&key), None).unwrap();
    assert_eq!((saved.name.as_str(), saved.is_new), ("k-example", true));
    let another = home.save(new_key(None), None).unwrap();
    assert_eq!(
        (another.name.as_str(), another.is_new),
        ("k-example-2", true),
        "it may be of another organization"
    );
    let acme = OrganizationId::new();
    let metadata = key.metadata.clone().in_organization(acme, "Acme");
    let again = home.save(NewStoredKey { raw: key.raw.clone(), metadata }, None).unwrap();
    assert_eq!((again.name.as_str(), again.is_new, again.replaced_hint), ("k-example", false, None));
    assert_eq!(home.settings().profiles["k-example"].organization_id, Some(acme.to_string()));
    assert_eq!(home.save(new_key(Some((acme, "Acme"))), None).unwrap().name.as_str(), "k-example");
}

#[test]
fn saving_a_key_ends_a_sign_out_and_keeps_what_later_versions_wrote() {
    let home = Home::new();
    let acme = OrganizationId::new();
    home.save(new_key(Some((acme, "Acme"))), None).unwrap();
    let mut content: Value =
        serde_json::from_slice(&std::fs::read(home.credentials.path()).unwrap()).unwrap();
    let entry = content.pointer_mut("/profiles/acme/servers/https:~1~1k.example").unwrap();
    entry["signedOut"] = json!(true);
    entry["later"] = json!({ "x": [1] });
    std::fs::write(home.credentials.path(), content.to_string()).unwrap();
    home.save(new_key(Some((acme, "Acme"))), None).unwrap();
    let content: Value = serde_json::from_slice(&std::fs::read(home.credentials.path()).unwrap()).unwrap();
    let entry = content.pointer("/profiles/acme/servers/https:~1~1k.example").unwrap();
    assert_eq!((entry.get("signedOut"), &entry["later"]), (None, &json!({ "x": [1] })));
}

#[test]
fn twenty_processes_with_an_organization_each_make_twenty_profiles() {
    let home = Home::new();
    let folder = home.path();
    let start = || {
        let mut command = playing("save keys", folder);
        command.env("PART_NAME", "Acme").env("PART_ROUNDS", "2").spawn().unwrap()
    };
    let children: Vec<_> = (0..20).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let settings = home.settings();
    assert_eq!(settings.profiles.len(), 40);
    let organizations: std::collections::BTreeSet<_> =
        settings.profiles.values().map(|profile| profile.organization_id.clone().unwrap()).collect();
    assert_eq!(organizations.len(), 40);
    assert!(settings.profiles.contains_key("acme") && settings.profiles.contains_key("acme-40"));
    assert!(settings.profiles.keys().all(|name| home.stored(name).is_some()));
}

#[test]
fn twenty_processes_with_keys_of_one_organization_make_one_profile() {
    let home = Home::new();
    let folder = home.path();
    let acme = OrganizationId::new().to_string();
    let start = || {
        let mut command = playing("save keys", folder);
        command
            .env("PART_NAME", "Acme")
            .env("PART_ROUNDS", "1")
            .env("PART_ORGANIZATION", &acme)
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..20).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(home.names(), ["acme"]);
}

#[test]
fn a_process_killed_while_it_saves_loses_no_key_and_leaves_no_profile_without_one() {
    let home = Home::new();
    let folder = home.path();
    for round in 0..20u64 {
        let begun = folder.join(format!("begun-{round}"));
        let mut command = playing("save keys", folder);
        command.env("PART_NAME", "Acme").env("PART_ROUNDS", "1000000").env("PART_BEGUN", &begun);
        let mut child = command.spawn().unwrap();
        wait_for(&begun, &mut child);
        std::thread::sleep(Duration::from_micros(round * 2300 % 15_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let (settings, credentials) = (home.settings(), home.credentials());
        for name in settings.profiles.keys() {
            assert!(home.stored(name).is_some(), "round {round}: {name} is empty");
        }
        // At most the last one is without settings; trying again finds it.
        let known: Vec<ProfileName> = credentials.profiles().collect();
        assert!(known.len() - settings.profiles.len() <= 1, "round {round}");
        let noted = std::fs::read_to_string(&begun).unwrap();
        if let Some((organization, raw)) = noted.split_once(' ') {
            let metadata = KeyMetadata::default().in_organization(organization.parse().unwrap(), "Acme");
            let saved = home.save(NewStoredKey { raw: Secret::new(raw), metadata }, None).unwrap();
            assert_eq!(saved.replaced_hint, None, "round {round}");
        }
        assert_eq!(home.settings().profiles.len(), home.credentials().profiles().count(), "round {round}");
    }
}

#[test]
fn settings_that_cannot_be_written_leave_the_key_stored_and_say_under_which_name() {
    let home = Home::new();
    let folder = home.path();
    std::fs::create_dir(folder.join("config")).unwrap();
    // Too long for what the process may write; the credentials are not.
    let comment = format!("# {}\n", "x".repeat(40_000));
    std::fs::write(home.settings.path(), &comment).unwrap();
    let mut command = playing_after("trap '' XFSZ; ulimit -f 16", "save keys", folder);
    command.env("PART_NAME", "Acme").env("PART_ROUNDS", "1").env("PART_BEGUN", folder.join("begun"));
    let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(9));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("stored under the profile `acme`"), "{words}");
    assert!(home.stored("acme").is_some());
    assert_eq!(std::fs::read_to_string(home.settings.path()).unwrap(), comment);
}

#[test]
fn settings_that_are_malformed_stop_everything_before_anything_is_stored() {
    let home = Home::new();
    std::fs::create_dir(home.settings.path().parent().unwrap()).unwrap();
    std::fs::write(home.settings.path(), "profiles = 3").unwrap();
    let error = home.save(new_key(None), None).unwrap_err();
    assert!(matches!(error, SaveKeyError::Settings(_)));
    assert!(!home.credentials.path().exists());
}

#[test]
fn a_profile_goes_with_all_that_is_stored_under_it() {
    let home = Home::new();
    home.save(new_key(Some((OrganizationId::new(), "Acme"))), None).unwrap();
    home.save(new_key(Some((OrganizationId::new(), "Other"))), None).unwrap();
    let other = "other".parse().unwrap();
    assert_eq!(remove_profile(&home.settings, &home.credentials, &SystemClock, &other).unwrap(), None);
    assert_eq!((home.names(), home.settings().active_profile), (vec!["acme".to_owned()], None));
    // A damaged file of credentials stops nobody from cleaning up.
    std::fs::write(home.credentials.path(), "{").unwrap();
    let acme = "acme".parse().unwrap();
    let aside = remove_profile(&home.settings, &home.credentials, &SystemClock, &acme).unwrap();
    assert!(aside.is_some_and(|path| path.exists()) && home.names().is_empty());
}
