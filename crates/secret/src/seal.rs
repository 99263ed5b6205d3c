//! Sealing of secrets at rest: XChaCha20-Poly1305 under a key of its own per value, and that key
//! sealed under the master key.
//!
//! A sealed blob is `version (1) | master key id (8) | nonce (24) | sealed data key (48) | nonce (24)
//! | sealed text`. The associated data names table, row and column, so that a blob moved elsewhere
//! does not open. This module reads no file: where the master key lies is for the server to know.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{PlatformToken, Secret, fill_random};

/// The master keys of a server: the first seals, all open.
pub struct MasterKeys {
    keys: Vec<MasterKey>,
}

impl MasterKeys {
    /// One fresh key.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        fill_random(bytes.as_mut());
        Self { keys: vec![MasterKey { id: key_id(&bytes), bytes }] }
    }

    /// Reads the text of a master key file: a key a line, the current one first; blank lines and
    /// lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// [`SealError::BadMasterKey`] when there is no key, or a line is none.
    pub fn parse(text: &Secret) -> Result<Self, SealError> {
        let keys = text
            .expose()
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(MasterKey::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(SealError::BadMasterKey);
        }
        Ok(Self { keys })
    }

    /// The text of a master key file that holds these keys.
    pub fn to_file_text(&self) -> Secret {
        let mut text = String::from(
            "# Keywright master key. Whoever holds it opens every sealed secret. Keep a copy apart from backups.\n",
        );
        for key in &self.keys {
            text.push_str(FILE_PREFIX);
            text.push_str(&URL_SAFE_NO_PAD.encode(key.bytes.as_ref()));
            text.push('\n');
        }
        Secret::new(text)
    }

    /// The public id of the key that seals.
    pub fn current_id(&self) -> String {
        crate::hex(&self.keys[0].id)
    }

    /// A hash under a key derived from the one that seals, for one purpose.
    pub fn keyed_hash(&self, purpose: &str) -> crate::KeyedHash {
        crate::KeyedHash::derived(&self.keys[0].bytes, purpose)
    }

    /// Seals `secret` for the one place that `place` names.
    pub fn seal(&self, place: &Place<'_>, secret: &Secret) -> Vec<u8> {
        let current = &self.keys[0];
        let mut data_key = Zeroizing::new([0u8; 32]);
        fill_random(data_key.as_mut());
        let associated = place.associated_data();
        let mut blob = vec![VERSION];
        blob.extend_from_slice(&current.id);
        encrypt(&mut blob, &current.bytes, data_key.as_ref(), &associated);
        encrypt(&mut blob, &data_key, secret.expose().as_bytes(), &associated);
        blob
    }

    /// Opens what [`seal`](Self::seal) made for the same place.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] when it was sealed under a master key that is not here,
    /// [`SealError::Damaged`] when it was changed, cut or moved from another place.
    pub fn open(&self, place: &Place<'_>, blob: &[u8]) -> Result<Secret, SealError> {
        let (version, rest) = blob.split_first().ok_or(SealError::Damaged)?;
        if *version != VERSION || rest.len() < ID_LENGTH + NONCE_LENGTH + WRAPPED_LENGTH {
            return Err(SealError::Damaged);
        }
        let (id, rest) = rest.split_at(ID_LENGTH);
        let master = self.keys.iter().find(|key| key.id == id).ok_or(SealError::UnknownKey)?;
        let (wrapped, sealed) = rest.split_at(NONCE_LENGTH + WRAPPED_LENGTH);
        let associated = place.associated_data();
        let data_key = decrypt(&master.bytes, wrapped, &associated)?;
        let data_key =
            Zeroizing::new(<[u8; 32]>::try_from(data_key.as_slice()).map_err(|_| SealError::Damaged)?);
        let text = decrypt(&data_key, sealed, &associated)?;
        let text = String::from_utf8(text.to_vec()).map_err(|_| SealError::Damaged)?;
        Ok(Secret::new(text))
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKeys({} of them, current {})", self.keys.len(), self.current_id())
    }
}

/// Seals `secret` so that only whoever has `token` opens it: not the server, which keeps hashes of tokens, nor
/// whoever has its master key.
pub fn seal_under(token: &PlatformToken, place: &Place<'_>, secret: &Secret) -> Vec<u8> {
    let mut blob = Vec::new();
    encrypt(&mut blob, &token_key(token), secret.expose().as_bytes(), &place.associated_data());
    blob
}

/// Opens what [`seal_under`] made with the same token for the same place.
///
/// # Errors
/// [`SealError::Damaged`] when it was made with another token, changed, cut or moved from another place.
pub fn open_under(token: &PlatformToken, place: &Place<'_>, blob: &[u8]) -> Result<Secret, SealError> {
    if blob.len() < NONCE_LENGTH {
        return Err(SealError::Damaged);
    }
    let text = decrypt(&token_key(token), blob, &place.associated_data())?;
    String::from_utf8(text.to_vec()).map(Secret::new).map_err(|_| SealError::Damaged)
}

/// The token has 256 random bits, so that a plain hash is a key. What is stored of it is another hash.
fn token_key(token: &PlatformToken) -> Zeroizing<[u8; 32]> {
    let hash = Sha256::new().chain_update(b"keywright sealed under a token\0").chain_update(token.expose());
    Zeroizing::new(hash.finalize().into())
}

