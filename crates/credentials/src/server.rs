//! Which server counts: one ordered array as well.

use keywright_client::{BadServer, PlainText, ServerUrl};

use crate::{Environment, ProfileName, Settings};

/// Where the server is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerSource {
    /// The global flag `--server`.
    Flag,
    /// The variable `KEYWRIGHT_SERVER`.
    Environment,
    /// The profile, in `config.toml`.
    Profile,
    /// Nowhere: the default address, which must prove itself.
    Default,
}

impl ServerSource {
    /// The first of these that is set is used.
    pub const PRECEDENCE: [Self; 4] = [Self::Flag, Self::Environment, Self::Profile, Self::Default];

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Flag => "--server",
            Self::Environment => "KEYWRIGHT_SERVER",
            Self::Profile => "the profile",
            Self::Default => "the default",
        }
    }

    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::Profile => "profile",
            Self::Default => "default",
        }
    }
}

/// The address at which `keywright serve` listens unless told otherwise.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:5399";

/// The server that counts.
#[derive(Clone, Debug)]
pub struct ChosenServer {
    /// Its address.
    pub url: ServerUrl,
    /// Where it is named. [`ServerSource::Default`] must prove itself before it gets a credential.
    pub source: ServerSource,
}

/// Chooses the server.
///
/// # Errors
/// [`NoServer`] when the one that counts cannot be used; the next one is not tried.
pub fn choose_server(
    flag: Option<&str>,
    environment: &Environment,
    settings: &Settings,
    profile: &ProfileName,
    plain_text: PlainText,
) -> Result<ChosenServer, NoServer> {
    let named = |source| match source {
        ServerSource::Flag => flag,
        ServerSource::Environment => environment.text("KEYWRIGHT_SERVER"),
        ServerSource::Profile => settings.profiles.get(profile.as_str())?.server.as_deref(),
        ServerSource::Default => Some(DEFAULT_SERVER),
    };
    let (place, text) = ServerSource::PRECEDENCE
        .into_iter()
        .find_map(|source| named(source).map(|text| (source, text)))
        .unwrap_or((ServerSource::Default, DEFAULT_SERVER));
    let url = ServerUrl::parse(text, plain_text).map_err(|source| NoServer { place, source })?;
    Ok(ChosenServer { url, source: place })
}

/// The address of the server cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", place.describe())]
pub struct NoServer {
    /// Where it is named.
    pub place: ServerSource,
    /// What is wrong with it.
    #[source]
    pub source: BadServer,
}

#[cfg(test)]
mod tests {
    use crate::ProfileSettings;

    use super::*;

    #[test]
    fn the_first_that_is_named_counts() {
        let mut settings = Settings::default();
        let profile = ProfileName::default();
        let mut environment = Environment::default();
        let choose = |flag, environment: &Environment, settings: &Settings| {
            let chosen =
                choose_server(flag, environment, settings, &profile, PlainText::LoopbackOnly).unwrap();
            (chosen.source, chosen.url.to_string())
        };
        assert_eq!(choose(None, &environment, &settings), (ServerSource::Default, DEFAULT_SERVER.into()));
        let server = Some("https://profile.example".to_owned());
        settings.profiles.insert("default".into(), ProfileSettings { server, ..ProfileSettings::default() });
        assert_eq!(choose(None, &environment, &settings).0, ServerSource::Profile);
        environment.set("KEYWRIGHT_SERVER", "https://environment.example");
        assert_eq!(choose(None, &environment, &settings).0, ServerSource::Environment);
        let flag = choose(Some("https://flag.example"), &environment, &settings);
        assert_eq!(flag, (ServerSource::Flag, "https://flag.example".into()));
    }

    #[test]
    fn a_bad_address_is_an_error_and_not_the_next_one() {
        let environment: Environment = [("KEYWRIGHT_SERVER", "http://10.0.0.1")].into_iter().collect();
        let choose = |plain_text| {
            choose_server(None, &environment, &Settings::default(), &ProfileName::default(), plain_text)
        };
        let error = choose(PlainText::LoopbackOnly).unwrap_err();
        assert_eq!(error.place, ServerSource::Environment);
        assert!(choose(PlainText::Anywhere).is_ok());
    }
}
