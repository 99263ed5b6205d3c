//! What is known of model providers, as data: environment names, addresses, dialects, where each
//! carries a credential, and which routes may pass to it.
//!
//! Nothing here connects to anything or holds a key.

mod carriers;
mod dialect;
mod routes;
mod table;

pub use carriers::{
    CREDENTIAL_HEADERS, CREDENTIAL_QUERY, FORWARDING_HEADERS, HOP_BY_HOP, KeyHeader, PLATFORM_HEADERS,
    is_unsafe_response_header, is_withheld,
};
pub use dialect::Dialect;
pub use routes::{Handling, Matched, ROUTES, Route, match_route, methods_of};
pub use table::{PROVIDERS, Provider, provider};
