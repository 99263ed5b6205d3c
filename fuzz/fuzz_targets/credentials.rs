//! No query, header or path makes the gateway panic before it knows who is calling, and no token stays
//! in a query.
#![no_main]

use keywright_gateway::fuzzing;
use keywright_providers::match_route;
use keywright_secret::mentions_token;

libfuzzer_sys::fuzz_target!(|input: (&str, &str, &str)| {
    let (header, query, path) = input;
    fuzzing::credentials_in(header);
    assert!(!mentions_token(fuzzing::query_for_upstream(query).as_bytes()));
    for method in ["GET", "POST", "DELETE"] {
        assert!(match_route(method, path).all(|matched| !path.contains("..") || matched.subject.is_some()));
    }
});
