//! Steps that come between two others of somebody who waits for a turn.

use std::time::Duration;

use keywright_protocol::{OrganizationId, UserId};

use super::Scene;
use crate::Database;
use crate::engine::values;
use crate::tokens::take_turn;

impl Scene {
    /// Makes a user an administrator, as a claim does, in the organization's turn: when `other` has begun to
    /// wait for that, as far as it comes to waiting inside the database. What `other` gives.
    pub async fn raise_before<T>(
        &self,
        user: UserId,
        organization: OrganizationId,
        other: impl Future<Output = T> + Send + 'static,
    ) -> T
    where
        T: Send + 'static,
    {
        let mut open = self.store.begin().await.expect("a transaction");
        take_turn(&mut open, organization).await.expect("a turn");
        let other = tokio::spawn(other);
        if matches!(self.database, Database::Postgres { .. }) {
            loop {
                let waiting: Option<(i64,)> = self.store.first(WAITING, values![]).await.expect("a count");
                if waiting.is_some_and(|(count,)| count > 0) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        open.execute(RAISE, values![&user.to_string()]).await.expect("raised");
        open.commit().await.expect("a commit");
        other.await.expect("it ran")
    }

    /// Whether a user administers the server.
    pub async fn administers(&self, user: UserId) -> bool {
        let row: Option<(bool,)> =
            self.store.first(ADMINISTERS, values![&user.to_string()]).await.expect("a user");
        row.expect("a row").0
    }
}

const WAITING: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
const RAISE: &str = "UPDATE users SET administrator = TRUE, expires_at = NULL WHERE id = $1";
const ADMINISTERS: &str = "SELECT administrator FROM users WHERE id = $1";
