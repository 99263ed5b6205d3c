//! What a laptop holds: local credentials, the settings beside them, and the launch of an agent.
//!
//! It resolves which platform credential and which server count, keeps both in files that no crash
//! damages, makes a temporary account where there is none, and starts agents with a token of their
//! own. It never prints, never asks, and never reads the working folder for settings; the environment
//! is read once, in [`Environment::of_process`].

mod environment;
mod forget;
mod instance;
pub mod launch;
pub mod login;
mod paths;
mod pending;
mod profile;
mod profiles;
mod providers;
mod provision;
mod resolve;
mod save;
mod server;
mod session;
mod settings;
pub mod store;
mod stored;
mod stored_key;
mod tokens;

pub use environment::Environment;
pub use forget::forget_organization;
pub use instance::{NotProven, prove, prove_by};
pub use paths::{NoHome, Paths};
pub use pending::{AskedCode, CodePurpose, PendingCodes};
pub use profile::{
    BadProfileName, ChosenProfile, NoProfile, ProfileName, ProfileSource, Standing, choose_profile,
};
pub use profiles::{RemoveProfileError, profile_names, remove_profile};
pub use providers::{ProviderFile, ProviderFileError, StoredCredential, StoredProvider, Unused};
pub use provision::{Outcome, ProvisionError, Provisioned, note_account_end, provision};
pub use resolve::{Candidates, Resolved, Shadowed, Source, UnusableCredential, resolve};
pub use save::{SaveKeyError, SavedProfile, check_savable, save_key};
pub use server::{ChosenServer, DEFAULT_SERVER, NoServer, ServerSource, choose_server};
pub use session::{
    RefreshError, SavedSession, SessionOrganization, SessionTokens, SignedOut, StoredSession, client_id,
    fresh_session, save_session, sign_out,
};
pub use settings::{HeldSettings, ProfileSettings, Settings, SettingsError, SettingsFile};
pub use stored::{Changed, CredentialFile, Credentials, Held, Opened, ServerEntry, StoredTemporary};
pub use stored_key::{KeyMetadata, NewStoredKey, StoredKey};
pub use tokens::LocalTokens;
