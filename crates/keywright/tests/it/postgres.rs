//! A PostgreSQL database of a test's own.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A database that is there until this is dropped.
pub(crate) struct Postgres {
    server: String,
    name: String,
}

impl Postgres {
    pub(crate) fn new() -> Self {
        let Ok(server) = std::env::var("KEYWRIGHT_TEST_POSTGRES") else {
            panic!(
                "KEYWRIGHT_TEST_POSTGRES is not set: run `./test`, which starts a PostgreSQL for the tests"
            )
        };
        let name = format!("keywright_test_{}", keywright_protocol::KeyId::new());
        command(&server, &format!("CREATE DATABASE {name}"));
        Self { server, name }
    }

    /// As `--database` takes it.
    pub(crate) fn url(&self) -> String {
        let (address, options) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (server, _) = address.rsplit_once('/').unwrap();
        format!("{server}/{}?{options}", self.name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        command(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn command(server: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = PgConnectOptions::from_str(server).unwrap();
        let mut connection = PgConnection::connect_with(&options).await.unwrap();
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}
