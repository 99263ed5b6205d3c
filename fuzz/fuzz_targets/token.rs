//! Whatever is parsed as a token is one, and what is one can be found in other text.
#![no_main]

use keywright_protocol::Lifetime;
use keywright_secret::{PlatformToken, Vendor, looks_like_ours, mentions_token};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(token) = PlatformToken::parse(text) {
        assert!(looks_like_ours(text) && mentions_token(text.as_bytes()));
        assert_eq!(token.expose(), text);
    }
    let _ = Vendor::of(text);
    let _ = text.parse::<Lifetime>();
});
