//! Browsers at the pages: rows that no header slot accepts, found by the hash of a cookie.

use keywright_protocol::{CodeRequestId, Mailbox, OrganizationId, Role, Timestamp, UserId};
use sqlx::FromRow;

use crate::accounts::{insert_organization, insert_person, join};
use crate::engine::{transaction, values};
use crate::mail_codes::{end_cooldown, take_mail_turn};
use crate::mail_tries::{CodeRefusal, PresentedCode, TryLimits, try_code, use_code};
use crate::mailbox_facts::{Belonging, MailboxFacts, facts_of};
use crate::statement::statements;
use crate::tokens::read_id;
use crate::{Store, StoreError};

/// A browser at the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageSession {
    /// Its id.
    pub id: String,
    /// Who is signed in, and since when; nobody before.
    pub user: Option<(UserId, Timestamp)>,
    /// The mailbox that is being proven, and the request of the code.
    pub proving: Option<(Mailbox, CodeRequestId)>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A browser that is to be known.
#[derive(Clone, Debug)]
pub struct NewPageSession {
    /// Its id.
    pub id: String,
    /// SHA-256 of its cookie.
    pub hash: [u8; 32],
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// How a browser that proves its mailbox goes on.
#[derive(Clone, Copy, Debug)]
pub struct PageTerms<'a> {
    /// SHA-256 of the cookie that it has.
    pub old_cookie: &'a [u8; 32],
    /// What takes the place of that.
    pub next: &'a NewPageSession,
    /// What the organization is called that is made for whoever has none.
    pub organization_name: &'a str,
}

/// What became of a code that proves a mailbox to the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageSignIn<E> {
    /// The user is signed in, under the new cookie alone.
    Done(UserId),
    /// The code is not taken.
    BadCode(CodeRefusal),
    /// Whoever decides lets nobody in; the code is as good as before.
    Refused(E),
}

impl Store {
    /// Stores a browser where nobody is signed in, with the mailbox that it is about to prove.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_page_session(
        &self,
        session: &NewPageSession,
        mailbox: &Mailbox,
        request: CodeRequestId,
    ) -> Result<(), StoreError> {
        let request = request.to_string();
        transaction!(self, |open| {
            let row = values![
                &session.id,
                &session.hash[..],
                mailbox.as_str(),
                &request,
                session.created_at,
                session.expires_at
            ];
            open.execute(INSERT, row).await?;
        })
    }

    /// The living browser with that cookie. Whoever left or was deleted is signed in nowhere.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn page_session(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PageSession>, StoreError> {
        let stored: Option<StoredSession> = self.first(FIND, values![&hash[..], now]).await?;
        stored.map(StoredSession::read).transpose()
    }

    /// Forgets a browser.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_page_session(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        transaction!(self, |open| {
            open.execute(END, values![&hash[..]]).await?;
        })
    }

    /// Tries the code that a browser waits for and signs its user in under a new cookie; the old one is void.
    /// A mailbox without a user, or whose user is in no organization and invited into none, gets one if `decide`
    /// says so.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_in_page<E>(
        &self,
        terms: &PageTerms<'_>,
        presented: &PresentedCode,
        limits: &TryLimits,
        is_right: impl Fn(CodeRequestId, &[u8]) -> bool,
        decide: impl Fn(&MailboxFacts) -> Result<(), E>,
    ) -> Result<PageSignIn<E>, StoreError> {
        let (now, next) = (presented.at.wall, terms.next);
        transaction!(self, |open| {
            take_mail_turn(open).await?;
            match try_code(open, presented, limits, &is_right).await? {
                Err(refusal) => PageSignIn::BadCode(refusal),
                Ok(code) => {
                    end_cooldown(open, &presented.mailbox, now).await?;
                    let facts = facts_of(open, &presented.mailbox, now).await?;
                    match decide(&facts) {
                        Err(why) => PageSignIn::Refused(why),
                        Ok(()) => {
                            let user = match facts.user {
                                Some(user) => user,
                                None => insert_person(open, &presented.mailbox, now).await?,
                            };
                            if facts.organizations.is_empty() && facts.invitations.is_empty() {
                                let organization = OrganizationId::new();
                                let name = terms.organization_name;
                                insert_organization(open, organization, name, &None, now).await?;
                                join(open, user, organization, Role::Owner, now).await?;
                            }
                            use_code(open, code).await?;
                            open.execute(END, values![&terms.old_cookie[..]]).await?;
                            let user_text = user.to_string();
                            let row = values![
                                &next.id,
                                &next.hash[..],
                                &user_text,
                                now,
                                next.created_at,
                                next.expires_at
                            ];
                            open.execute(INSERT_SIGNED_IN, row).await?;
                            PageSignIn::Done(user)
                        }
                    }
                }
            }
        })
    }

    /// The organizations that a user is in, first the one that it has been in longest.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn organizations_of_user(&self, user: UserId) -> Result<Vec<Belonging>, StoreError> {
        let rows: Vec<(String, String, String)> = self.all(ORGANIZATIONS, values![&user.to_string()]).await?;
        rows.into_iter()
            .map(|(id, name, role)| {
                Ok(Belonging {
                    organization: read_id(&id, "organizations.id")?,
                    name,
                    role: crate::callers::read_role(&role, "memberships.role")?,
                })
            })
            .collect()
    }
}

#[derive(FromRow)]
struct StoredSession {
    id: String,
    user_id: Option<String>,
    mailbox: Option<String>,
    request_id: Option<String>,
    signed_in_at: Option<i64>,
    expires_at: i64,
}

impl StoredSession {
    fn read(self) -> Result<PageSession, StoreError> {
        let user = match (self.user_id, self.signed_in_at) {
            (Some(user), Some(at)) => Some((read_id(&user, "page_sessions.user_id")?, Timestamp(at))),
            _ => None,
        };
        let proving = match (self.mailbox, self.request_id) {
            (Some(mailbox), Some(request)) => Some((
                read_id(&mailbox, "page_sessions.mailbox")?,
                read_id(&request, "page_sessions.request_id")?,
            )),
            _ => None,
        };
        Ok(PageSession { id: self.id, user, proving, expires_at: Timestamp(self.expires_at) })
    }
}

statements! {
    INSERT = "INSERT INTO page_sessions (id, hash, mailbox, request_id, created_at, expires_at) \
              VALUES ($1, $2, $3, $4, $5, $6)";
    INSERT_SIGNED_IN = "INSERT INTO page_sessions (id, hash, user_id, signed_in_at, created_at, expires_at) \
                        VALUES ($1, $2, $3, $4, $5, $6)";
    FIND = "SELECT s.id, s.user_id, s.mailbox, s.request_id, s.signed_in_at, s.expires_at \
            FROM page_sessions s LEFT JOIN users u ON u.id = s.user_id \
            WHERE s.hash = $1 AND s.expires_at > $2 AND (s.user_id IS NULL OR u.status = 'active')";
    END = "DELETE FROM page_sessions WHERE hash = $1";
    ORGANIZATIONS = "SELECT o.id, o.name, m.role FROM memberships m JOIN organizations o \
                     ON o.id = m.organization_id WHERE m.user_id = $1 AND o.deleted_at IS NULL \
                     ORDER BY m.created_at, o.id";
}
