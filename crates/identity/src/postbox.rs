//! Takes mails in the place of a mail server, so that a test can read them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keywright_protocol::Mailbox;

use crate::{Mail, MailContent, MailFailed, Mailer, Sending};

/// Takes every mail, or none.
#[derive(Debug, Default)]
pub struct Postbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mails: Vec<Mail>,
    delivery: Delivery,
}

/// What happens to the next mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// They are taken.
    #[default]
    Taken,
    /// They are refused.
    Refused,
    /// Nobody answers.
    Silent,
}

impl Postbox {
    /// Decides about the next mails.
    pub fn set(&self, delivery: Delivery) {
        self.state().delivery = delivery;
    }

    /// All that were taken, the first one first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state().mails.clone()
    }

    /// How many were taken.
    pub fn count(&self) -> usize {
        self.state().mails.len()
    }

    /// The code in the last mail to that mailbox.
    pub fn code(&self, mailbox: &str) -> Option<String> {
        let state = self.state();
        let last = state.mails.iter().rev().filter(|mail| to(mail, mailbox));
        last.filter_map(code).next()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn to(mail: &Mail, mailbox: &str) -> bool {
    mailbox.parse::<Mailbox>().is_ok_and(|mailbox| mailbox == mail.to)
}

fn code(mail: &Mail) -> Option<String> {
    match &mail.content {
        MailContent::Code { code, .. } => Some(code.expose().to_owned()),
        MailContent::Invitation { .. } => None,
    }
}

impl Mailer for Postbox {
    fn send(&self, mail: Mail) -> Sending<'_> {
        let mut state = self.state();
        match state.delivery {
            Delivery::Taken => {
                state.mails.push(mail);
                Box::pin(std::future::ready(Ok(())))
            }
            Delivery::Refused => Box::pin(std::future::ready(Err(MailFailed::refused("the test says no")))),
            Delivery::Silent => Box::pin(std::future::pending()),
        }
    }
}
