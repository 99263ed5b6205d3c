//! OpenAI's embeddings: vectors of length one, the same for the same text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::openai::required_model;
use super::turn::tokens_in;
use super::wire::Fault;

/// `POST /v1/embeddings`.
pub(super) fn embed(body: &Value) -> Result<Value, Fault> {
    let model = required_model(body)?;
    let dimensions = body["dimensions"].as_u64().unwrap_or(USUAL_DIMENSIONS);
    let dimensions = usize::try_from(dimensions).ok().filter(|count| (1..=MOST_DIMENSIONS).contains(count));
    let dimensions =
        dimensions.ok_or_else(|| Fault::field("dimensions", "Invalid value for 'dimensions'."))?;
    let data: Vec<Value> = inputs(&body["input"])?
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(input, dimensions);
            let embedding = match body["encoding_format"].as_str() {
                Some("base64") => json!(encode(&vector)),
                _ => json!(vector),
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens = tokens_in(&body["input"]);
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok(json!({"object": "list", "data": data, "model": model, "usage": usage}))
}

/// A text, a list of texts, a list of tokens, or a list of such lists; each becomes one text.
fn inputs(input: &Value) -> Result<Vec<String>, Fault> {
    match input {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(items) if items.first().is_some_and(Value::is_number) => Ok(vec![input.to_string()]),
        Value::Array(items) if !items.is_empty() => Ok(items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect()),
        _ => Err(Fault::field("input", "Missing required parameter: 'input'.")),
    }
}

/// Numbers from a generator that the text seeds (FNV-1a, then xorshift), scaled to length one.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let seed = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut state = seed | 1;
    let raw: Vec<f32> = (0..dimensions)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
        })
        .collect();
    let length = raw.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|number| number / length).collect()
}

fn encode(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

const USUAL_DIMENSIONS: u64 = 64;
const MOST_DIMENSIONS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_vectors_of_length_one_and_the_same_every_time() {
        let body = json!({"model": "m", "input": ["one", "two"], "dimensions": 16});
        let answer = embed(&body).expect("embeds");
        assert_eq!(answer, embed(&body).expect("embeds"));
        let first: Vec<f64> =
            serde_json::from_value(answer["data"][0]["embedding"].clone()).expect("numbers");
        assert_eq!(first.len(), 16);
        assert!((first.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-4);
        assert_ne!(answer["data"][0]["embedding"], answer["data"][1]["embedding"]);
        assert_eq!(answer["usage"]["prompt_tokens"], 2);
    }

    #[test]
    fn base64_carries_the_same_numbers() {
        let plain = embed(&json!({"model": "m", "input": "x", "dimensions": 4})).expect("embeds");
        let coded = embed(&json!({"model": "m", "input": "x", "dimensions": 4, "encoding_format": "base64"}))
            .expect("embeds");
        let text = coded["data"][0]["embedding"].as_str().expect("a text");
        let bytes = STANDARD.decode(text).expect("base64");
        let numbers: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
        assert_eq!(json!(numbers), plain["data"][0]["embedding"]);
    }

    #[test]
    fn requests_without_input_or_with_too_many_dimensions_are_refused() {
        for body in [
            json!({"model": "m"}),
            json!({"input": "x"}),
            json!({"model": "m", "input": []}),
            json!({"model": "m", "input": "x", "dimensions": 5000}),
        ] {
            assert_eq!(embed(&body).expect_err("refused").status, 400, "{body}");
        }
    }
}
