//! Devices that wait for a person to let them in.

use keywright_protocol::wire::LoginUpgrade;
use keywright_protocol::{OrganizationId, Scopes, Timestamp, UserId};
use sqlx::FromRow;

use crate::engine::{transaction, values};
use crate::grants::{GrantToken, NewGrant, begin};
use crate::statement::statements;
use crate::tokens::{read_id, take_turn};
use crate::upgrade_tickets::{TicketDecision, TicketOutcome, settle, take_turns};
use crate::{Store, StoreError};

/// A device that begins to wait.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Its id.
    pub id: String,
    /// SHA-256 of the device code.
    pub hash: [u8; 32],
    /// Keyed hash of the user code.
    pub user_code_hash: [u8; 32],
    /// The application.
    pub client: String,
    /// What it asks for.
    pub scopes: Scopes,
    /// What it asks to know of the user: names with blanks between.
    pub identity_scopes: String,
    /// The resources that it asks for, with blanks between.
    pub resources: String,
    /// The machine, as the application calls it.
    pub machine: Option<String>,
    /// Where it is: an IPv4 address, the /64 of an IPv6 address, or loopback.
    pub address: String,
    /// Seconds that the session is proposed to live.
    pub lifetime: i64,
    /// The hash of the ticket that came along.
    pub ticket: Option<[u8; 32]>,
    /// Seconds between polls.
    pub interval: i64,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What became of a device that was to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceInsertion {
    /// It waits.
    Inserted,
    /// As many wait at its address as may; the first of them leaves at that time.
    FullUntil(Timestamp),
}

/// A device that waits, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its id.
    pub id: String,
    /// The application.
    pub client: String,
    /// What it asks for.
    pub scopes: Scopes,
    /// What it asks to know of the user: names with blanks between.
    pub identity_scopes: String,
    /// The resources that it asks for, with blanks between.
    pub resources: String,
    /// The machine, as the application calls it.
    pub machine: Option<String>,
    /// Where it is.
    pub address: String,
    /// Seconds that the session lives; until somebody decides, what the device proposes.
    pub lifetime: i64,
    /// The hash of the ticket that came along.
    pub ticket: Option<[u8; 32]>,
    /// What became of the temporary account of that.
    pub upgrade: Option<LoginUpgrade>,
    /// How it stands.
    pub state: DeviceState,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// How it stands with a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has decided.
    Pending,
    /// Somebody lets it in.
    Approved(DeviceApproval),
    /// Somebody does not.
    Denied,
    /// It is in.
    Used,
}

/// Who lets a device in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceApproval {
    /// Who.
    pub user: UserId,
    /// Into which organization.
    pub organization: OrganizationId,
    /// When the person last proved the mailbox.
    pub signed_in_at: Timestamp,
}

/// How a person lets a device in.
#[derive(Clone, Debug)]
pub struct DeviceDecision {
    /// Who, and into which organization.
    pub approval: DeviceApproval,
    /// What may be done, of what the device asked for.
    pub scopes: Scopes,
    /// What may be known of the user, of what it asked for.
    pub identity_scopes: String,
    /// Seconds that the session lives.
    pub lifetime: i64,
    /// What becomes of the temporary account that came along.
    pub ticket: Option<TicketDecision>,
}

/// What a poll of a waiting device is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// It came in time.
    Pending,
    /// It came too early; there must be so many seconds between polls from now on.
    TooEarly(i64),
    /// Somebody has decided meanwhile.
    Decided,
}

