//! The side reader of event streams never panics, and what it reads does not depend on the pieces.
#![no_main]

use keywright_gateway::fuzzing;

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (piece, stream) = input;
    assert_eq!(fuzzing::usage_of(stream, usize::from(piece).max(1)), fuzzing::usage_of(stream, usize::MAX));
});
