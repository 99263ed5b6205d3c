//! Handing mails to a mail server (RFC 5321), with TLS (RFC 3207, RFC 8314) and a login if it wants one.
//!
//! Each mail has a connection of its own. One that is kept open saves a few round trips, but mails are rare
//! and limited, and a connection that a firewall has forgotten meanwhile would fail the next mail only after
//! its time is over.

use std::path::Path;
use std::time::Duration;

use keywright_dial::TlsSetupError;
use keywright_identity::MailFailed;
use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;

use crate::boot::StartError;
use crate::config::{MailServer, Protection, Sender};

/// A mail server, and whom to trust on the way to it.
pub(super) struct Smtp {
    server: MailServer,
    tls: TlsParameters,
    hello: ClientId,
}

impl Smtp {
    /// Trusts Mozilla's roots and those of the file `extra`.
    pub(super) fn new(
        server: MailServer,
        from: Option<&Sender>,
        extra: Option<&Path>,
    ) -> Result<Self, StartError> {
        let mut tls =
            TlsParameters::builder(server.host.clone()).certificate_store(CertificateStore::WebpkiRoots);
        if let Some(path) = extra {
            let path = path.to_owned();
            let pem =
                std::fs::read(&path).map_err(|source| StartError::File { path: path.clone(), source })?;
            let broken = |_| StartError::ExtraCa { path, source: TlsSetupError };
            tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(broken)?);
        }
        if server.protection == Protection::Loopback {
            // Plain text is good enough here, so that the certificate makes no difference: local mail servers
            // come with one that nobody has signed.
            tls = tls.dangerous_accept_invalid_certs(true).dangerous_accept_invalid_hostnames(true);
        }
        let tls = tls.build_rustls().map_err(|error| StartError::Mail(error.to_string()))?;
        // Mail servers want a name here that is somebody's. That of the machine is nobody's business.
        let hello = from.map_or("localhost", |sender| sender.mailbox.domain());
        Ok(Self { server, tls, hello: ClientId::Domain(hello.to_owned()) })
    }

    /// Hands `message` over, or says why not.
    pub(super) async fn hand_over(&self, message: &Message) -> Result<(), MailFailed> {
        let (host, port) = (&self.server.host, self.server.port);
        // Dropping it closes the connection, whatever it waits for.
        let mut connection = match timeout(PATIENCE, self.deliver(message)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(failed)) => {
                let reason = format!("the mail server {host}:{port} {}", failed.reason);
                return Err(MailFailed { reason, ..failed });
            }
            Err(_) => {
                let reason = format!("the mail server {host}:{port} did not take it within {PATIENCE:?}");
                return Err(MailFailed::unanswered(reason));
            }
        };
        // The mail is taken; how the server says goodbye is of no concern.
        tokio::spawn(async move { drop(timeout(PATIENCE, connection.quit()).await) });
        Ok(())
    }

    async fn deliver(&self, message: &Message) -> Result<AsyncSmtpConnection, MailFailed> {
        let connected = self.connect().await;
        let mut connection =
            connected.map_err(|error| MailFailed::refused(format!("cannot be spoken to: {error}")))?;
        let encrypt = match self.server.protection {
            Protection::Tls => false,
            Protection::Loopback => connection.can_starttls(),
            Protection::StartTls if connection.can_starttls() => true,
            Protection::StartTls => return Err(MailFailed::refused(NO_STARTTLS)),
        };
        if encrypt {
            let started = connection.starttls(self.tls.clone(), &self.hello).await;
            started.map_err(|error| MailFailed::refused(format!("offers STARTTLS, which fails: {error}")))?;
        }
        if let Some(login) = &self.server.login {
            let credentials = Credentials::new(login.user.clone(), login.password.expose().to_owned());
            let proven = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
            proven
                .map_err(|error| MailFailed::refused(format!("takes no login: {}", without_words(&error))))?;
        }
        let sent = connection.send(message.envelope(), &message.formatted()).await;
        match sent {
            Ok(_) => Ok(connection),
            Err(error) if error.status().is_some() || error.is_client() => {
                Err(MailFailed::refused(format!("refuses the mail: {error}")))
            }
            // It may have been lost with the mail's last line, and only the answer to that did not come.
            Err(error) => Err(MailFailed::unanswered(format!("broke off while it took the mail: {error}"))),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let MailServer { host, port, protection, .. } = &self.server;
        let tls = (*protection == Protection::Tls).then(|| self.tls.clone());
        match self.server.loopback() {
            Some(here) => AsyncSmtpConnection::connect_tokio1(&here[..], None, &self.hello, tls, None).await,
            None => {
                let there = (host.as_str(), *port);
                AsyncSmtpConnection::connect_tokio1(there, None, &self.hello, tls, None).await
            }
        }
    }
}

/// What went wrong with a login, without the server's own words: some repeat what they were sent.
fn without_words(error: &Error) -> String {
    match error.status() {
        Some(code) => format!("it answers {code}"),
        None if error.is_client() => "it knows none of the ways PLAIN and LOGIN".to_owned(),
        None => "it broke off".to_owned(),
    }
}

/// For a whole mail, so that whoever asked for it is answered within five seconds.
const PATIENCE: Duration = Duration::from_secs(4);

const NO_STARTTLS: &str = "offers no STARTTLS, and beyond loopback nothing is sent in clear; if it speaks TLS from \
                           the first byte, write `smtps://`";