impl Store {
    /// Stores a device unless `most` wait at its address already: exact however many ask at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_device(&self, device: &NewDevice, most: i64) -> Result<DeviceInsertion, StoreError> {
        let scopes = device.scopes.to_stored();
        transaction!(self, |open| {
            open.execute(TAKE_TURN, values![]).await?;
            let limits = values![&device.address, device.created_at, most - 1];
            let full: Option<(i64,)> = open.first(NTH_WAITING, limits).await?;
            let ticket = device.ticket.as_ref().map(|ticket| &ticket[..]);
            if let Some((end,)) = full {
                DeviceInsertion::FullUntil(Timestamp(end))
            } else {
                let row = values![
                    &device.id,
                    &device.hash[..],
                    &device.user_code_hash[..],
                    &device.client,
                    &scopes,
                    &device.identity_scopes,
                    &device.resources,
                    &device.machine,
                    &device.address,
                    device.interval,
                    device.created_at,
                    device.expires_at,
                    device.lifetime,
                    ticket,
                ];
                open.execute(INSERT, row).await?;
                DeviceInsertion::Inserted
            }
        })
    }

    /// The device with that device code.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn device(&self, hash: &[u8; 32]) -> Result<Option<DeviceRow>, StoreError> {
        let stored: Option<StoredDevice> = self.first(FIND, values![&hash[..]]).await?;
        stored.map(StoredDevice::read).transpose()
    }

    /// The device with that user code.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn device_by_user_code(&self, hash: &[u8; 32]) -> Result<Option<DeviceRow>, StoreError> {
        let stored: Option<StoredDevice> = self.first(FIND_BY_USER_CODE, values![&hash[..]]).await?;
        stored.map(StoredDevice::read).transpose()
    }

    /// Notes a poll. One that comes too early puts 5 s between polls, up to `slowest`, and does not begin
    /// the wait anew: whoever slows down is heard.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn poll_device(&self, device: &str, at: Timestamp, slowest: i64) -> Result<Poll, StoreError> {
        transaction!(self, |open| {
            if open.execute(POLL, values![device, at]).await? == 1 {
                Poll::Pending
            } else {
                let slower: Option<(i64,)> = open.first(SLOW_DOWN, values![device, slowest]).await?;
                slower.map_or(Poll::Decided, |(interval,)| Poll::TooEarly(interval))
            }
        })
    }

    /// Lets a device in, and does with the temporary account that came along as the person decided. `None` when
    /// somebody has decided before, or its time is over; nothing is changed then.
    ///
    /// # Errors
    /// When the database does not answer. Whether it is in is unknown then.
    pub async fn approve_device(
        &self,
        device: &str,
        decision: &DeviceDecision,
        at: Timestamp,
    ) -> Result<Option<TicketOutcome>, StoreError> {
        let DeviceApproval { user, organization, signed_in_at } = decision.approval;
        let (user_id, organization_id) = (user.to_string(), organization.to_string());
        let (scopes, ticket) = (decision.scopes.to_stored(), decision.ticket.as_ref());
        transaction!(self, |open| {
            let terms = take_turns(open, ticket, organization, at).await?;
            let approval = values![
                device,
                at,
                &user_id,
                &organization_id,
                signed_in_at,
                &scopes,
                &decision.identity_scopes,
                decision.lifetime,
            ];
            if open.execute(APPROVE, approval).await? == 1 {
                let outcome = settle(open, ticket, terms.as_ref(), user, organization, at).await?;
                let upgrade = outcome.upgrade.map(|upgrade| upgrade.as_str().to_owned());
                let note = values![device, &upgrade];
                open.execute(NOTE_UPGRADE, note).await?;
                Some(outcome)
            } else {
                None
            }
        })
    }

    /// Turns a device away. `false` when somebody has decided before, or its time is over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deny_device(&self, device: &str, at: Timestamp) -> Result<bool, StoreError> {
        transaction!(self, |open| { open.execute(DENY, values![device, at]).await? == 1 })
    }

    /// Uses up an approval and begins the device's session. `false` when another poll did, or the user is
    /// there no more.
    ///
    /// # Errors
    /// When the database does not answer. Whether the code is used is unknown then.
    pub async fn redeem_device(
        &self,
        device: &str,
        grant: &NewGrant,
        tokens: &[GrantToken],
    ) -> Result<bool, StoreError> {
        let grant_id = grant.id.to_string();
        transaction!(self, |open| {
            take_turn(open, grant.organization).await?;
            open.execute(REDEEM, values![device, &grant_id, grant.created_at]).await? == 1
                && begin(open, grant, tokens).await?
        })
    }
}

