//! SQLite and PostgreSQL behind one API, with migrations.
//!
//! The only crate with SQL. One SQL text serves both engines. It decides nothing about who may do what:
//! that is `identity`'s, and what goes into a record is the gateway's. It mints no secret and sees no
//! token, only hashes of tokens.

mod accounts;
mod authorization_codes;
mod callers;
mod cards;
mod claims;
mod clients;
mod completion;
mod database;
mod device_codes;
mod engine;
mod error;
mod essential;
mod generation;
mod grants;
mod invitations;
mod key_changes;
mod keys;
mod mail_codes;
mod mail_tries;
mod mailbox_facts;
mod master_key;
mod members;
mod migration;
mod mints;
mod oauth_tries;
mod organizations;
mod page_entrances;
mod page_sessions;
mod records;
mod refreshes;
mod room;
mod services;
mod signing_keys;
mod statement;
mod sweep;
mod tokens;
mod upgrade;
mod upgrade_tickets;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use accounts::{NewTemporaryAccount, Provisioned};
pub use authorization_codes::{AuthorizationCode, CodeRedemption};
pub use callers::{Acting, CallerFacts, OrganizationChange};
pub use claims::{ClaimOutcome, ClaimRules, Claimant};
pub use clients::{ClientInsertion, ClientRow, RegistrationLimits};
pub use completion::{Completed, Completion, CompletionFailed, CompletionTerms, Entrance, IssuedKey};
pub use database::{Database, PATIENCE, Store};
pub use device_codes::{
    DeviceApproval, DeviceDecision, DeviceInsertion, DeviceRow, DeviceState, NewDevice, Poll,
};
pub use error::StoreError;
pub use grants::{GrantFacts, GrantRow, GrantToken, NewGrant};
pub use invitations::{AcceptFacts, InvitationLimits, InviteFacts, Invited, NewInvitation};
pub use key_changes::{KeyChange, KeyFacts, KeyUpdate, Rotated, RotationTerms, Successor, TargetKey};
pub use keys::{KeyInsertion, KeyRow};
pub use mail_codes::{CodeLimits, CodeRequest, CodeRequested, Moment};
pub use mail_tries::{CodeRefusal, PresentedCode, TryLimits};
pub use mailbox_facts::{Belonging, MailboxFacts, OpenInvitation};
pub use master_key::MasterKeyMark;
pub use members::MemberFacts;
pub use mints::MintLimits;
pub use oauth_tries::{Tried, TryLimit};
pub use organizations::{NewOrganization, OrganizationRow, OrganizationUpdate};
pub use page_entrances::Answered;
pub use page_sessions::{NewPageSession, PageSession, PageSignIn, PageTerms};
pub use records::{
    LocalRecords, OutcomeFilter, RecordedCall, RecordsFailure, RecordsMove, RecordsOf, RecordsReader,
    RecordsWriter, RefusalCount, RequestFilter, SLOTS, Slot, UnknownOutcome,
};
pub use refreshes::{Exchange, NewRotation, RefreshRow, Rotation, RotationLimit};
pub use room::Room;
pub use services::NewServiceAccount;
pub use signing_keys::SigningKeyRow;
pub use sweep::{SweepRules, Swept};
pub use tokens::{ChildInsertion, ChildRenewal, NewToken, RevokedToken, TokenRow};
pub use upgrade::{UpgradeTerms, Upgraded};
pub use upgrade_tickets::{NewUpgradeTicket, OfferedUpgrade, TicketDecision, TicketOutcome};
