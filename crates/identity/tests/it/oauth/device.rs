use std::net::IpAddr;

use keywright_identity::oauth::{
    Allowance, Client, DeviceCodes, DevicePerson, DeviceRefusal, DeviceRequest, OAuthCode,
};
use keywright_secret::Secret;
use keywright_store::testing::on_both;

use crate::bench::{Bench, HOME};
use crate::oauth::scene::{Person, Tokens, another_client, oauth_code};

async fn begin(bench: &Bench, scope: Option<&str>) -> DeviceCodes {
    let client = Client::command_line();
    let asked = DeviceRequest {
        client: &client,
        scope,
        resources: &[],
        machine: Some("box".to_owned()),
        lifetime: None,
        upgrade: None,
        address: HOME,
    };
    bench.identity.begin_device(&asked).await.expect("codes")
}

async fn poll(bench: &Bench, codes: &DeviceCodes) -> Result<Tokens, OAuthCode> {
    let answer =
        bench.identity.poll_device(&Client::command_line(), &codes.device_code, &[], HOME, false).await;
    answer.map(Tokens::read).map_err(|error| error.code)
}

#[tokio::test]
async fn a_device_waits_is_seen_is_let_in_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let page = person.at_the_page(&bench);
        let codes = begin(&bench, Some("models:use openid")).await;
        assert_eq!((codes.expires_in, codes.interval), (600, 5));
        assert_eq!((codes.user_code.len(), codes.user_code.as_bytes()[4]), (9, b'-'));
        assert_eq!(codes.device_code.expose().len(), 64);
        // The first poll comes at once, and is in time.
        assert_eq!(poll(&bench, &codes).await.expect_err("waits"), OAuthCode::AuthorizationPending);
        let typed = codes.user_code.to_lowercase().replace('-', " ");
        let shown = bench.identity.waiting_device(&page, &typed).await.expect("it waits");
        assert_eq!((shown.client.id.as_str(), shown.machine.as_deref()), ("keywright-cli", Some("box")));
        assert_eq!(
            (shown.address.as_str(), shown.scope.to_string().as_str()),
            ("loopback", "openid models:use")
        );
        bench.clock.forward_seconds(5);
        assert_eq!(
            poll(&bench, &codes).await.expect_err("looking is not letting in"),
            OAuthCode::AuthorizationPending
        );
        bench
            .identity
            .approve_device(&page, &codes.user_code, person.organization, &Allowance::default())
            .await
            .expect("approved");
        let again = bench
            .identity
            .approve_device(&page, &codes.user_code, person.organization, &Allowance::default())
            .await;
        assert_eq!(again, Err(DeviceRefusal::Decided));
        let denied = bench.identity.deny_device(&page, &codes.user_code).await;
        assert_eq!(denied, Err(DeviceRefusal::Decided));
        let tokens = poll(&bench, &codes).await.expect("tokens");
        assert_eq!(bench.verified(&tokens.access).await.user, person.user);
        assert_eq!(poll(&bench, &codes).await.expect_err("used"), OAuthCode::InvalidGrant);
    })
    .await;
}

#[tokio::test]
async fn whoever_polls_too_often_waits_longer_and_is_heard_then() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let codes = begin(&bench, None).await;
        let other = begin(&bench, None).await;
        assert_eq!(poll(&bench, &codes).await.expect_err("waits"), OAuthCode::AuthorizationPending);
        bench.clock.forward_seconds(4);
        let early =
            bench.identity.poll_device(&Client::command_line(), &codes.device_code, &[], HOME, false).await;
        assert_eq!(early.expect_err("early").retry_in, Some(10));
        // Ten seconds after the poll that was in time, however many came too early.
        bench.clock.forward_seconds(6);
        assert_eq!(poll(&bench, &codes).await.expect_err("heard"), OAuthCode::AuthorizationPending);
        bench.clock.forward_seconds(9);
        assert_eq!(poll(&bench, &codes).await.expect_err("early"), OAuthCode::SlowDown);
        assert_eq!(poll(&bench, &other).await.expect_err("its own pace"), OAuthCode::AuthorizationPending);
        for _ in 0..30 {
            assert_eq!(poll(&bench, &codes).await.expect_err("early"), OAuthCode::SlowDown);
        }
        bench.clock.forward_seconds(60);
        assert_eq!(
            poll(&bench, &codes).await.expect_err("no wait is longer"),
            OAuthCode::AuthorizationPending
        );
    })
    .await;
}

#[tokio::test]
async fn who_is_turned_away_or_waits_too_long_gets_nothing_ever() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let page = person.at_the_page(&bench);
        let denied = begin(&bench, None).await;
        bench.identity.deny_device(&page, &denied.user_code).await.expect("turned away");
        assert_eq!(poll(&bench, &denied).await.expect_err("denied"), OAuthCode::AccessDenied);
        let approved = bench
            .identity
            .approve_device(&page, &denied.user_code, person.organization, &Allowance::default())
            .await;
        assert_eq!(approved, Err(DeviceRefusal::Decided));
        let (late, forgotten) = (begin(&bench, None).await, begin(&bench, None).await);
        bench.clock.forward_seconds(599);
        bench.identity.waiting_device(&page, &late.user_code).await.expect("it waits");
        bench
            .identity
            .approve_device(&page, &forgotten.user_code, person.organization, &Allowance::default())
            .await
            .expect("in");
        bench.clock.forward_seconds(1);
        for codes in [&late, &forgotten] {
            assert_eq!(poll(&bench, codes).await.expect_err("over"), OAuthCode::ExpiredToken);
            let decided = bench
                .identity
                .approve_device(&page, &codes.user_code, person.organization, &Allowance::default())
                .await;
            assert_eq!(decided, Err(DeviceRefusal::Unknown));
        }
        assert_eq!(poll(&bench, &denied).await.expect_err("denied"), OAuthCode::AccessDenied);
    })
    .await;
}

