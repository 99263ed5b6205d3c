//! Devices without a browser, RFC 8628:
//!
//! 1. The device asks for two codes (3.1). It keeps the long one and shows the short one to its person.
//! 2. It polls with the long one, not faster than it was told (3.4, 3.5).
//! 3. The person opens the page on another machine, signs in, enters the short one, and sees who asks (3.3).
//! 4. The person approves, or does not: once.
//! 5. The next poll gives the tokens: once.

use std::net::IpAddr;

use keywright_protocol::wire::LoginUpgrade;
use keywright_protocol::{ApiError, OrganizationId, Timestamp, UserId};
use keywright_secret::{Secret, fill_random, random_hex};
use keywright_store::{
    DeviceApproval, DeviceDecision, DeviceInsertion, DeviceRow, DeviceState, NewDevice, Poll, Tried, TryLimit,
};
use sha2::{Digest, Sha256};

use crate::Identity;
use crate::failure::{seconds_until, store_failed};
use crate::oauth::allowance::read_lifetime;
use crate::oauth::session::SignIn;
use crate::oauth::{
    Allowance, Client, GrantType, IdentityScopes, OAuthCode, OAuthError, SessionScope, Ticket,
};
use crate::temporary::counted_as;

/// A device asks for codes.
#[derive(Debug)]
pub struct DeviceRequest<'a> {
    /// Its application.
    pub client: &'a Client,
    /// What it asks for; all that it may have when left out.
    pub scope: Option<&'a str>,
    /// The resources that its tokens are to be for.
    pub resources: &'a [String],
    /// What it calls the machine.
    pub machine: Option<String>,
    /// Seconds that it proposes its session to live.
    pub lifetime: Option<&'a str>,
    /// The ticket of the temporary account that comes along.
    pub upgrade: Option<&'a str>,
    /// Where the request came from.
    pub address: IpAddr,
}

/// The codes that a device gets.
#[derive(Debug)]
pub struct DeviceCodes {
    /// What it polls with.
    pub device_code: Secret,
    /// What its person enters, `XXXX-XXXX`.
    pub user_code: String,
    /// How long both are good, in seconds.
    pub expires_in: i64,
    /// Seconds between polls.
    pub interval: i64,
}

/// A device that waits, as its person is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingDevice {
    /// The application.
    pub client: Client,
    /// What it asks for.
    pub scope: SessionScope,
    /// What it calls the machine.
    pub machine: Option<String>,
    /// Where it is, as far as that is kept.
    pub address: String,
    /// Seconds that its session is proposed to live.
    pub lifetime: i64,
    /// What stands for the temporary account that came along.
    pub ticket: Option<Ticket>,
    /// When it asked.
    pub asked_at: Timestamp,
    /// Until when it waits.
    pub expires_at: Timestamp,
}

/// A person who enters a code.
#[derive(Clone, Debug)]
pub struct DevicePerson {
    /// The user.
    pub user: UserId,
    /// When the mailbox was last proven.
    pub signed_in_at: Timestamp,
    /// The session of the pages: its tries count together.
    pub page_session: String,
    /// Where the person is.
    pub address: IpAddr,
}

/// Why a code opens nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeviceRefusal {
    /// No device that waits has that code: it is mistyped, or its time is over.
    #[error("no device waits with that code")]
    Unknown,
    /// Too many wrong codes; they are taken again after so many seconds.
    #[error("too many wrong codes; try again in {0} seconds")]
    Locked(i64),
    /// Nothing of what the device asks for is allowed.
    #[error("nothing was allowed")]
    Nothing,
    /// Somebody has decided before.
    #[error("that was decided before")]
    Decided,
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] ApiError),
}

