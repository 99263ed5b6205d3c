//! An upstream may repeat the key that it was sent. It does not come back down.

use bytes::Bytes;
use http::HeaderMap;
use keywright_secret::Secret;
use memchr::memmem;

/// A header of an answer that repeats the provider key is dropped.
pub(crate) fn mask_headers(headers: &mut HeaderMap, secret: &Secret) {
    if secret.expose().len() < SHORTEST_MASKED {
        return;
    }
    let finder = memmem::Finder::new(secret.expose().as_bytes());
    let repeating: Vec<_> = headers
        .iter()
        .filter(|(_, value)| value.len() >= secret.expose().len() && finder.find(value.as_bytes()).is_some())
        .map(|(name, _)| name.clone())
        .collect();
    for name in repeating {
        headers.remove(name);
    }
}

/// A body with the provider key in it masked.
pub(crate) fn masked(body: Bytes, secret: &Secret) -> Bytes {
    let needle = secret.expose().as_bytes();
    if needle.len() < SHORTEST_MASKED || memmem::find(&body, needle).is_none() {
        return body;
    }
    let hint = secret.hint();
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = &body[..];
    while let Some(at) = memmem::find(rest, needle) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(hint.as_bytes());
        rest = &rest[at + needle.len()..];
    }
    clean.extend_from_slice(rest);
    Bytes::from(clean)
}

/// Shorter than any provider's key: a test's or an empty one, which would mask ordinary text.
const SHORTEST_MASKED: usize = 8;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn every_place_of_a_body_where_the_key_stands_is_masked() {
        let key = Secret::new("sk-ant-api03-canary-0123");
        let body = Bytes::from(format!("{{\"a\":\"{0}\",\"b\":\"x{0}{0}\"}}", key.expose()));
        let clean = masked(body, &key);
        assert_eq!(clean, r#"{"a":"sk-a...0123","b":"xsk-a...0123sk-a...0123"}"#);
        let other = Bytes::from_static(b"nothing to hide");
        assert_eq!(masked(other.clone(), &key), other);
    }

    #[test]
    fn a_header_that_repeats_the_key_is_dropped_and_others_stay() {
        let mut headers = HeaderMap::new();
        headers.insert("x-debug", HeaderValue::from_static("key=sk-ant-api03-canary-0123;"));
        headers.insert("request-id", HeaderValue::from_static("req_1"));
        mask_headers(&mut headers, &Secret::new("sk-ant-api03-canary-0123"));
        mask_headers(&mut headers, &Secret::new(""));
        assert_eq!(headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["request-id"]);
    }
}
