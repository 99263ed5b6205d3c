//! Device codes of the issuer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use keywright_secret::TokenKind;
use serde_json::json as value;

use super::state::{IssuerState, oauth_error};
use super::{json, mint};

/// A device code, and how it stands.
pub struct DeviceCode {
    code: String,
    /// What the person has decided.
    pub approved: Option<bool>,
    /// When the client polled.
    pub polls: Vec<Instant>,
    /// How many of the next polls are answered with `slow_down`.
    pub slow_down: usize,
    born: Instant,
}

impl IssuerState {
    pub(super) fn start_device(&mut self, fields: &BTreeMap<String, String>) -> Response<Full<Bytes>> {
        if fields.get("client_id").is_none_or(|id| id != "keywright-cli") {
            return oauth_error("invalid_client");
        }
        let device = DeviceCode {
            code: mint(TokenKind::ApiKey),
            approved: None,
            polls: Vec::new(),
            slow_down: 0,
            born: Instant::now(),
        };
        let body = value!({
            "device_code": device.code,
            "user_code": "BCDF-GHJK",
            "verification_uri": format!("{}/device", self.issuer),
            "verification_uri_complete": format!("{}/device?user_code=BCDF-GHJK", self.issuer),
            "expires_in": self.device_life,
            "interval": self.interval,
        });
        self.devices.push(device);
        json(200, &body)
    }

    pub(super) fn poll_device(&mut self, code: &str) -> Response<Full<Bytes>> {
        let life = Duration::from_secs(self.device_life);
        let Some(device) = self.devices.iter_mut().find(|device| device.code == code) else {
            return oauth_error("invalid_grant");
        };
        device.polls.push(Instant::now());
        if device.slow_down > 0 {
            device.slow_down -= 1;
            return oauth_error("slow_down");
        }
        match device.approved {
            Some(false) => oauth_error("access_denied"),
            _ if device.born.elapsed() >= life => oauth_error("expired_token"),
            None => oauth_error("authorization_pending"),
            Some(true) => {
                let issued = self.issue();
                self.pair(&issued)
            }
        }
    }
}
