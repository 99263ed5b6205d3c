//! A server in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keywright_identity::{Identity, Mailer, Postbox};
use keywright_protocol::wire::{
    ApiKey, ApiKeys, CodeRequested, RequestPage, RequestRecord, SignedIn, Success, TemporaryAccount,
};
use keywright_protocol::{Clock, ErrorCode, OrganizationId, UserId, routes};
use keywright_server::config::Config;
use keywright_server::{Server, StoredMail};
use keywright_store::testing::{HeldRecords, counted_refusals, hold_records};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::FakeClock;
use crate::audit::Seen;
use crate::client::{Call, Reply, Whole};
use crate::log;
use crate::mail_server::code_in;
use crate::provider::FakeProvider;
use crate::raw::RawConnection;
use crate::setup::Setup;

/// A running server with a provider behind it. When it is dropped, all that was sent is looked through.
pub struct TestServer {
    pub(crate) server: Option<Server>,
    pub(crate) config: Config,
    /// Its clock.
    pub clock: Arc<FakeClock>,
    /// Where its mails go, unless it has settings of `mail.`.
    pub post: Arc<Postbox>,
    pub(crate) mailer: Option<Arc<Postbox>>,
    /// The provider behind it.
    pub provider: FakeProvider,
    pub(crate) seen: Arc<Seen>,
    pub(crate) keys: Vec<String>,
    pub(crate) token_in_body: bool,
    pub(crate) _folder: TempDir,
}

/// Starts a server, whose mails go to `mailer` if there is one.
pub(crate) async fn begin(config: &Config, clock: &Arc<FakeClock>, mailer: Option<&Arc<Postbox>>) -> Server {
    let clock: Arc<dyn Clock> = clock.clone();
    let started = match mailer {
        Some(post) => Server::start_with_mailer(config, clock, Arc::clone(post) as Arc<dyn Mailer>).await,
        None => Server::start(config, clock).await,
    };
    started.expect("the server starts")
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its token.
    pub token: String,
    /// Its user.
    pub user: UserId,
    /// Its organization.
    pub organization: OrganizationId,
}

impl TestServer {
    /// The usual one; see [`Setup`] for others.
    pub async fn start() -> Self {
        Setup::new().await.start().await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running().address()
    }

    /// Where its operations listener is.
    pub fn operations(&self) -> SocketAddr {
        self.running().operations().expect("an operations listener")
    }

    /// Its accounts.
    pub fn identity(&self) -> &Identity {
        self.running().identity()
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The administrator code of its first start.
    pub fn claim_code(&self) -> String {
        self.running().claim().expect("a code").code.expose().to_owned()
    }

    /// Stops it and starts it again on the same data. It listens elsewhere then.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.server = Some(begin(&self.config, &self.clock, self.mailer.as_ref()).await);
    }

    /// Stops it.
    pub async fn stop(&mut self) {
        self.server.take().expect("a running server").stop().await;
    }

    /// Says that a test puts a token into a body on purpose: bodies are content.
    pub fn allow_tokens_in_bodies(&mut self) {
        self.token_in_body = true;
    }

    /// Says that this must not be logged or come back either.
    pub fn guard_provider_key(&mut self, key: &str) {
        self.keys.push(key.to_owned());
    }

    /// Sends a request on a connection of its own.
    pub async fn send(&self, call: Call) -> Reply {
        call.send(self.address(), &self.seen).await
    }

    /// Sends a request and reads the whole answer.
    pub async fn call(&self, call: Call) -> Whole {
        self.send(call).await.whole().await
    }

    /// The same at the operations listener.
    pub async fn call_operations(&self, call: Call) -> Whole {
        call.send(self.operations(), &self.seen).await.whole().await
    }

    /// A plain connection.
    pub async fn raw(&self) -> RawConnection {
        RawConnection::open(self.address(), &self.seen).await
    }

    /// Makes a temporary account.
    pub async fn account(&self) -> Account {
        let made: TemporaryAccount = self.data(Call::post(routes::TEMPORARY, &json!({}))).await;
        self.seen.secret(&made.token);
        let (user, organization) = (made.account.user_id, made.account.organization_id);
        Account { token: made.token, user, organization }
    }

    /// Has a code mailed by `path`, and returns it.
    pub async fn mailed(&self, path: &str, email: &str) -> String {
        let _: CodeRequested = self.data(Call::post(path, &json!({ "email": email }))).await;
        self.post.code(email).expect("a mailed code")
    }

    /// The code that was mailed last to a mailbox, however it was asked for.
    pub fn code_for(&self, email: &str) -> String {
        self.post.code(email).expect("a mailed code")
    }

