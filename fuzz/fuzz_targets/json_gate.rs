//! Any body in any pieces gives one verdict; what a strict parser takes, the gate takes, and with the
//! same model.
#![no_main]

use keywright_gateway::fuzzing;

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (piece, body) = input;
    let whole = fuzzing::model_of(body, usize::MAX);
    assert_eq!(fuzzing::model_of(body, usize::from(piece).max(1)), whole);
    // serde_json refuses what is nested deeper than 128; the gate reads on to 512.
    if let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(body) {
        let gate = whole.expect("the gate takes what a strict parser takes");
        if let (Some(serde_json::Value::String(model)), fuzzing::Model::Once(read)) = (object.get("model"), gate) {
            assert_eq!(&read, model);
        }
    }
});