impl Identity {
    /// Lets a device wait for its person.
    ///
    /// # Errors
    /// `unauthorized_client`, `invalid_scope`, `invalid_target`, `temporarily_unavailable` with the wait when
    /// too many wait at the address.
    pub async fn begin_device(&self, asked: &DeviceRequest<'_>) -> Result<DeviceCodes, OAuthError> {
        asked.client.may_use(GrantType::DeviceCode)?;
        let scope = SessionScope::asked(asked.client, asked.scope)?;
        let resources = self.inner.resources.asked(asked.resources)?;
        let lifetime = read_lifetime(asked.lifetime, self.inner.settings.session_seconds)?;
        let ticket = Ticket::read(asked.client, asked.upgrade)?;
        let now = self.now();
        let (device_code, user_code) = (random_hex::<32>(), mint_user_code());
        let device = NewDevice {
            id: random_hex::<16>().expose().to_owned(),
            hash: hash(&device_code),
            user_code_hash: self.inner.oauth.user_codes.of(&[user_code.as_bytes()]),
            client: asked.client.id.clone(),
            scopes: scope.platform,
            identity_scopes: scope.identity.to_stored(),
            resources,
            machine: asked.machine.clone(),
            address: counted_as(asked.address),
            lifetime,
            ticket: ticket.map(Ticket::to_stored),
            interval: INTERVAL,
            created_at: now,
            expires_at: now.plus_seconds(LIFETIME),
        };
        match self.inner.store.insert_device(&device, MOST_WAITING).await? {
            DeviceInsertion::Inserted => {
                let user_code = in_halves(&user_code);
                Ok(DeviceCodes { device_code, user_code, expires_in: LIFETIME, interval: INTERVAL })
            }
            DeviceInsertion::FullUntil(until) => Err(OAuthError::new(
                OAuthCode::TooManyRequests,
                "Too many devices wait at your address. Let one of them in, or wait until its time is over.",
            )
            .retry_in(seconds_until(until, now))),
        }
    }

    /// A device asks whether it is in: the JSON with its tokens.
    ///
    /// # Errors
    /// `authorization_pending`, `slow_down`, `access_denied`, `expired_token`, and `invalid_grant` for a code
    /// that is unknown, used or of another application; `temporarily_unavailable` with the wait for somebody
    /// who tries codes. With `marks` the account is marked for essential traffic only.
    pub async fn poll_device(
        &self,
        client: &Client,
        device_code: &Secret,
        resources: &[String],
        address: IpAddr,
        marks: bool,
    ) -> Result<Secret, OAuthError> {
        client.may_use(GrantType::DeviceCode)?;
        let now = self.now();
        let Some(device) = self.inner.store.device(&hash(device_code)).await? else {
            return Err(self.wrong_device_code(address, now).await?);
        };
        if device.client != client.id {
            return Err(no_good());
        }
        match &device.state {
            DeviceState::Used => Err(no_good()),
            DeviceState::Denied => {
                Err(OAuthError::new(OAuthCode::AccessDenied, "The person turned the device away."))
            }
            _ if now >= device.expires_at => Err(OAuthError::new(
                OAuthCode::ExpiredToken,
                "Nobody let the device in within ten minutes. Begin again.",
            )),
            DeviceState::Pending => Err(self.still_waiting(&device, now).await?),
            DeviceState::Approved(approval) => {
                self.mark_for(client, marks, approval.user).await?;
                self.let_in(client, &device, approval, resources, now).await
            }
        }
    }

    async fn still_waiting(&self, device: &DeviceRow, now: Timestamp) -> Result<OAuthError, OAuthError> {
        Ok(match self.inner.store.poll_device(&device.id, now, SLOWEST).await? {
            // Decided at this moment: the next poll hears it.
            Poll::Pending | Poll::Decided => OAuthError::new(
                OAuthCode::AuthorizationPending,
                "The person has not decided yet. Poll again.",
            ),
            Poll::TooEarly(interval) => OAuthError::new(
                OAuthCode::SlowDown,
                format!("The device polls too often; {interval} seconds must lie between polls from now on."),
            )
            .retry_in(interval),
        })
    }

    async fn let_in(
        &self,
        client: &Client,
        device: &DeviceRow,
        approval: &DeviceApproval,
        resources: &[String],
        now: Timestamp,
    ) -> Result<Secret, OAuthError> {
        let sign_in = SignIn {
            client,
            user: approval.user,
            organization: approval.organization,
            scope: scope(device),
            resources: &device.resources,
            audience: self.inner.resources.chosen(&device.resources, resources)?,
            machine: device.machine.clone(),
            address: device.address.clone(),
            signed_in_at: approval.signed_in_at,
            nonce: None,
            lifetime: device.lifetime,
            upgrade: device.upgrade,
        };
        let opening = self.opening(&sign_in, now).await?;
        if !self.inner.store.redeem_device(&device.id, &opening.grant, &opening.tokens).await? {
            return Err(no_good());
        }
        self.inner.cache.distrust(opening.tokens.iter().map(|token| token.token.hash));
        tracing::info!(
            session.id = %opening.grant.id,
            user.id = %approval.user,
            client.id = %client.id,
            "the session {} began, by device code", opening.grant.id
        );
        Ok(opening.answer)
    }

