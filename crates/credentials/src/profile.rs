//! Names of profiles, and which of them counts: one ordered array as well.

use std::fmt;
use std::str::FromStr;

use keywright_client::ServerUrl;

use crate::{Credentials, Environment, Settings};

/// The name of a profile: 1 to 64 letters, digits, dots, dashes and underscores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name like `text`, in lower case: letters and digits with dashes between. A `number` above 1 tells
    /// it from others.
    pub fn slug(text: &str, number: u32) -> Self {
        let end = if number > 1 { format!("-{number}") } else { String::new() };
        let mut name = String::new();
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            let dash = if name.is_empty() { "" } else { "-" };
            name.push_str(dash);
            name.push_str(&word.to_ascii_lowercase());
        }
        name.truncate(LONGEST - end.len());
        let name = match name.trim_end_matches('-') {
            "" => "organization",
            some => some,
        };
        Self(format!("{name}{end}"))
    }

    /// Whether the profile is known: the default one, one of `config.toml`, or one with credentials.
    pub fn is_known(&self, settings: &Settings, credentials: &Credentials) -> bool {
        *self == Self::default() || settings.profiles.contains_key(self.as_str()) || credentials.knows(self)
    }

    /// Whether the profile may be used for `server`.
    pub fn standing(&self, settings: &Settings, credentials: &Credentials, server: &ServerUrl) -> Standing {
        if *self == Self::default() {
            return Standing::Usable;
        }
        if !self.is_known(settings, credentials) {
            return Standing::Unknown;
        }
        let own = match settings.profiles.get(self.as_str()) {
            Some(set) => set.is_for(server) || (set.server.is_none() && set.organization_id.is_none()),
            None => false,
        };
        if own || credentials.entry(self, server).is_some() { Standing::Usable } else { Standing::Elsewhere }
    }
}

impl Default for ProfileName {
    /// `default`, the profile when none is named.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl FromStr for ProfileName {
    type Err = BadProfileName;

    fn from_str(text: &str) -> Result<Self, BadProfileName> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if (1..=LONGEST).contains(&text.len()) && text.chars().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadProfileName)
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How a profile stands to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is for that server, or for none in particular.
    Usable,
    /// It is for another server and holds nothing for this one, so that nothing may be put into it.
    Elsewhere,
    /// There is no such profile.
    Unknown,
}

/// The text is no name of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a profile's name has 1 to 64 letters, digits, dots, dashes and underscores")]
pub struct BadProfileName;

/// Where the profile is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileSource {
    /// The global flag `--profile`.
    Flag,
    /// The variable `KEYWRIGHT_PROFILE`.
    Environment,
    /// `active_profile` in `config.toml`, which `profiles use` and each sign-in write.
    Active,
    /// Nowhere.
    Default,
}

impl ProfileSource {
    /// The first of these that is set is used.
    pub const PRECEDENCE: [Self; 4] = [Self::Flag, Self::Environment, Self::Active, Self::Default];

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Flag => "--profile",
            Self::Environment => "KEYWRIGHT_PROFILE",
            Self::Active => "active_profile",
            Self::Default => "the default",
        }
    }

    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::Active => "active",
            Self::Default => "default",
        }
    }
}

/// The profile that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenProfile {
    /// Its name.
    pub name: ProfileName,
    /// Where it is named.
    pub source: ProfileSource,
}

/// Chooses the profile.
///
/// # Errors
/// [`NoProfile`] when the one that counts has no name that a profile may have; the next one is not tried.
pub fn choose_profile(
    flag: Option<&ProfileName>,
    environment: &Environment,
    settings: &Settings,
) -> Result<ChosenProfile, NoProfile> {
    let named = |source| match source {
        ProfileSource::Flag => flag.map(ProfileName::as_str),
        ProfileSource::Environment => environment.text("KEYWRIGHT_PROFILE"),
        ProfileSource::Active => settings.active_profile.as_deref(),
        ProfileSource::Default => None,
    };
    let first =
        ProfileSource::PRECEDENCE.into_iter().find_map(|source| named(source).map(|text| (source, text)));
    match first {
        None => Ok(ChosenProfile { name: ProfileName::default(), source: ProfileSource::Default }),
        Some((source, text)) => match text.parse() {
            Ok(name) => Ok(ChosenProfile { name, source }),
            Err(cause) => Err(NoProfile { place: source, cause }),
        },
    }
}

/// The name of the profile is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", place.describe())]
pub struct NoProfile {
    /// Where it stands.
    pub place: ProfileSource,
    /// What a name is.
    pub cause: BadProfileName,
}

const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["default", "work-2", "a.b_c"] {
            assert_eq!(name.parse::<ProfileName>().unwrap().as_str(), name);
        }
        for name in ["", "a b", "../x", "ä", &"x".repeat(65)] {
            assert_eq!(name.parse::<ProfileName>(), Err(BadProfileName), "{name}");
        }
    }

    #[test]
    fn any_text_has_a_slug_that_is_a_name() {
        let long = "Long ".repeat(40);
        for (text, number, slug) in [
            ("My Organization", 1, "my-organization"),
            ("  ACME, Inc. ", 2, "acme-inc-2"),
            ("Ünïcode & söns", 1, "n-code-s-ns"),
            ("../../etc", 1, "etc"),
            ("日本", 1, "organization"),
            ("", 3, "organization-3"),
            ("127.0.0.1", 1, "127-0-0-1"),
        ] {
            assert_eq!(ProfileName::slug(text, number).as_str(), slug, "{text}");
        }
        for number in [1, 2, 99_999, u32::MAX] {
            let slug = ProfileName::slug(&long, number);
            assert_eq!(slug.as_str().parse(), Ok(slug.clone()));
            assert!(slug.as_str().starts_with("long-long-") && !slug.as_str().contains("--"), "{slug}");
        }
    }

    #[test]
    fn the_first_profile_that_is_named_counts() {
        let mut environment = Environment::default();
        let mut settings = Settings::default();
        let flag = "flag".parse().unwrap();
        let choose = |flag: Option<&ProfileName>, environment: &Environment, settings: &Settings| {
            choose_profile(flag, environment, settings).map(|chosen| (chosen.name.to_string(), chosen.source))
        };
        let chosen = |name: &str, source| Ok((name.to_owned(), source));
        assert_eq!(choose(None, &environment, &settings), chosen("default", ProfileSource::Default));
        settings.active_profile = Some("active".into());
        assert_eq!(choose(None, &environment, &settings), chosen("active", ProfileSource::Active));
        environment.set("KEYWRIGHT_PROFILE", "environment");
        assert_eq!(choose(None, &environment, &settings), chosen("environment", ProfileSource::Environment));
        assert_eq!(choose(Some(&flag), &environment, &settings), chosen("flag", ProfileSource::Flag));
        environment.set("KEYWRIGHT_PROFILE", "no name");
        let error = choose(None, &environment, &settings).unwrap_err();
        assert_eq!(error.place, ProfileSource::Environment);
    }
}
