//! The one place of the server that reads the process's environment.

use std::collections::BTreeMap;

/// The environment of this process. Variables that are not Unicode are left out.
#[allow(clippy::disallowed_methods, reason = "the one place that reads it")]
pub fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()))
        .collect()
}
