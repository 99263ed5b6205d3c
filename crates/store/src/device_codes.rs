//! Devices that wait for a person to let them in.

use keywright_protocol::{OrganizationId, Scopes, Timestamp, UserId};
use sqlx::FromRow;

use crate::engine::{transaction, values};
use crate::grants::{GrantToken, NewGrant, begin};
use crate::statement::statements;
use crate::tokens::{read_id, take_turn};
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

    /// Lets a device in, with these scopes, or, without an approval, turns it away. `false` when somebody
    /// has decided before, or its time is over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn decide_device(
        &self,
        device: &str,
        approval: Option<(&DeviceApproval, Scopes)>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let state = if approval.is_some() { "approved" } else { "denied" };
        let scopes = approval.map(|(_, scopes)| scopes.to_stored());
        let user = approval.map(|(approval, _)| approval.user.to_string());
        let organization = approval.map(|(approval, _)| approval.organization.to_string());
        let signed_in = approval.map(|(approval, _)| approval.signed_in_at);
        let decision = values![device, state, &user, &organization, signed_in, at, &scopes];
        transaction!(self, |open| { open.execute(DECIDE, decision).await? == 1 })
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
        Ok(DeviceRow {
            id: self.id,
            client: self.client_id,
            scopes: Scopes::from_stored(&self.scopes),
            identity_scopes: self.identity_scopes,
            resources: self.resources,
            machine: self.machine,
            address: self.address,
            state,
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
        })
    }
}

macro_rules! device_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, client_id, scopes, identity_scopes, resources, machine, address, state, user_id, \
             organization_id, signed_in_at, created_at, expires_at FROM device_codes WHERE ",
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
              resources, machine, address, state, poll_interval, created_at, expires_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10, $11, $12)";
    FIND = device_where!("hash = $1");
    FIND_BY_USER_CODE = device_where!("user_code_hash = $1");
    POLL = "UPDATE device_codes SET polled_at = $2 WHERE id = $1 AND state = 'pending' \
            AND (polled_at IS NULL OR polled_at + poll_interval * 1000 <= $2)";
    SLOW_DOWN = "UPDATE device_codes SET poll_interval = CASE WHEN poll_interval + 5 > $2 THEN $2 \
                 ELSE poll_interval + 5 END WHERE id = $1 AND state = 'pending' RETURNING poll_interval";
    DECIDE = "UPDATE device_codes SET state = $2, user_id = CAST($3 AS TEXT), \
              organization_id = CAST($4 AS TEXT), signed_in_at = CAST($5 AS BIGINT), \
              scopes = COALESCE(CAST($7 AS TEXT), scopes) \
              WHERE id = $1 AND state = 'pending' AND expires_at > $6";
    REDEEM = "UPDATE device_codes SET state = 'used', grant_id = $2 \
              WHERE id = $1 AND state = 'approved' AND expires_at > $3";
}
