use std::net::IpAddr;

use keywright_identity::{Identity, IdentitySettings};
use keywright_protocol::{ApiError, ErrorCode};
use keywright_store::testing::on_both;

use crate::bench::{Bench, HOME, code};

#[tokio::test]
async fn whoami_tells_the_account() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let made = bench.identity.provision_temporary(HOME, false).await.expect("an account");
        let caller = bench.verified(&made.token).await;
        let answer = bench.identity.whoami(&caller).await.expect("an answer");
        assert_eq!(answer.account, made.account);
        assert_eq!((answer.token_id, answer.token_kind.as_str()), (caller.token, "tmp"));
        assert_eq!(answer.organization_name, "Temporary account");
        assert!(answer.temporary && !answer.administrator);
        assert_eq!(answer.expires_at, Some(made.expires_at));
    })
    .await;
}

#[tokio::test]
async fn an_address_makes_thirty_accounts_in_any_hour() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for _ in 0..30 {
            bench.account().await;
            bench.clock.forward_seconds(60);
        }
        let refused = mint(&bench.identity, HOME).await.expect_err("refused");
        assert_eq!(refused.code, ErrorCode::TemporaryRateLimited);
        // The first was made 30 minutes ago.
        assert_eq!(refused.retry_after(), Some(1_800));
        mint(&bench.identity, address("192.0.2.1")).await.expect("another address");
        bench.clock.forward_seconds(1_799);
        assert!(mint(&bench.identity, HOME).await.is_err());
        bench.clock.forward_seconds(1);
        mint(&bench.identity, HOME).await.expect("the first has left the hour");
        assert!(mint(&bench.identity, HOME).await.is_err(), "room for one, not more");
    })
    .await;
}

#[tokio::test]
async fn all_addresses_together_share_a_limit() {
    on_both(|scene| async move {
        let settings = IdentitySettings { mints_per_hour: 5, ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        for last in 1..=5 {
            mint(&bench.identity, address(&format!("192.0.2.{last}"))).await.expect("an account");
        }
        assert_eq!(code(mint(&bench.identity, address("192.0.2.9")).await), ErrorCode::TemporaryRateLimited);
        bench.clock.forward_seconds(3_600);
        mint(&bench.identity, address("192.0.2.9")).await.expect("an hour later");
    })
    .await;
}

#[tokio::test]
async fn an_ipv6_site_counts_as_one_address() {
    on_both(|scene| async move {
        let settings = IdentitySettings { mints_per_hour_per_address: 2, ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        mint(&bench.identity, address("2001:db8::1")).await.expect("an account");
        mint(&bench.identity, address("2001:db8::2")).await.expect("an account");
        assert!(mint(&bench.identity, address("2001:db8::ffff:3")).await.is_err());
        mint(&bench.identity, address("2001:db8:0:1::1")).await.expect("the next site");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_is_exact_under_parallel_calls_on_two_servers() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let second = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let servers = [bench.identity.clone(), second];
        let minting: Vec<_> = (0..60)
            .map(|number| {
                let identity = servers[number % 2].clone();
                tokio::spawn(async move { mint(&identity, HOME).await })
            })
            .collect();
        let mut made = 0;
        for outcome in minting {
            match outcome.await.expect("it ran") {
                Ok(()) => made += 1,
                Err(error) => assert_eq!(error.code, ErrorCode::TemporaryRateLimited),
            }
        }
        assert_eq!(made, 30);
    })
    .await;
}

async fn mint(identity: &Identity, address: IpAddr) -> Result<(), ApiError> {
    identity.provision_temporary(address, false).await.map(drop)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Anybody on this machine may send from each of 16 million addresses.
#[tokio::test]
async fn every_loopback_address_counts_as_one() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for last in 1..=28 {
            mint(&bench.identity, address(&format!("127.0.{last}.{last}"))).await.expect("an account");
        }
        mint(&bench.identity, address("::1")).await.expect("an account");
        mint(&bench.identity, address("::ffff:127.9.9.9")).await.expect("an account");
        for another in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.1.1.1"] {
            assert_eq!(code(mint(&bench.identity, address(another)).await), ErrorCode::TemporaryRateLimited);
        }
        mint(&bench.identity, address("192.0.2.1")).await.expect("another machine");
    })
    .await;
}