    /// Counts a made-up device code. Whoever polls with a real one never comes here.
    async fn wrong_device_code(&self, address: IpAddr, now: Timestamp) -> Result<OAuthError, OAuthError> {
        let who = counted_as(address);
        let limits = [TryLimit { who: &who, wrong_tries: WRONG_DEVICE_CODES, window_seconds: HOUR }];
        let locked = self.inner.store.note_wrong_try(Tried::DeviceCode, &limits, now).await?;
        Ok(locked.map_or_else(no_good, |until| {
            OAuthError::new(
                OAuthCode::TooManyRequests,
                "Too many unknown device codes came from your address.",
            )
            .retry_in(seconds_until(until, now))
        }))
    }

    /// The device that waits with that code.
    ///
    /// # Errors
    /// [`DeviceRefusal`]; a wrong code counts against the person, the address and all together.
    pub async fn waiting_device(
        &self,
        person: &DevicePerson,
        user_code: &str,
    ) -> Result<WaitingDevice, DeviceRefusal> {
        let (device, client) = self.device_of(person, user_code).await?;
        Ok(WaitingDevice {
            client,
            scope: scope(&device),
            lifetime: device.lifetime,
            ticket: Ticket::from_stored(device.ticket),
            machine: device.machine,
            address: device.address,
            asked_at: device.created_at,
            expires_at: device.expires_at,
        })
    }

    /// Lets the device that waits with that code into one of the person's organizations. The temporary account
    /// that came along becomes part of the person's in the same step, if that is allowed. The first decision
    /// counts. What became of the temporary account.
    ///
    /// # Errors
    /// [`DeviceRefusal`]; a wrong code counts against the person, the address and all together.
    pub async fn approve_device(
        &self,
        person: &DevicePerson,
        user_code: &str,
        organization: OrganizationId,
        allowance: &Allowance,
    ) -> Result<Option<LoginUpgrade>, DeviceRefusal> {
        let (device, _) = self.device_of(person, user_code).await?;
        let allowed = allowance.of(scope(&device), device.lifetime);
        let (scope, lifetime) = allowed.map_err(|_| DeviceRefusal::Nothing)?;
        let decision = DeviceDecision {
            approval: DeviceApproval { user: person.user, organization, signed_in_at: person.signed_in_at },
            scopes: scope.platform,
            identity_scopes: scope.identity.to_stored(),
            lifetime,
            ticket: allowance.about(Ticket::from_stored(device.ticket)),
        };
        let (identity, now) = (self.clone(), self.now());
        let approving = self.lasting(async move {
            let outcome = identity.inner.store.approve_device(&device.id, &decision, now).await?;
            outcome.iter().for_each(|outcome| identity.heed(outcome, decision.approval.user));
            Ok(outcome)
        });
        approving.await?.map(|outcome| outcome.upgrade).ok_or(DeviceRefusal::Decided)
    }

    /// Turns the device away that waits with that code. The first decision counts.
    ///
    /// # Errors
    /// [`DeviceRefusal`]; a wrong code counts against the person, the address and all together.
    pub async fn deny_device(&self, person: &DevicePerson, user_code: &str) -> Result<(), DeviceRefusal> {
        let (device, _) = self.device_of(person, user_code).await?;
        let denied = self.inner.store.deny_device(&device.id, self.now()).await;
        match denied.map_err(|error| store_failed(&error))? {
            true => Ok(()),
            false => Err(DeviceRefusal::Decided),
        }
    }