#[tokio::test]
async fn a_device_code_is_for_the_application_that_asked() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let other = another_client(&bench).await;
        let codes = begin(&bench, None).await;
        for _ in 0..2 {
            let stolen = bench.identity.poll_device(&other, &codes.device_code, &[], HOME, false).await;
            assert_eq!(oauth_code(stolen), OAuthCode::InvalidGrant);
        }
        assert_eq!(
            poll(&bench, &codes).await.expect_err("nothing happened"),
            OAuthCode::AuthorizationPending
        );
        let page = person.at_the_page(&bench);
        bench
            .identity
            .approve_device(&page, &codes.user_code, person.organization, &Allowance::default())
            .await
            .expect("approved");
        let stolen = bench.identity.poll_device(&other, &codes.device_code, &[], HOME, false).await;
        assert_eq!(oauth_code(stolen), OAuthCode::InvalidGrant);
        poll(&bench, &codes).await.expect("tokens");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_polls_at_once_one_gets_tokens() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let second = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let person = Person::new(&bench).await;
        let codes = begin(&bench, None).await;
        let page = person.at_the_page(&bench);
        bench
            .identity
            .approve_device(&page, &codes.user_code, person.organization, &Allowance::default())
            .await
            .expect("approved");
        let polling: Vec<_> = (0..50)
            .map(|number| {
                let identity = if number % 2 == 0 { bench.identity.clone() } else { second.clone() };
                let code = codes.device_code.clone();
                tokio::spawn(async move {
                    identity.poll_device(&Client::command_line(), &code, &[], HOME, false).await
                })
            })
            .collect();
        let mut good = 0;
        for answer in polling {
            match answer.await.expect("it ran") {
                Ok(_) => good += 1,
                Err(error) => assert_eq!(error.code, OAuthCode::InvalidGrant),
            }
        }
        assert_eq!(good, 1);
    })
    .await;
}

#[tokio::test]
async fn wrong_codes_lock_whoever_tries_and_a_right_one_clears_nothing() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let guesser = person.at_the_page(&bench);
        let other = Person::new(&bench).await;
        let honest = DevicePerson { page_session: "another".to_owned(), ..other.at_the_page(&bench) };
        let codes = begin(&bench, None).await;
        for number in 0..10 {
            if number == 5 {
                bench.identity.waiting_device(&honest, &codes.user_code).await.expect("it waits");
            }
            let wrong = bench.identity.waiting_device(&guesser, "BBBB-BBBB").await;
            assert_eq!(wrong, Err(DeviceRefusal::Unknown));
        }
        // At one address all are locked, the one with the right code too: it could be a guess.
        for locked in [&guesser, &honest] {
            let answer = bench.identity.waiting_device(locked, &codes.user_code).await;
            assert!(matches!(answer, Err(DeviceRefusal::Locked(_))), "{answer:?}");
        }
        let elsewhere: IpAddr = "192.0.2.9".parse().expect("an address");
        let honest = DevicePerson { address: elsewhere, ..honest };
        bench.identity.waiting_device(&honest, &codes.user_code).await.expect("another address");
        bench.clock.forward_seconds(60);
        // The address is free again; the page that guessed waits an hour.
        let answer = bench.identity.waiting_device(&guesser, &codes.user_code).await;
        assert_eq!(answer, Err(DeviceRefusal::Locked(3_540)));
        let fresh = DevicePerson { address: HOME, ..honest };
        bench.identity.waiting_device(&fresh, &codes.user_code).await.expect("free again");
    })
    .await;
}

#[tokio::test]
async fn made_up_device_codes_lock_the_address_and_real_ones_pass() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let codes = begin(&bench, None).await;
        let client = Client::command_line();
        for number in 0..25 {
            let made_up = Secret::new(format!("{number:064}"));
            let expected = if number < 20 { OAuthCode::InvalidGrant } else { OAuthCode::TooManyRequests };
            let answer = bench.identity.poll_device(&client, &made_up, &[], HOME, false).await;
            assert_eq!(oauth_code(answer), expected, "{number}");
        }
        assert_eq!(poll(&bench, &codes).await.expect_err("unharmed"), OAuthCode::AuthorizationPending);
    })
    .await;
}

#[tokio::test]
async fn thirty_devices_wait_at_one_address_and_no_more() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for _ in 0..30 {
            begin(&bench, None).await;
        }
        bench.clock.forward_seconds(500);
        let client = Client::command_line();
        let mut asked = DeviceRequest {
            client: &client,
            scope: None,
            resources: &[],
            machine: None,
            lifetime: None,
            upgrade: None,
            address: HOME,
        };
        let full = bench.identity.begin_device(&asked).await.expect_err("full");
        assert_eq!((full.code, full.retry_in), (OAuthCode::TooManyRequests, Some(100)));
        asked.address = "192.0.2.9".parse().expect("an address");
        bench.identity.begin_device(&asked).await.expect("another address");
        bench.clock.forward_seconds(100);
        begin(&bench, None).await;
    })
    .await;
}

#[tokio::test]
async fn nobody_is_let_into_an_organization_of_others() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (person, other) = (Person::new(&bench).await, Person::new(&bench).await);
        let codes = begin(&bench, None).await;
        let page = person.at_the_page(&bench);
        bench
            .identity
            .approve_device(&page, &codes.user_code, other.organization, &Allowance::default())
            .await
            .expect("decided");
        assert_eq!(poll(&bench, &codes).await.expect_err("no session"), OAuthCode::InvalidGrant);
        assert!(bench.identity.sessions(person.user).await.expect("a list").is_empty());
    })
    .await;
}
