//! Accounts with zero signup.

use std::net::IpAddr;

use keywright_protocol::wire::Account;
use keywright_protocol::{ApiError, ErrorCode, KeyId, OrganizationId, Scopes, Timestamp, UserId};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_store::{NewTemporaryAccount, NewToken, Provisioned};

use crate::Identity;
use crate::failure::{seconds_until, store_failed};

/// A new temporary account.
#[derive(Debug)]
pub struct ProvisionedAccount {
    /// Its token, which is nowhere else.
    pub token: PlatformToken,
    /// When it ends, with all that is in it.
    pub expires_at: Timestamp,
    /// Its user and organization.
    pub account: Account,
}

impl Identity {
    /// Makes a temporary account for whoever asks from `address`. Whether anybody may ask at all is
    /// for the caller to know. With `essential_traffic_only` the account is marked from the start.
    ///
    /// # Errors
    /// `TEMPORARY_RATE_LIMITED` with the wait, `STORAGE_UNAVAILABLE`.
    pub async fn provision_temporary(
        &self,
        address: IpAddr,
        essential_traffic_only: bool,
    ) -> Result<ProvisionedAccount, ApiError> {
        let now = self.now();
        let expires_at = now.plus_seconds(self.inner.settings.temporary_ttl_seconds);
        let account = Account { user_id: UserId::new(), organization_id: OrganizationId::new() };
        let token = PlatformToken::mint(TokenKind::Temporary);
        let stored = NewTemporaryAccount {
            token: NewToken {
                id: KeyId::new(),
                hash: token.hash(),
                kind: token.kind(),
                hint: token.hint(),
                user: account.user_id,
                organization: account.organization_id,
                parent: None,
                name: String::new(),
                scopes: Scopes::TEMPORARY,
                created_at: now,
                // It ends with the account, and lives on if somebody makes the account last.
                expires_at: None,
            },
            organization_name: ORGANIZATION_NAME.to_owned(),
            address: counted_as(address),
            expires_at,
            essential_traffic_only,
        };
        let limits = self.inner.settings.mint_limits();
        let made = self.inner.store.insert_temporary_account(&stored, &limits).await;
        match made.map_err(|error| store_failed(&error))? {
            Provisioned::Made => {
                self.inner.cache.distrust([stored.token.hash]);
                Ok(ProvisionedAccount { token, expires_at, account })
            }
            Provisioned::FullUntil(until) => Err(ApiError::new(ErrorCode::TemporaryRateLimited)
                .because("Too many temporary accounts were made within an hour.")
                .retry_in(seconds_until(until, now))),
        }
    }
}

/// Whom an address counts as: an IPv6 site has a /64 at least, whose addresses cost nothing, and a
/// program on this machine has all 16 million of 127.0.0.0/8.
pub(crate) fn counted_as(address: IpAddr) -> String {
    match address.to_canonical() {
        loopback if loopback.is_loopback() => LOOPBACK.to_owned(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

const LOOPBACK: &str = "loopback";
const ORGANIZATION_NAME: &str = "Temporary account";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_as_the_site_they_are_in() {
        for (address, counted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
            ("::2", "0:0:0:0::/64"),
            ("127.0.0.1", "loopback"),
            ("127.255.7.9", "loopback"),
            ("::ffff:127.0.0.2", "loopback"),
            ("::1", "loopback"),
        ] {
            assert_eq!(counted_as(address.parse().expect("an address")), counted);
        }
    }
}
