//! The proof that the server on the default address belongs to this user.
//!
//! Any program on the machine can listen there first. So nobody configured means nobody trusted until
//! the server shows that it can read `data_dir/instance`, a file of mode 0600 of this user.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use keywright_client::{Client, ClientError};
use keywright_protocol::wire::InstanceProof;
use keywright_secret::{Secret, hex, random_hex};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use sha2::Sha256;

/// Has the server prove that it knows what is in the file at `instance`; what it says of itself beside.
///
/// # Errors
/// [`NotProven`]; nothing that the server issued or should get may be sent to it.
pub async fn prove(client: &Client, instance: &Path) -> Result<InstanceProof, NotProven> {
    prove_by(client, &read_key(instance)?).await
}

/// Has the server prove that it knows `key`.
///
/// # Errors
/// [`NotProven`]; the key is not sent, whatever comes of it.
pub async fn prove_by(client: &Client, key: &Secret) -> Result<InstanceProof, NotProven> {
    let challenge = random_hex::<32>();
    let asking = client.prove_instance(challenge.expose());
    let answer = tokio::time::timeout(PATIENCE, asking).await.map_err(|_| NotProven::Silent)?;
    let answer = answer.map_err(|error| match error {
        ClientError::Unreachable { .. } => NotProven::NothingThere(error),
        other => NotProven::NoAnswer(other),
    })?;
    let expected = proof(key, challenge.expose(), &client.server().authority());
    // `Secret` compares in constant time.
    if Secret::new(answer.proof.clone()) == expected { Ok(answer) } else { Err(NotProven::Wrong) }
}

fn proof(key: &Secret, challenge: &str, address: &str) -> Secret {
    // The address is part of it, so that another program cannot pass the challenge on to the real
    // server on another port.
    let message = format!("keywright-instance\n{challenge}\n{address}");
    #[allow(clippy::expect_used)]
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    Secret::new(hex(&mac.finalize().into_bytes()))
}

fn read_key(path: &Path) -> Result<Secret, NotProven> {
    let unusable = |reason| NotProven::FileUnusable { path: path.into(), reason };
    let opened = File::options().read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => NotProven::NeverServed,
        _ => unusable("it cannot be opened"),
    })?;
    let metadata = file.metadata().map_err(|_| unusable("it cannot be read"))?;
    if metadata.uid() != geteuid().as_raw() {
        return Err(unusable("it belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(unusable("other users may read it"));
    }
    let mut text = String::new();
    file.by_ref().take(4096).read_to_string(&mut text).map_err(|_| unusable("it cannot be read"))?;
    let key = Secret::new(text.trim());
    // A short key could be guessed, and with it the proof made.
    if key.expose().len() < 32 { Err(unusable("it is empty or cut off")) } else { Ok(key) }
}

/// No server of this user answers on the default address.
#[derive(Debug, thiserror::Error)]
pub enum NotProven {
    /// This user has never started a server with this data folder.
    #[error("no server is configured, and none has been started here")]
    NeverServed,
    /// Nothing listens on the default address.
    #[error("no server is configured, and none is running on the default address")]
    NothingThere(#[source] ClientError),
    /// Something listens there and says nothing.
    #[error("what listens on the default address does not answer")]
    Silent,
    /// Something listens there that cannot prove anything.
    #[error("what answers on the default address is not your Keywright server")]
    NoAnswer(#[source] ClientError),
    /// Something listens there that does not know the secret of this installation.
    #[error("what answers on the default address could not prove that it is your Keywright server")]
    Wrong,
    /// The secret cannot be trusted.
    #[error("{} cannot be used: {reason}", path.display())]
    FileUnusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
}

/// A server on this machine answers at once; another program may never.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_proof_is_an_hmac_over_challenge_and_address() {
        let key = Secret::new("0123456789abcdef0123456789abcdef");
        let made = proof(&key, "ab", "127.0.0.1:5399");
        // printf 'keywright-instance\nab\n127.0.0.1:5399' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        assert_eq!(made.expose(), "d8098cb1e299673e508ea80331156d0ba54c2619d925c4c0936943b8ca7c5aca");
        assert_ne!(made, proof(&key, "ab", "127.0.0.1:5400"));
        assert_ne!(made, proof(&key, "ac", "127.0.0.1:5399"));
    }

    #[test]
    fn a_secret_that_others_could_read_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instance");
        assert!(matches!(read_key(&path), Err(NotProven::NeverServed)));
        std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        for (mode, good) in [(0o644, false), (0o640, false), (0o600, true)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(read_key(&path).is_ok(), good, "{mode:o}");
        }
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(read_key(&path), Err(NotProven::FileUnusable { .. })));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read_key(&link), Err(NotProven::FileUnusable { .. })));
    }
}
