//! No text makes the parsers of addresses panic, and what they take is an address that can be dialled.
#![no_main]

use keywright_client::{PlainText, ServerUrl};
use keywright_dial::{Destination, Reach};
use url::Url;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(server) = ServerUrl::parse(text, PlainText::LoopbackOnly) {
        assert!(server.is_loopback() || server.as_url().scheme() == "https");
        assert!(server.as_url().username().is_empty() && server.as_url().password().is_none());
    }
    if let Ok(destination) =
        Url::parse(text).map_err(drop).and_then(|url| Destination::of(&url, Reach::Exactly).map_err(drop))
    {
        assert!(!destination.authority().is_empty());
    }
});