#[derive(FromRow)]
struct StoredDevice {
    id: String,
    client_id: String,
    scopes: String,
    identity_scopes: String,
    resources: String,
    machine: Option<String>,
    address: String,
    lifetime: i64,
    ticket: Option<Vec<u8>>,
    upgrade: Option<String>,
    state: String,
    user_id: Option<String>,
    organization_id: Option<String>,
    signed_in_at: Option<i64>,
    created_at: i64,
    expires_at: i64,
}

impl StoredDevice {
    fn read(self) -> Result<DeviceRow, StoreError> {
        let unreadable = || StoreError::Unreadable { column: "device_codes.state" };
        let state = match (self.state.as_str(), self.user_id, self.organization_id, self.signed_in_at) {
            ("pending", ..) => DeviceState::Pending,
            ("denied", ..) => DeviceState::Denied,
            ("used", ..) => DeviceState::Used,
            ("approved", Some(user), Some(organization), Some(signed_in_at)) => {
                DeviceState::Approved(DeviceApproval {
                    user: read_id(&user, "device_codes.user_id")?,
                    organization: read_id(&organization, "device_codes.organization_id")?,
                    signed_in_at: Timestamp(signed_in_at),
                })
            }
            _ => return Err(unreadable()),
        };
        let ticket = self.ticket.map(|hash| hash.try_into()).transpose();
        Ok(DeviceRow {
            id: self.id,
            client: self.client_id,
            scopes: Scopes::from_stored(&self.scopes),
            identity_scopes: self.identity_scopes,
            resources: self.resources,
            machine: self.machine,
            address: self.address,
            lifetime: self.lifetime,
            ticket: ticket.map_err(|_| StoreError::Unreadable { column: "device_codes.ticket" })?,
            upgrade: self.upgrade.as_deref().and_then(LoginUpgrade::from_name),
            state,
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
        })
    }
}

macro_rules! device_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, client_id, scopes, identity_scopes, resources, machine, address, lifetime, ticket, \
             upgrade, state, user_id, organization_id, signed_in_at, created_at, expires_at FROM device_codes WHERE ",
            $condition
        )
    };
}

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'oauth'";
    /// The first to leave, if there are as many as may wait.
    NTH_WAITING = "SELECT expires_at FROM device_codes WHERE address = $1 AND state = 'pending' \
                   AND expires_at > $2 ORDER BY created_at DESC LIMIT 1 OFFSET $3";
    INSERT = "INSERT INTO device_codes (id, hash, user_code_hash, client_id, scopes, identity_scopes, \
              resources, machine, address, state, poll_interval, created_at, expires_at, \
              lifetime, ticket) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10, $11, $12, $13, $14)";
    FIND = device_where!("hash = $1");
    FIND_BY_USER_CODE = device_where!("user_code_hash = $1");
    POLL = "UPDATE device_codes SET polled_at = $2 WHERE id = $1 AND state = 'pending' \
            AND (polled_at IS NULL OR polled_at + poll_interval * 1000 <= $2)";
    SLOW_DOWN = "UPDATE device_codes SET poll_interval = CASE WHEN poll_interval + 5 > $2 THEN $2 \
                 ELSE poll_interval + 5 END WHERE id = $1 AND state = 'pending' RETURNING poll_interval";
    APPROVE = "UPDATE device_codes SET state = 'approved', user_id = $3, organization_id = $4, \
               signed_in_at = $5, scopes = $6, identity_scopes = $7, lifetime = $8 \
               WHERE id = $1 AND state = 'pending' AND expires_at > $2";
    NOTE_UPGRADE = "UPDATE device_codes SET upgrade = CAST($2 AS TEXT) WHERE id = $1";
    DENY = "UPDATE device_codes SET state = 'denied' WHERE id = $1 AND state = 'pending' AND expires_at > $2";
    REDEEM = "UPDATE device_codes SET state = 'used', grant_id = $2 \
              WHERE id = $1 AND state = 'approved' AND expires_at > $3";
}
