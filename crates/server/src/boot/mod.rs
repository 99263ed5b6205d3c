//! From a configuration to the parts of a server.

mod claim;
mod gateway;
mod instance;
mod master_key;
mod private_file;
mod upstreams;

use std::io;
use std::path::PathBuf;

use keywright_dial::TlsSetupError;
use keywright_secret::seal::SealError;
use keywright_store::{Database, StoreError};

use crate::config::{self, Config};

pub use claim::{ClaimNotice, issue_claim};
pub(crate) use claim::{claim_file, first_claim};
pub(crate) use gateway::{dialler, gateway_settings, listen, unusable};
pub(crate) use instance::instance_secret;
pub(crate) use master_key::check_master_key;
pub(crate) use upstreams::{CentralKeys, Upstreams, upstreams};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened; the text says why and what to do.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the server's own cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that holds a secret can be read by others.
    #[error("{} can be read by others; run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The database was made with a master key that is not here.
    #[error(
        "the master key is missing: this database was made with the key {key_id}. Restore {}, or set \
         KEYWRIGHT_MASTER_KEY",
        path.display()
    )]
    MasterKeyMissing {
        /// The public id of the key that is wanted.
        key_id: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The master key is not the one that the database was made with.
    #[error("the master key in {place} is not that of this database, which was made with the key {key_id}")]
    MasterKeyWrong {
        /// The public id of the key that is wanted.
        key_id: String,
        /// Where the key came from.
        place: String,
    },
    /// What stands where the master key should be is none.
    #[error("{place} holds no master key: {source}")]
    MasterKeyUnreadable {
        /// Where it was read.
        place: String,
        /// What is wrong with it.
        #[source]
        source: SealError,
    },
    /// Another server started on the same database at the same moment and made the master key.
    #[error(
        "another server has just made the master key {key_id} of this database; give this one a copy of its file"
    )]
    MasterKeyLost {
        /// The public id of the winner's key.
        key_id: String,
    },
    /// The certificate or key of the listener cannot be used.
    #[error("the listener's certificate or key cannot be used: {0}")]
    Tls(String),
    /// The extra authorities cannot be used.
    #[error("{}: {source}", path.display())]
    ExtraCa {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: TlsSetupError,
    },
    /// TLS to the mail server cannot be set up.
    #[error("mail cannot be sent with TLS: {0}")]
    Mail(String),
    /// A provider's configuration cannot be used.
    #[error("the provider {name} cannot be used: {reason}")]
    Provider {
        /// Its name.
        name: String,
        /// Why.
        reason: &'static str,
    },
}

/// The database that the configuration names.
pub(crate) fn database(config: &Config) -> Database {
    match &config.database {
        config::Database::Sqlite => Database::Sqlite { folder: config.data_dir.clone() },
        config::Database::Postgres(url) => Database::Postgres { url: url.clone() },
    }
}