/// Where a sealed value belongs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The id of the row.
    pub row: &'a str,
    /// The column.
    pub column: &'a str,
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        // A length before each part: ("ab", "c") and ("a", "bc") must differ.
        let mut data = Vec::new();
        for part in [self.table, self.row, self.column] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

/// Why something could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is not a master key file: a line was cut or edited.
    #[error("this is not a master key: each line must be `kwmk1_` and 43 characters")]
    BadMasterKey,
    /// The value was sealed under another master key; give the server the file it was made with.
    #[error("sealed under a master key that this server does not have")]
    UnknownKey,
    /// The bytes were changed, cut short or copied from another row.
    #[error("the sealed value is damaged or belongs elsewhere")]
    Damaged,
}

struct MasterKey {
    id: [u8; ID_LENGTH],
    bytes: Zeroizing<[u8; 32]>,
}

impl MasterKey {
    fn parse(line: &str) -> Result<Self, SealError> {
        let encoded = line.strip_prefix(FILE_PREFIX).ok_or(SealError::BadMasterKey)?;
        let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| SealError::BadMasterKey)?);
        let bytes =
            Zeroizing::new(<[u8; 32]>::try_from(decoded.as_slice()).map_err(|_| SealError::BadMasterKey)?);
        Ok(Self { id: key_id(&bytes), bytes })
    }
}

fn key_id(bytes: &[u8; 32]) -> [u8; ID_LENGTH] {
    let digest = Sha256::new().chain_update(b"keywright master key id").chain_update(bytes).finalize();
    let mut id = [0; ID_LENGTH];
    id.copy_from_slice(&digest[..ID_LENGTH]);
    id
}

fn encrypt(blob: &mut Vec<u8>, key: &[u8; 32], text: &[u8], associated: &[u8]) {
    let mut nonce = [0u8; NONCE_LENGTH];
    fill_random(&mut nonce);
    blob.extend_from_slice(&nonce);
    #[allow(clippy::expect_used)] // fails only for texts of 256 GiB
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: text, aad: associated })
        .expect("a short text can be sealed");
    blob.extend_from_slice(&sealed);
}

fn decrypt(key: &[u8; 32], sealed: &[u8], associated: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    if sealed.len() < NONCE_LENGTH {
        return Err(SealError::Damaged);
    }
    let (nonce, text) = sealed.split_at(NONCE_LENGTH);
    let nonce = <[u8; NONCE_LENGTH]>::try_from(nonce).map_err(|_| SealError::Damaged)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(nonce), Payload { msg: text, aad: associated })
        .map(Zeroizing::new)
        .map_err(|_| SealError::Damaged)
}

const VERSION: u8 = 1;
const ID_LENGTH: usize = 8;
const NONCE_LENGTH: usize = 24;
const WRAPPED_LENGTH: usize = 32 + 16;
const FILE_PREFIX: &str = "kwmk1_";

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { table: "sealed", row: "org_1", column: "value" };

    #[test]
    fn a_sealed_secret_opens_with_the_same_key_in_the_same_place() {
        let keys = MasterKeys::generate();
        let blob = keys.seal(&PLACE, &Secret::new("sk-ant-canary"));
        assert_eq!(keys.open(&PLACE, &blob).expect("opens").expose(), "sk-ant-canary");
        assert!(!blob.windows(6).any(|window| window == b"canary"));
        let again = MasterKeys::parse(&keys.to_file_text()).expect("parses");
        assert_eq!(again.open(&PLACE, &blob).expect("opens").expose(), "sk-ant-canary");
    }

    #[test]
    fn a_blob_moved_to_another_row_or_column_does_not_open() {
        let keys = MasterKeys::generate();
        let blob = keys.seal(&PLACE, &Secret::new("x"));
        for place in [
            Place { row: "org_2", ..PLACE },
            Place { column: "other", ..PLACE },
            Place { table: "seale", row: "dorg_1", ..PLACE },
        ] {
            assert_eq!(keys.open(&place, &blob).unwrap_err(), SealError::Damaged);
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let keys = MasterKeys::generate();
        let blob = keys.seal(&PLACE, &Secret::new("x"));
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            assert!(keys.open(&PLACE, &changed).is_err(), "byte {at}");
            assert!(keys.open(&PLACE, &blob[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_older_key_still_opens_and_a_foreign_one_does_not() {
        let old = MasterKeys::generate();
        let blob = old.seal(&PLACE, &Secret::new("x"));
        let new = MasterKeys::generate();
        assert_eq!(new.open(&PLACE, &blob).unwrap_err(), SealError::UnknownKey);
        let both = Secret::new(format!("{}{}", new.to_file_text().expose(), old.to_file_text().expose()));
        let both = MasterKeys::parse(&both).expect("parses");
        assert_eq!(both.open(&PLACE, &blob).expect("opens").expose(), "x");
        assert_eq!(both.current_id(), new.current_id());
    }

    #[test]
    fn a_file_that_is_no_master_key_is_refused() {
        for text in ["", "# only a comment\n", "kwmk1_", "kwmk1_AAAA", "hello", "kwmk1_!!!"] {
            assert_eq!(MasterKeys::parse(&Secret::new(text)).unwrap_err(), SealError::BadMasterKey, "{text}");
        }
    }
}
