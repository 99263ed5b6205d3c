//! What a laptop holds: local credentials, the settings beside them, and the launch of an agent.
//!
//! It resolves which platform credential and which server count, keeps both in files that no crash
//! damages, makes a temporary account where there is none, and starts agents with a token of their
//! own. It never prints, never asks, and never reads the working folder for settings; the environment
//! is read once, in [`Environment::of_process`].

mod environment;
mod instance;
pub mod launch;
mod paths;
mod profile;
mod providers;
mod provision;
mod resolve;
mod server;
mod settings;
pub mod store;
mod stored;

pub use environment::Environment;
pub use instance::{NotProven, prove, prove_by};
pub use paths::{NoHome, Paths};
pub use profile::{BadProfileName, ProfileName};
pub use providers::{ProviderFile, ProviderFileError, StoredCredential, StoredProvider, Unused};
pub use provision::{Outcome, ProvisionError, Provisioned, note_account_end, provision};
pub use resolve::{Candidates, Resolved, Shadowed, Source, UnusableCredential, resolve};
pub use server::{ChosenServer, DEFAULT_SERVER, NoServer, ServerSource, choose_server};
pub use settings::{ProfileSettings, Settings, SettingsError};
pub use stored::{
    CredentialFile, Credentials, Held, Opened, ServerEntry, StoredKey, StoredSession, StoredTemporary,
};
