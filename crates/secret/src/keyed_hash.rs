//! Hashes of short secrets, which everybody could undo by trying if there were no key in them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::fill_random;

/// HMAC-SHA-256 under a key that is kept apart from what is hashed.
#[derive(Clone)]
pub struct KeyedHash {
    key: Zeroizing<[u8; 32]>,
}

impl KeyedHash {
    /// Under a key that nobody else has, and that is gone with this.
    pub fn random() -> Self {
        let mut key = Zeroizing::new([0u8; 32]);
        fill_random(key.as_mut());
        Self { key }
    }

    /// Under a key derived from `secret` for one purpose.
    #[cfg(feature = "seal")]
    pub(crate) fn derived(secret: &[u8; 32], purpose: &str) -> Self {
        let mut mac = keyed(secret);
        mac.update(b"keywright keyed hash\0");
        mac.update(purpose.as_bytes());
        Self { key: Zeroizing::new(mac.finalize().into_bytes().into()) }
    }

    /// The hash of `parts`, which cannot be divided otherwise with the same result.
    pub fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = keyed(&self.key);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Whether `hash` is that of `parts`, in a time that does not depend on how much of it fits.
    pub fn is_of(&self, hash: &[u8], parts: &[&[u8]]) -> bool {
        use subtle::ConstantTimeEq as _;
        self.of(parts).as_slice().ct_eq(hash).into()
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyedHash(…)")
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    #[allow(clippy::expect_used)] // HMAC takes keys of every length
    Hmac::<Sha256>::new_from_slice(key).expect("32 bytes are a key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_key_and_on_where_its_parts_end() {
        let (one, other) = (KeyedHash::random(), KeyedHash::random());
        let hash = one.of(&[b"ab", b"c"]);
        assert!(one.is_of(&hash, &[b"ab", b"c"]));
        assert!(!one.is_of(&hash, &[b"a", b"bc"]) && !one.is_of(&hash[..31], &[b"ab", b"c"]));
        assert!(!other.is_of(&hash, &[b"ab", b"c"]));
        assert!(!format!("{one:?}").contains(char::is_numeric));
    }
}