    async fn device_of(
        &self,
        person: &DevicePerson,
        user_code: &str,
    ) -> Result<(DeviceRow, Client), DeviceRefusal> {
        let (now, store) = (self.now(), &self.inner.store);
        let address = counted_as(person.address);
        let (user, hourly) = (person.user.to_string(), format!("{address} by the hour"));
        let limits = [
            TryLimit { who: &address, wrong_tries: 10, window_seconds: 60 },
            // One address alone must not use up what there is for everybody.
            TryLimit { who: &hourly, wrong_tries: 60, window_seconds: HOUR },
            TryLimit { who: &person.page_session, wrong_tries: 10, window_seconds: HOUR },
            TryLimit { who: &user, wrong_tries: 20, window_seconds: HOUR },
            TryLimit { who: EVERYBODY, wrong_tries: 500, window_seconds: HOUR },
        ];
        let failed = |error| DeviceRefusal::Failed(store_failed(&error));
        let locked = |until| DeviceRefusal::Locked(seconds_until(until, now));
        // The right code is refused as well, else trying goes on.
        if let Some(until) = store.locked_until(Tried::UserCode, &limits, now).await.map_err(failed)? {
            return Err(locked(until));
        }
        let mut found = None;
        if let Some(code) = read_user_code(user_code) {
            let hash = self.inner.oauth.user_codes.of(&[code.as_bytes()]);
            found = store.device_by_user_code(&hash).await.map_err(failed)?;
        }
        let Some(device) = found.filter(|device| now < device.expires_at) else {
            let until = store.note_wrong_try(Tried::UserCode, &limits, now).await.map_err(failed)?;
            return Err(until.map_or(DeviceRefusal::Unknown, locked));
        };
        if device.state != DeviceState::Pending {
            return Err(DeviceRefusal::Decided);
        }
        let client = self.oauth_client(&device.client).await;
        let client = client.map_err(|_| ApiError::new(keywright_protocol::ErrorCode::StorageUnavailable))?;
        Ok((device, client.ok_or(DeviceRefusal::Unknown)?))
    }
}

fn scope(device: &DeviceRow) -> SessionScope {
    let identity = IdentityScopes::from_stored(&device.identity_scopes);
    SessionScope { platform: device.scopes, identity }
}

fn hash(device_code: &Secret) -> [u8; 32] {
    Sha256::digest(device_code.expose().as_bytes()).into()
}

/// Each of the letters is as likely as any other: bytes beyond the last whole round of the alphabet are
/// thrown away.
fn mint_user_code() -> String {
    let mut code = String::with_capacity(USER_CODE_LENGTH);
    while code.len() < USER_CODE_LENGTH {
        let mut byte = [0u8; 1];
        fill_random(&mut byte);
        let rounds = 256 / ALPHABET.len() * ALPHABET.len();
        if usize::from(byte[0]) < rounds {
            code.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
        }
    }
    code
}

/// A code as a person enters it: of any case, with blanks and dashes anywhere.
fn read_user_code(text: &str) -> Option<String> {
    let letters = text.chars().filter(|letter| !letter.is_whitespace() && !matches!(letter, '-' | '‐' | '–'));
    let code: String = letters.map(|letter| letter.to_ascii_uppercase()).take(USER_CODE_LENGTH + 1).collect();
    let good = code.len() == USER_CODE_LENGTH && code.bytes().all(|letter| ALPHABET.contains(&letter));
    good.then_some(code)
}

/// A code as the device shows it, `XXXX-XXXX`, however it was entered.
pub fn shown_user_code(text: &str) -> Option<String> {
    read_user_code(text).map(|code| in_halves(&code))
}

fn in_halves(code: &str) -> String {
    let (first, last) = code.split_at(USER_CODE_LENGTH / 2);
    format!("{first}-{last}")
}

fn no_good() -> OAuthError {
    OAuthError::new(
        OAuthCode::InvalidGrant,
        "The device code is unknown, used or of another application. Begin again.",
    )
}

/// No vowel, so that no word comes out, and nothing that looks like another.
const ALPHABET: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_LENGTH: usize = 8;
const LIFETIME: i64 = 600;
const INTERVAL: i64 = 5;
const SLOWEST: i64 = 60;
const MOST_WAITING: i64 = 30;
const WRONG_DEVICE_CODES: i64 = 20;
const HOUR: i64 = 3_600;
const EVERYBODY: &str = "everybody";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for text in ["BCDFGHJK", "bcdf-ghjk", " b c d f - g h j k ", "BCDF–GHJK"] {
            assert_eq!(read_user_code(text).as_deref(), Some("BCDFGHJK"), "{text}");
        }
        for text in ["", "BCDFGHJ", "BCDFGHJKL", "BCDFGHJ0", "ACDFGHJK", "BCDF/GHJK", "ßßßßßßßß"] {
            assert_eq!(read_user_code(text), None, "{text}");
        }
    }

    #[test]
    fn minted_codes_use_every_letter_and_no_other() {
        let all: String = (0..500).map(|_| mint_user_code()).collect();
        assert!(all.bytes().all(|letter| ALPHABET.contains(&letter)));
        assert!(ALPHABET.iter().all(|letter| all.as_bytes().contains(letter)));
        assert!(!all.contains(['0', 'O', '1', 'I']));
    }
}
