//! The environment of the process, read once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// A copy of environment variables. It has no `Debug`: some of them are secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The variables that this process was started with.
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of a variable. An empty one is unset, and so is one that is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name)).and_then(|value| value.to_str()).filter(|value| !value.is_empty())
    }

    /// Whether the variable is there at all, empty or not.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(OsStr::new(name))
    }

    /// Whether a switch is on: by any value but an empty one, `0`, `false`, `no` and `off`, in any case. All switches
    /// keep something from happening, so whoever writes it otherwise is not overheard.
    pub fn switch(&self, name: &str) -> bool {
        self.0.get(OsStr::new(name)).is_some_and(|value| {
            let off = |value: &str| {
                ["", "0", "false", "no", "off"].iter().any(|off| value.eq_ignore_ascii_case(off))
            };
            !value.to_str().is_some_and(|value| off(value.trim()))
        })
    }

    /// Sets a variable in this copy.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// Takes a variable out of this copy; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(OsStr::new(name)).is_some()
    }

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_unset_and_a_switch_is_on_unless_it_is_off() {
        let environment: Environment = [("EMPTY", "")].into_iter().collect();
        assert_eq!(environment.text("EMPTY"), None);
        assert!(environment.contains("EMPTY") && !environment.switch("ABSENT"));
        for (values, on) in [
            (&["1", "true", "YES", "on", "2", "banana"][..], true),
            (&["", " ", "0", "false", "FALSE", "No", "off"], false),
        ] {
            for value in values {
                let environment: Environment = [("SWITCH", *value)].into_iter().collect();
                assert_eq!(environment.switch("SWITCH"), on, "{value:?}");
            }
        }
    }
}
