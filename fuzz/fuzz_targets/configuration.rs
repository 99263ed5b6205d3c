//! Any settings give a configuration or a list of problems.
#![no_main]

use std::collections::BTreeMap;

use keywright_server::config::{Config, KEYS};

libfuzzer_sys::fuzz_target!(|values: Vec<(u8, String)>| {
    let flags: BTreeMap<String, String> = values
        .into_iter()
        .map(|(index, value)| (KEYS[usize::from(index) % KEYS.len()].path.to_owned(), value))
        // Fuzzing reads no files.
        .filter(|(path, _)| !path.ends_with("file") && !path.starts_with("tls"))
        .collect();
    let environment = BTreeMap::from([("HOME".to_owned(), "/nonexistent".to_owned())]);
    if let Err(problems) = Config::load(&flags, &environment, None) {
        assert!(!problems.is_empty());
    }
});
