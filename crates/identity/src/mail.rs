//! Mails as identity means them. What they look like and how they are sent is for the server to know.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use keywright_protocol::{Mailbox, OrganizationId, Role, Timestamp};
use keywright_secret::{KeyedHash, Secret};
use tokio::time::timeout;

/// Hands mails over.
pub trait Mailer: Send + Sync {
    /// Hands `mail` to whoever delivers it, within a few seconds.
    fn send(&self, mail: Mail) -> Sending<'_>;
}

/// A mail on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), MailFailed>> + Send + 'a>>;

/// The mail was not taken, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mail was not taken: {reason}")]
pub struct MailFailed {
    /// Why: for the log; it holds no code.
    pub reason: String,
    /// Whether it may arrive all the same: nobody said no.
    pub may_arrive: bool,
}

impl MailFailed {
    /// It was refused, or never sent.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_arrive: false }
    }

    /// Nobody answered, or not to the end.
    pub fn unanswered(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_arrive: true }
    }
}

/// A mail to one mailbox.
#[derive(Clone, Debug)]
pub struct Mail {
    /// To whom.
    pub to: Mailbox,
    /// What it says.
    pub content: MailContent,
}

/// What a mail says.
#[derive(Clone, Debug)]
pub enum MailContent {
    /// A code that proves the mailbox.
    Code {
        /// What it is good for.
        purpose: CodePurpose,
        /// The code.
        code: Secret,
        /// How long it is good.
        minutes: i64,
        /// Who asked for it.
        asker: Asker,
    },
    /// An invitation into an organization. It holds nothing that accepts it.
    Invitation {
        /// The organization.
        organization: OrganizationId,
        /// Its name, of any script.
        organization_name: String,
        /// What whoever comes will be.
        role: Role,
        /// The mailbox of whoever invited, if there is one.
        invited_by: Option<Mailbox>,
        /// Until when.
        expires_at: Timestamp,
    },
}

/// What a mailed code is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePurpose {
    /// Making an account.
    Signup,
    /// Getting a key of an account that is there.
    Login,
    /// Signing in at the pages of the server.
    Page,
}

impl CodePurpose {
    /// The purpose as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Login => "login",
            Self::Page => "page",
        }
    }
}

impl fmt::Display for CodePurpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Who asked for a code, as far as the request says. Nothing of it is proven but the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The address that the request came from.
    pub address: std::net::IpAddr,
    /// The program, as it calls itself.
    pub client: Option<String>,
    /// The machine, as its program calls it.
    pub machine: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What mailed codes need.
#[derive(Clone)]
pub struct Mailroom {
    /// What hands mails over.
    pub mailer: Arc<dyn Mailer>,
    /// What codes are hashed with; the same on every server of a database.
    pub codes: KeyedHash,
}

impl Mailroom {
    /// Hands a mail over, or gives up in time for whoever waits to hear of it within five seconds.
    pub(crate) async fn hand_over(&self, mail: Mail) -> Result<(), MailFailed> {
        let handed = timeout(PATIENCE, self.mailer.send(mail)).await;
        handed.unwrap_or_else(|_too_long| Err(MailFailed::unanswered("nobody took it in time")))
    }

    /// One that takes no mail: for programs that send none.
    pub fn closed() -> Self {
        Self { mailer: Arc::new(Closed), codes: KeyedHash::random() }
    }
}

const PATIENCE: Duration = Duration::from_millis(4_500);

struct Closed;

impl Mailer for Closed {
    fn send(&self, _: Mail) -> Sending<'_> {
        Box::pin(std::future::ready(Err(MailFailed::refused("this program sends no mail"))))
    }
}
