//! No bytes but those that were sealed open.
#![no_main]

use std::sync::OnceLock;

use keywright_secret::Secret;
use keywright_secret::seal::{MasterKeys, Place};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static KEYS: OnceLock<MasterKeys> = OnceLock::new();
    let keys = KEYS.get_or_init(MasterKeys::generate);
    assert!(keys.open(&Place { table: "t", row: "r", column: "c" }, bytes).is_err());
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = MasterKeys::parse(&Secret::new(text));
    }
});
