//! People, their organizations and their codes, as other parts leave them behind.

use keywright_protocol::{InvitationId, OrganizationId, Timestamp, UserId};

use super::Scene;
use crate::engine::values;

/// A mailed code as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredMailCode {
    /// For which mailbox.
    pub mailbox: String,
    /// `open`, `used`, `locked` or `replaced`.
    pub state: String,
    /// Its hash, as long as it is good.
    pub hash: Option<Vec<u8>>,
    /// How many wrong tries it has had by who named its request.
    pub failures: i64,
    /// How many by who did not.
    pub unnamed_failures: i64,
}

impl Scene {
    /// The codes that are stored, the first one first.
    pub async fn mail_codes(&self) -> Vec<StoredMailCode> {
        self.store.all(CODES, values![]).await.expect("codes")
    }

    /// How many have waited for their turn to ask for a code or to try one.
    pub async fn mail_turns(&self) -> i64 {
        let row: Option<(i64,)> = self.store.first(MAIL_TURNS, values![]).await.expect("a count");
        row.expect("a row").0
    }

    /// How many rows tables have that only sign-ups and mails fill: users, organizations, keys, requests for
    /// mails, wrong codes, invitations, moves of records.
    pub async fn counts(&self) -> [i64; 7] {
        let mut counts = [0; 7];
        for (count, sql) in counts.iter_mut().zip(COUNTS) {
            let row: Option<(i64,)> = self.store.first(sql, values![]).await.expect("a count");
            *count = row.expect("a row").0;
        }
        counts
    }

    /// Notes wrong codes of a mailbox without an account, all at once.
    pub async fn note_wrong_codes(&self, mailbox: &str, at: Timestamp, how_many: usize) {
        self.note_wrong(NOTE_WRONG, mailbox, at, how_many).await;
    }

    /// Notes wrong codes with which somebody tried to sign in to accounts, all at once.
    pub async fn note_wrong_logins(&self, at: Timestamp, how_many: usize) {
        self.note_wrong(NOTE_WRONG_LOGIN, "accounts@example.com", at, how_many).await;
    }

    async fn note_wrong(&self, sql: &'static str, mailbox: &str, at: Timestamp, how_many: usize) {
        let mut open = self.store.begin().await.expect("a transaction");
        for number in 0..how_many {
            let id = format!("{mailbox} {} {number}", at.0);
            open.execute(sql, values![&id, mailbox, at]).await.expect("noted");
        }
        open.commit().await.expect("a commit");
    }

    /// Notes mails that were sent, each to a mailbox of its own from an address of its own.
    pub async fn note_mails(&self, at: Timestamp, how_many: usize) {
        let mut open = self.store.begin().await.expect("a transaction");
        for number in 0..how_many {
            let id = format!("mail {number}");
            open.execute(NOTE_MAIL, values![&id, at]).await.expect("noted");
        }
        open.commit().await.expect("a commit");
    }

    /// Makes an organization that the user owns.
    pub async fn found(&self, user: UserId, name: &str, at: Timestamp) -> OrganizationId {
        let organization = OrganizationId::new();
        let (id, user) = (organization.to_string(), user.to_string());
        self.run(FOUND, values![&id, name, at]).await;
        self.run(OWN, values![&user, &id, at]).await;
        organization
    }

    /// Takes the user out of all its organizations.
    pub async fn leave(&self, user: UserId) {
        self.run(LEAVE, values![&user.to_string()]).await;
    }

    /// Disables a user, as an administrator's hand in the database does.
    pub async fn disable(&self, user: UserId) {
        self.run(DISABLE, values![&user.to_string()]).await;
    }

    /// Lets another user into an organization.
    pub async fn let_in(&self, user: UserId, organization: OrganizationId, role: &str, at: Timestamp) {
        let (user, organization) = (user.to_string(), organization.to_string());
        self.run(LET_IN, values![&user, &organization, role, at]).await;
    }

    /// Deletes an organization, as its owner does.
    pub async fn delete_organization(&self, organization: OrganizationId, at: Timestamp) {
        self.run(DELETE_ORGANIZATION, values![&organization.to_string(), at]).await;
    }

