//! Mails on their way out: to a mail server, or, where none is configured, into files of the data folder.
//!
//! Knows nobody but the recipient of a mail at hand: who may ask for one, and how often, is for `identity`
//! to say. What is logged of a mail never has its code in it, and never the login of the mail server.

mod message;
mod outbox;
mod reason;
mod smtp;
mod text;

use std::sync::Arc;

use keywright_identity::{Mail, MailContent, MailFailed, Mailer, Sending};
use keywright_protocol::Clock;
use url::Url;

use crate::boot::StartError;
use crate::config::{Config, Sender};

pub(crate) use outbox::Outbox;
pub use outbox::{StoredMail, outbox, outbox_folder};

use message::message;
use smtp::Smtp;

/// Composes mails and hands them over.
pub(crate) struct Post {
    /// The server, as mails name it.
    server: String,
    from: Option<Sender>,
    way: Way,
    clock: Arc<dyn Clock>,
}

enum Way {
    Smtp(Box<Smtp>),
    Outbox(Outbox),
}

impl Post {
    /// The way that the configuration names. Connects to nobody: a mail server may be away now and then.
    pub(crate) fn open(config: &Config, public_url: &Url, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let way = match &config.mail.server {
            Some(server) => {
                let from = config.mail.from.as_ref();
                Way::Smtp(Box::new(Smtp::new(server.clone(), from, config.extra_ca.as_deref())?))
            }
            None => Way::Outbox(Outbox::of(&config.data_dir)),
        };
        let server = public_url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { server, from: config.mail.from.clone(), way, clock })
    }

    async fn hand_over(&self, mail: &Mail) -> Result<(), MailFailed> {
        let now = self.clock.now();
        let letter = text::compose(mail, &self.server);
        let message = message(self.from.as_ref(), &mail.to, &letter, now)
            .map_err(|error| MailFailed::refused(error.to_string()))?;
        match &self.way {
            Way::Smtp(smtp) => smtp.hand_over(&message).await,
            Way::Outbox(outbox) => outbox.put(message.formatted(), now).await.map_err(|error| {
                let folder = outbox.folder().display();
                MailFailed::refused(format!("a file in {folder} cannot be written: {error}"))
            }),
        }
    }
}

impl Mailer for Post {
    fn send(&self, mail: Mail) -> Sending<'_> {
        Box::pin(async move {
            let outcome = self.hand_over(&mail).await;
            let (kind, code) = match &mail.content {
                MailContent::Code { code, .. } => ("code", Some(code)),
                MailContent::Invitation { .. } => ("invitation", None),
            };
            let sent = if outcome.is_ok() { "sent" } else { "failed" };
            metrics::counter!("keywright_mails_total", "kind" => kind, "outcome" => sent).increment(1);
            outcome
                .map_err(|failed| MailFailed { reason: reason::for_the_log(&failed.reason, code), ..failed })
        })
    }
}

#[cfg(test)]
mod tests;
