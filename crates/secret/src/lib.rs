//! Secrets: wrap, redact, compare, mint and parse tokens; seal at rest (feature `seal`).
//!
//! Every credential in Keywright lives in a type of this crate. None of them has a derived `Debug`,
//! `Display` or `Serialize`; the one way to the text is a call named `expose`, which grep can list.
//!
//! This crate does no input or output, keeps no state and knows nothing of accounts: whether a token
//! is *good* is for `identity` to say, whether it is *well formed* is said here.

mod base62;
mod foreign;
mod keyed_hash;
mod mailed_code;
mod text;
mod token;

#[cfg(feature = "seal")]
pub mod seal;

pub use foreign::Vendor;
pub use keyed_hash::KeyedHash;
pub use mailed_code::{LETTERS, MailedCode};
pub use text::{Secret, mask};
pub use token::{
    MalformedToken, PlatformToken, TOKEN_LENGTH, TokenHash, TokenKind, looks_like_ours, mentions_token,
};

/// Fills `bytes` from the operating system's random source.
///
/// # Panics
/// When the operating system has no randomness to give; nothing that mints credentials may go on then.
pub fn fill_random(bytes: &mut [u8]) {
    #[allow(clippy::expect_used)]
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

/// A fresh random value of `N` bytes, in lower-case hexadecimal.
pub fn random_hex<const N: usize>() -> Secret {
    let mut bytes = zeroize::Zeroizing::new([0u8; N]);
    fill_random(bytes.as_mut());
    Secret::new(hex(bytes.as_ref()))
}

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}
