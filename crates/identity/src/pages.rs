//! People at the pages: a browser proves a mailbox by code, and is known by a cookie from then on. Nothing else
//! takes that cookie.

use std::net::IpAddr;

use keywright_protocol::wire::RequestCode;
use keywright_protocol::{ApiError, CodeRequestId, ErrorCode, Mailbox, Timestamp, UserId};
use keywright_secret::{Secret, hex, random_hex};
use keywright_store::{NewPageSession, PageSignIn, PageTerms, PresentedCode};
use sha2::{Digest, Sha256};

use crate::failure::store_failed;
use crate::mailbox::{self, fields};
use crate::{CodePurpose, Identity};

/// A browser that the pages know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    /// What its tries are counted under.
    pub id: String,
    /// Who is signed in, and since when.
    pub user: Option<(UserId, Timestamp)>,
    /// The mailbox that it is about to prove.
    pub proving: Option<Mailbox>,
    request: Option<CodeRequestId>,
}

/// A cookie that is to be set.
#[derive(Debug)]
pub struct PageCookie {
    /// The cookie.
    pub value: Secret,
    /// For how many seconds.
    pub seconds: i64,
}

impl Identity {
    /// The browser with that cookie.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`.
    pub async fn browser(&self, cookie: &Secret) -> Result<Option<Browser>, ApiError> {
        let found = self.inner.store.page_session(&hash(cookie), self.now()).await;
        Ok(found.map_err(|error| store_failed(&error))?.map(|session| {
            let (proving, request) = session.proving.unzip();
            Browser { id: session.id, user: session.user, proving, request }
        }))
    }

    /// Mails a code to a mailbox, known or not, and binds its entry to a browser.
    ///
    /// # Errors
    /// As [`request_code`](Self::request_code).
    pub async fn begin_page(
        &self,
        email: &str,
        address: IpAddr,
        client: Option<String>,
    ) -> Result<PageCookie, ApiError> {
        let request = RequestCode { email: Some(email.into()), ..RequestCode::default() };
        let requested = self.request_code(CodePurpose::Page, address, request, client).await?;
        let mailbox: Mailbox = requested.email.parse().map_err(|_| ErrorCode::Internal)?;
        let (cookie, session) = self.new_page(PROVING_SECONDS);
        let stored = self.inner.store.insert_page_session(&session, &mailbox, requested.request_id).await;
        stored.map_err(|error| store_failed(&error))?;
        Ok(cookie)
    }

    /// Takes the code that the browser waits for: who is signed in, and the cookie from now on.
    ///
    /// # Errors
    /// The `OTP_` codes, `SIGNUP_CLOSED`, `EMAIL_RATE_LIMITED`, `STORAGE_UNAVAILABLE`.
    pub async fn prove_page(&self, cookie: &Secret, code: &str) -> Result<(UserId, PageCookie), ApiError> {
        let browser = self.browser(cookie).await?.ok_or(ErrorCode::OtpNotFound)?;
        let (mailbox, request) = browser.proving.zip(browser.request).ok_or(ErrorCode::OtpNotFound)?;
        let code = fields::code(code)?;
        let at = self.moment();
        let (next, session) = self.new_page(self.page_seconds());
        let presented = PresentedCode {
            mailbox: mailbox.clone(),
            request: Some(request),
            purpose: CodePurpose::Page.as_str(),
            at,
        };
        let hashes = &self.inner.mailroom.codes;
        let is_right = |request: CodeRequestId, stored: &[u8]| {
            hashes.is_of(stored, &mailbox::parts(&request.to_string(), CodePurpose::Page, &mailbox, &code))
        };
        let settings = &self.inner.settings;
        let terms = PageTerms {
            old_cookie: &hash(cookie),
            next: &session,
            organization_name: fields::DEFAULT_ORGANIZATION,
        };
        let signed_in = self
            .inner
            .store
            .sign_in_page(&terms, &presented, &mailbox::LIMITS.tries, is_right, |facts| {
                mailbox::judge_page(settings, &mailbox, facts)
            })
            .await;
        let refusal = match signed_in.map_err(|error| store_failed(&error))? {
            PageSignIn::Done(user) => {
                tracing::info!(user.id = %user, "{user} signed in at the pages");
                return Ok((user, next));
            }
            PageSignIn::BadCode(refusal) => mailbox::bad_code(refusal, at.wall),
            PageSignIn::Refused(why) => why,
        };
        let code = refusal.code.as_str();
        tracing::info!(
            mail.domain = mailbox.domain(),
            error.code = code,
            "nobody signed in at the pages: {code}"
        );
        Err(refusal)
    }

    /// Forgets a browser.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`.
    pub async fn end_page(&self, cookie: &Secret) -> Result<(), ApiError> {
        self.inner.store.end_page_session(&hash(cookie)).await.map_err(|error| store_failed(&error))
    }

    fn new_page(&self, seconds: i64) -> (PageCookie, NewPageSession) {
        let (value, now) = (random_hex::<32>(), self.now());
        let session = NewPageSession {
            id: random_hex::<16>().expose().to_owned(),
            hash: hash(&value),
            created_at: now,
            expires_at: now.plus_seconds(seconds),
        };
        (PageCookie { value, seconds }, session)
    }

    /// Where nothing but the machine itself keeps the cookie from others, it lives shortly.
    fn page_seconds(&self) -> i64 {
        if self.issuer().starts_with("https:") { SECURE_SECONDS } else { LOOPBACK_SECONDS }
    }
}

/// What a form of that browser carries: nobody else can make it, and it gives nobody the cookie.
pub fn form_token(cookie: &Secret) -> String {
    let hash = Sha256::new().chain_update(b"keywright form\0").chain_update(cookie.expose()).finalize();
    hex(&hash)
}

fn hash(cookie: &Secret) -> [u8; 32] {
    Sha256::digest(cookie.expose().as_bytes()).into()
}

const PROVING_SECONDS: i64 = 900;
const LOOPBACK_SECONDS: i64 = 3_600;
const SECURE_SECONDS: i64 = 12 * 3_600;