    /// Invites a mailbox into an organization.
    pub async fn invite(
        &self,
        (organization, by): (OrganizationId, UserId),
        mailbox: &str,
        role: &str,
        (from, until): (Timestamp, Timestamp),
    ) {
        let (id, organization) = (InvitationId::new().to_string(), organization.to_string());
        let by = by.to_string();
        self.run(INVITE, values![&id, &organization, mailbox, role, &by, from, until]).await;
    }

    /// What a user is in an organization, as it is written.
    pub async fn role_of(&self, user: UserId, organization: OrganizationId) -> Option<String> {
        let (user, organization) = (user.to_string(), organization.to_string());
        let row: Option<(String,)> =
            self.store.first(ROLE, values![&user, &organization]).await.expect("a role");
        row.map(|(role,)| role)
    }

    /// The kind, status and mailbox of a user.
    pub async fn user(&self, user: UserId) -> Option<(String, String, Option<String>)> {
        self.store.first(USER, values![&user.to_string()]).await.expect("a user")
    }

    /// Makes the database refuse new organizations until what it returns has run: a defect that only the end
    /// of a sign-up meets.
    pub async fn refuse_organizations(&self) {
        self.run(RENAME_AWAY, values![]).await;
    }

    /// Takes new organizations again.
    pub async fn accept_organizations(&self) {
        self.run(RENAME_BACK, values![]).await;
    }

    async fn run(&self, sql: &'static str, values: &[crate::engine::Value<'_>]) {
        let mut open = self.store.begin().await.expect("a transaction");
        open.execute(sql, values).await.expect("a change");
        open.commit().await.expect("a commit");
    }
}

const CODES: &str =
    "SELECT mailbox, state, hash, failures, unnamed_failures FROM mail_codes ORDER BY created_at, id";
const MAIL_TURNS: &str = "SELECT n FROM turns WHERE name = 'mail'";
const COUNTS: [&str; 7] = [
    "SELECT COUNT(*) FROM users",
    "SELECT COUNT(*) FROM organizations",
    "SELECT COUNT(*) FROM tokens WHERE kind = 'sk'",
    "SELECT COUNT(*) FROM mail_requests",
    "SELECT COUNT(*) FROM mail_code_failures",
    "SELECT COUNT(*) FROM invitations",
    "SELECT COUNT(*) FROM record_moves",
];
const NOTE_WRONG: &str =
    "INSERT INTO mail_code_failures (id, mailbox, at, at_account) VALUES ($1, $2, $3, FALSE)";
const NOTE_WRONG_LOGIN: &str =
    "INSERT INTO mail_code_failures (id, mailbox, at, at_account) VALUES ($1, $2, $3, TRUE)";
const NOTE_MAIL: &str =
    "INSERT INTO mail_requests (id, address, mailbox, at, cool_until) VALUES ($1, $1, $1, $2, $2)";
const FOUND: &str = "INSERT INTO organizations (id, name, seq, created_at) VALUES ($1, $2, 0, $3)";
const OWN: &str = "INSERT INTO memberships (user_id, organization_id, role, created_at) \
                   VALUES ($1, $2, 'owner', $3)";
const LEAVE: &str = "DELETE FROM memberships WHERE user_id = $1";
const DISABLE: &str = "UPDATE users SET status = 'disabled' WHERE id = $1";
const LET_IN: &str =
    "INSERT INTO memberships (user_id, organization_id, role, created_at) VALUES ($1, $2, $3, $4)";
const DELETE_ORGANIZATION: &str = "UPDATE organizations SET deleted_at = $2 WHERE id = $1";
const INVITE: &str = "INSERT INTO invitations (id, organization_id, mailbox, role, invited_by, created_at, \
                      expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const ROLE: &str = "SELECT role FROM memberships WHERE user_id = $1 AND organization_id = $2";
const USER: &str = "SELECT kind, status, mailbox FROM users WHERE id = $1";
const RENAME_AWAY: &str = "ALTER TABLE memberships RENAME COLUMN role TO no_role";
const RENAME_BACK: &str = "ALTER TABLE memberships RENAME COLUMN no_role TO role";
