//! Keys that sign ID tokens: ES256, made when one is first needed and again each month. The public halves
//! stay listed until nothing that they signed is good any more.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use keywright_protocol::{OrganizationId, Timestamp, UserId};
use keywright_secret::seal::{MasterKeys, Place};
use keywright_secret::{KeyedHash, Secret, random_hex};
use keywright_store::SigningKeyRow;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Identity;
use crate::oauth::OAuthError;
use crate::oauth::session::failed;

/// The keys that the authorization server needs; the same on every server of a database.
#[derive(Clone, Debug)]
pub struct OAuthKeys {
    /// What the codes that people enter are hashed with.
    pub user_codes: KeyedHash,
    /// What links that the pages send a browser on to are marked with.
    pub links: KeyedHash,
    /// What signing keys are sealed with.
    pub master: Arc<MasterKeys>,
}

impl OAuthKeys {
    /// Keys that nobody else has, and that are gone with this.
    pub fn random() -> Self {
        Self {
            user_codes: KeyedHash::random(),
            links: KeyedHash::random(),
            master: Arc::new(MasterKeys::generate()),
        }
    }
}

/// What an ID token says, by OpenID Connect Core section 2.
#[derive(Serialize)]
pub(crate) struct IdClaims<'a> {
    pub(crate) iss: &'a str,
    pub(crate) sub: UserId,
    pub(crate) aud: &'a str,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<&'a str>,
    pub(crate) org_id: OrganizationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email_verified: Option<bool>,
}

impl Identity {
    /// Signs an ID token.
    pub(crate) async fn sign(&self, claims: &IdClaims<'_>, now: Timestamp) -> Result<Secret, OAuthError> {
        let row = self.signing_key(now).await?;
        let place = place(&row.id);
        let sealed = self.inner.oauth.master.open(&place, &row.sealed);
        let sealed = sealed.map_err(|error| unusable(&row.id, &error))?;
        let der = STANDARD.decode(sealed.expose()).map_err(|error| unusable(&row.id, &error))?;
        let header = Header { kid: Some(row.id.clone()), ..Header::new(Algorithm::ES256) };
        let token = jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(&der));
        token.map(Secret::new).map_err(|error| unusable(&row.id, &error))
    }

    /// The key that signs now.
    async fn signing_key(&self, now: Timestamp) -> Result<SigningKeyRow, OAuthError> {
        let since = now.plus_seconds(-SIGNS_SECONDS);
        if let Some(newest) = self.inner.store.signing_keys(since).await?.into_iter().next() {
            return Ok(newest);
        }
        let made = self.make_signing_key(now)?;
        if self.inner.store.insert_signing_key(&made, since).await? {
            tracing::info!(key.id = %made.id, "made the key {} for signing ID tokens", made.id);
            return Ok(made);
        }
        // Another server was faster.
        self.inner.store.signing_keys(since).await?.into_iter().next().ok_or_else(failed)
    }

    fn make_signing_key(&self, now: Timestamp) -> Result<SigningKeyRow, OAuthError> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).map_err(|_| failed())?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).map_err(|_| failed())?;
        // An uncompressed point: one byte that says so, and the two coordinates.
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..33).zip(point.get(33..65)).ok_or_else(failed)?;
        let id = random_hex::<8>().expose().to_owned();
        let jwk = json!({
            "kty": "EC",
            "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
            "kid": id,
            "use": "sig",
            "alg": "ES256",
        });
        let private = Secret::new(STANDARD.encode(pkcs8.as_ref()));
        let sealed = self.inner.oauth.master.seal(&place(&id), &private);
        Ok(SigningKeyRow { public_jwk: jwk.to_string(), sealed, created_at: now, id })
    }

    /// The public keys that ID tokens may be signed with, as a JSON web key set.
    ///
    /// # Errors
    /// `temporarily_unavailable` when the database does not answer.
    pub async fn signing_key_set(&self) -> Result<Value, OAuthError> {
        let now = self.now();
        // Asked for before anything is signed, the set has the key that will sign.
        self.signing_key(now).await?;
        let rows = self.inner.store.signing_keys(now.plus_seconds(-LISTED_SECONDS)).await?;
        let keys: Vec<Value> =
            rows.iter().filter_map(|row| serde_json::from_str(&row.public_jwk).ok()).collect();
        Ok(json!({ "keys": keys }))
    }
}

fn place(id: &str) -> Place<'_> {
    Place { table: "signing_keys", row: id, column: "sealed" }
}

fn unusable(id: &str, error: &(dyn std::error::Error + 'static)) -> OAuthError {
    tracing::error!(key.id = %id, error, "the signing key {id} cannot be used");
    failed()
}

/// How long a key signs.
const SIGNS_SECONDS: i64 = 30 * 86_400;
/// A day longer than that: what it signed is good for an hour, and clocks differ.
const LISTED_SECONDS: i64 = 31 * 86_400;
