//! Signing in: what is brought is checked here before anything is stored or sent.

mod api_key;

pub use api_key::{BadApiKey, check_api_key, read_api_key};
