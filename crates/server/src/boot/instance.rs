//! The proof of a loopback server that it belongs to this user's installation: whoever can read the
//! file in the data folder can check it, and nobody else can make it.

use keywright_secret::{Secret, random_hex};

use crate::boot::{StartError, private_file};
use crate::config::Config;

/// The text of `data_dir/instance`, made on the first start.
pub(crate) fn instance_secret(config: &Config) -> Result<Secret, StartError> {
    let path = config.data_dir.join("instance");
    if let Some(secret) = private_file::read(&path)? {
        return Ok(Secret::new(secret.expose().trim()));
    }
    let secret = random_hex::<32>();
    private_file::create(&path, &secret)?;
    Ok(secret)
}
