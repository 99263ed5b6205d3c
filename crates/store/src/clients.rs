//! Applications that registered.

use keywright_protocol::Timestamp;
use sqlx::FromRow;

use crate::engine::{transaction, values};
use crate::statement::statements;
use crate::{Store, StoreError};

/// An application that registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Its id.
    pub id: String,
    /// What it calls itself.
    pub name: String,
    /// `web` or `native`.
    pub application_type: String,
    /// Where answers may be sent, with blanks between.
    pub redirect_uris: String,
    /// The ways in which it gets tokens: names with blanks between.
    pub grant_types: String,
    /// How it proves itself: `none`, `client_secret_basic` or `client_secret_post`.
    pub authentication: String,
    /// SHA-256 of its secret in hexadecimal, where it has one.
    pub secret_hash: Option<String>,
    /// When an administrator vouched for it.
    pub approved_at: Option<Timestamp>,
    /// Who registered it: an IPv4 address, the /64 of an IPv6 address, or loopback.
    pub address: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// How many applications may register.
#[derive(Clone, Copy, Debug)]
pub struct RegistrationLimits {
    /// By one address; at least 1.
    pub per_address: i64,
    /// Within so many seconds.
    pub window_seconds: i64,
    /// How many may be there that nobody ever used; at least 1.
    pub unused: i64,
}

/// What became of an application that was to be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientInsertion {
    /// It is registered.
    Inserted,
    /// Too many were registered by that address; there is room again at that time.
    FullUntil(Timestamp),
    /// Too many are there that nobody ever used; the oldest of them was registered at that time.
    TooManyUnused(Timestamp),
}

impl Store {
    /// Stores an application, unless too many were registered lately: exact however many ask at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_client(
        &self,
        client: &ClientRow,
        limits: &RegistrationLimits,
    ) -> Result<ClientInsertion, StoreError> {
        let since = client.created_at.plus_seconds(-limits.window_seconds);
        transaction!(self, |open| {
            open.execute(TAKE_TURN, values![]).await?;
            let by_address: Option<(i64,)> =
                open.first(NTH_BY_ADDRESS, values![&client.address, since, limits.per_address - 1]).await?;
            let unused: Option<(i64,)> = open.first(NTH_UNUSED, values![limits.unused - 1]).await?;
            match (by_address, unused) {
                (Some((nth,)), _) if client.approved_at.is_none() => {
                    ClientInsertion::FullUntil(Timestamp(nth).plus_seconds(limits.window_seconds))
                }
                (_, Some((oldest,))) if client.approved_at.is_none() => {
                    ClientInsertion::TooManyUnused(Timestamp(oldest))
                }
                _ => {
                    let row = values![
                        &client.id,
                        &client.name,
                        &client.application_type,
                        &client.redirect_uris,
                        &client.grant_types,
                        &client.authentication,
                        &client.secret_hash,
                        client.approved_at,
                        &client.address,
                        client.created_at,
                    ];
                    open.execute(INSERT, row).await?;
                    ClientInsertion::Inserted
                }
            }
        })
    }

    /// The application with that id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn client(&self, id: &str) -> Result<Option<ClientRow>, StoreError> {
        let stored: Option<StoredClient> = self.first(FIND, values![id]).await?;
        Ok(stored.map(StoredClient::read))
    }
}

#[derive(FromRow)]
struct StoredClient {
    id: String,
    name: String,
    application_type: String,
    redirect_uris: String,
    grant_types: String,
    authentication: String,
    secret_hash: Option<String>,
    approved_at: Option<i64>,
    address: String,
    created_at: i64,
}

impl StoredClient {
    fn read(self) -> ClientRow {
        ClientRow {
            id: self.id,
            name: self.name,
            application_type: self.application_type,
            redirect_uris: self.redirect_uris,
            grant_types: self.grant_types,
            authentication: self.authentication,
            secret_hash: self.secret_hash,
            approved_at: self.approved_at.map(Timestamp),
            address: self.address,
            created_at: Timestamp(self.created_at),
        }
    }
}

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'oauth'";
    NTH_BY_ADDRESS = "SELECT created_at FROM clients WHERE address = $1 AND created_at > $2 \
                      AND approved_at IS NULL ORDER BY created_at DESC LIMIT 1 OFFSET $3";
    /// The oldest, if there are as many as may be.
    NTH_UNUSED = "SELECT created_at FROM clients WHERE used_at IS NULL AND approved_at IS NULL \
                  ORDER BY created_at DESC LIMIT 1 OFFSET $1";
    INSERT = "INSERT INTO clients (id, name, application_type, redirect_uris, grant_types, authentication, \
              secret_hash, approved_at, address, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    FIND = "SELECT id, name, application_type, redirect_uris, grant_types, authentication, secret_hash, \
            approved_at, address, created_at FROM clients WHERE id = $1";
}