    /// Signs up with a mailbox: its key is the token.
    pub async fn person(&self, email: &str) -> Account {
        let code = self.mailed(routes::SIGNUP_REQUEST, email).await;
        let asked = json!({ "email": email, "code": code });
        let made: SignedIn = self.data(Call::post(routes::SIGNUP_COMPLETE, &asked)).await;
        let token = made.api_key.raw.expect("the key itself");
        self.seen.secret(&token);
        Account { token, user: made.api_key.user_id, organization: made.organization_id }
    }

    /// Whether the log of this process has that text.
    pub fn has_logged(&self, text: &str) -> bool {
        log::mentions(text)
    }

    /// Notes a secret that must not be logged.
    pub fn keep_out_of_the_log(&self, secret: &str) {
        self.seen.secret(secret);
    }

    /// Makes an account that does not end and is not limited together with others: an administrator's.
    pub async fn lasting_account(&self) -> Account {
        let account = self.account().await;
        let code = json!({"code": self.claim_code()});
        let _: Value = self.data(Call::post(routes::CLAIM, &code).token(&account.token)).await;
        account
    }

    /// Makes a key by `token`, with `raw` in it.
    pub async fn key(&self, token: &str, asked: Value) -> ApiKey {
        let key: ApiKey = self.data(Call::post(routes::KEYS, &asked).token(token)).await;
        self.seen.secret(key.raw.as_deref().expect("the key itself"));
        key
    }

    /// Makes a key that may use models, and returns its text.
    pub async fn gateway_key(&self, token: &str) -> String {
        let name = keywright_protocol::KeyId::new().to_string();
        self.key(token, json!({"name": name})).await.raw.expect("the key itself")
    }

    /// The mails that it keeps as files, the newest last. It does so where it has `mail.from` and no mail server.
    pub fn outbox(&self) -> Vec<StoredMail> {
        keywright_server::outbox(&self.config).expect("the outbox")
    }

    /// The code in the newest mail to `mailbox`, read out of the outbox.
    pub fn mailed_code(&self, mailbox: &str) -> String {
        let mails = self.outbox();
        let newest = mails.iter().rfind(|mail| mail.to == mailbox).expect("a mail to that mailbox");
        let code = code_in(&newest.text);
        self.seen.secret(&code);
        code
    }

    /// The keys that `token` sees.
    pub async fn keys(&self, token: &str) -> ApiKeys {
        self.data(Call::get(routes::KEYS).token(token)).await
    }

    /// Deletes a key.
    pub async fn revoke(&self, token: &str, key: keywright_protocol::KeyId) {
        let _: Value = self.data(Call::new("DELETE", &routes::key(key)).token(token)).await;
    }

    /// The data of a good answer.
    ///
    /// # Panics
    /// When it is no good answer, or other data.
    pub async fn data<T: serde::de::DeserializeOwned>(&self, call: Call) -> T {
        let answer = self.call(call).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice::<Success<T>>(&answer.body).expect("the data that belongs there").data
    }

    /// The records that `token` sees, newest first, as they are now.
    pub async fn records(&self, token: &str) -> Vec<RequestRecord> {
        let page: RequestPage =
            self.data(Call::get(&format!("{}?limit=200", routes::REQUESTS)).token(token)).await;
        page.requests
    }

    /// The records that `token` sees, newest first, when there are `count` and all have ended. Waits 10 s
    /// for that.
    pub async fn ended_records(&self, token: &str, count: usize) -> Vec<RequestRecord> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let records = self.records(token).await;
            let ended = records.iter().all(|record| record.outcome != "running");
            assert!(records.len() <= count, "{} records in place of {count}: {records:#?}", records.len());
            if records.len() == count && ended {
                return records;
            }
            assert!(Instant::now() < deadline, "{count} ended records were to come: {records:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The one record that `token` sees, once it has ended.
    pub async fn record(&self, token: &str) -> RequestRecord {
        self.ended_records(token, 1).await.remove(0)
    }

    /// Lets no record be written, on SQLite, until what it returns is dropped.
    pub fn hold_records(&self) -> HeldRecords {
        hold_records(&self.config.data_dir)
    }

    /// Waits until `count` callers whom nobody could prove to be anybody are recorded as refused with
    /// `code`, on SQLite.
    pub async fn counted_refusals(&self, code: ErrorCode, count: i64) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while counted_refusals(&self.config.data_dir, code.as_str()) != count {
            assert!(Instant::now() < deadline, "{count} refusals were to be counted");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn running(&self) -> &Server {
        self.server.as_ref().expect("a running server")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.seen.check(&self.provider.received(), &self.keys, self.token_in_body);
        }
    }
}
