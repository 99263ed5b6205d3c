//! Signing in: what is brought is checked here before anything is stored or sent.

mod api_key;
mod loopback;
mod surroundings;

pub use api_key::{BadApiKey, check_api_key, read_api_key};
pub use loopback::{Loopback, Verdict};
pub use surroundings::{Surroundings, Way};
