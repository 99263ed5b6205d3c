//! What a person allows, and the temporary account that comes along.

use std::net::IpAddr;

use keywright_identity::oauth::{Allowance, Client, Consent, DeviceRefusal, DeviceRequest};
use keywright_identity::{Identity, IdentitySettings, Unproven};
use keywright_protocol::{Clock as _, ErrorCode, Principal};
use keywright_secret::Secret;
use keywright_store::testing::on_both;
use tokio::task::JoinSet;

use crate::bench::{Bench, HOME, code, named, rounds};
use crate::oauth::codes::{consented_to, exchange, request};
use crate::oauth::scene::{Person, oauth_code, refreshed, signed_in};

/// The same person, as the pages know it.
fn at_the_pages(principal: &Principal) -> Person {
    Person { user: principal.user, organization: principal.organization }
}

async fn upgrade_of(bench: &Bench, code: &Secret) -> Option<String> {
    let tokens = exchange(bench, code).await.expect("tokens");
    tokens.json()["upgrade"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn of_two_persons_who_take_one_account_over_at_once_one_gets_it() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (ann, _) = bench.person("ann@example.com").await;
        let (bob, _) = bench.person("bob@example.com").await;
        let second = bench.other_server().await;
        for _ in 0..rounds(5) {
            let token = bench.account().await;
            let caller = bench.verified(&token).await;
            let (key, _) = bench.identity.create_key(&caller, named("k")).await.expect("a key");
            let (ticket, _) = bench.identity.upgrade_ticket(&caller).await.expect("a ticket");
            let mut taking = JoinSet::new();
            for (identity, person) in [(bench.identity.clone(), &ann), (second.clone(), &bob)] {
                let (person, link) = (at_the_pages(person), request(&[("upgrade", ticket.expose())]));
                let consent = taking_over(&bench, &person);
                taking.spawn(async move {
                    let asked = identity.authorization(&link).await.expect("a good request");
                    identity.consent(&asked, &consent).await.expect("a code")
                });
            }
            let mut outcomes = Vec::new();
            for address in taking.join_all().await {
                outcomes.push(upgrade_of(&bench, &consented_to(&address)).await.expect("an outcome"));
            }
            outcomes.sort_unstable();
            assert_eq!(outcomes, ["merged", "unavailable"]);
            for dead in [&token, &key] {
                assert_eq!(second.verify(dead).await.expect_err("dead"), Unproven::Revoked);
            }
        }
        let [users, .., moves] = bench.scene.counts().await;
        assert_eq!((users, moves), (2 + rounds(5) as i64, rounds(5) as i64));
    })
    .await;
}

/// The person sees the account and consents, and its holder claims administration before the server has the turn.
#[tokio::test]
async fn an_account_that_is_made_the_administrator_while_somebody_takes_it_over_is_left() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (ann, _) = bench.person("ann@example.com").await;
        let caller = bench.caller().await;
        let (ticket, _) = bench.identity.upgrade_ticket(&caller).await.expect("a ticket");
        let asked = request(&[("upgrade", ticket.expose())]);
        let asked = bench.identity.authorization(&asked).await.expect("a good request");
        let (identity, consent) = (bench.identity.clone(), taking_over(&bench, &at_the_pages(&ann)));
        let consenting = async move { identity.consent(&asked, &consent).await.expect("a code") };
        let address = bench.scene.raise_before(caller.user, caller.organization, consenting).await;
        assert_eq!(upgrade_of(&bench, &consented_to(&address)).await.as_deref(), Some("unavailable"));
        let (_, status, _) = bench.scene.user(caller.user).await.expect("a user");
        assert!(bench.scene.administers(caller.user).await);
        assert_eq!(status, "active");
    })
    .await;
}

fn taking_over(bench: &Bench, person: &Person) -> Consent {
    Consent { allowance: Allowance { takes_over: true, ..Allowance::default() }, ..person.consent(bench) }
}

#[tokio::test]
async fn an_account_that_ended_or_that_somebody_else_is_in_is_left_and_the_login_goes_on() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (ann, _) = bench.person("ann@example.com").await;
        let (bob, _) = bench.person("bob@example.com").await;
        for ends in [true, false] {
            let caller = bench.caller().await;
            let (ticket, ends_at) = bench.identity.upgrade_ticket(&caller).await.expect("a ticket");
            assert_eq!(ends_at.millis_since(bench.clock.now()), 900_000);
            match ends {
                true => bench.scene.disable(caller.user).await,
                false => {
                    bench.scene.let_in(bob.user, caller.organization, "member", bench.clock.now()).await;
                }
            }
            let asked = request(&[("upgrade", ticket.expose())]);
            let asked = bench.identity.authorization(&asked).await.expect("a good request");
            let consent = taking_over(&bench, &at_the_pages(&ann));
            let address = bench.identity.consent(&asked, &consent).await.expect("a code");
            assert_eq!(upgrade_of(&bench, &consented_to(&address)).await.as_deref(), Some("unavailable"));
            assert_eq!(bench.scene.counts().await[6], 0, "no records move");
        }
    })
    .await;
}

#[tokio::test]
async fn eight_tickets_of_an_account_are_good_at_a_time_and_none_once_it_is_gone() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let mut tickets = Vec::new();
        for _ in 0..9 {
            tickets.push(bench.identity.upgrade_ticket(&caller).await.expect("a ticket").0);
            bench.clock.forward_seconds(1);
        }
        let offered = async |ticket: &Secret| {
            let asked = bench.identity.authorization(&request(&[("upgrade", ticket.expose())])).await;
            let ticket = asked.expect("a good request").ticket.expect("a ticket");
            bench.identity.offered_upgrade(ticket).await.expect("an answer")
        };
        assert!(offered(&tickets[0]).await.is_none(), "the oldest made room");
        for ticket in &tickets[1..] {
            let found = offered(ticket).await.expect("an account");
            assert_eq!((found.organization, found.keys), (caller.organization, 0));
        }
        bench.clock.forward_seconds(900);
        assert!(offered(&tickets[8]).await.is_none());
        bench.identity.sweep().await.expect("swept");
        bench.clock.forward_seconds(100 * 86_400);
        assert_eq!(code(bench.identity.upgrade_ticket(&caller).await), ErrorCode::KeyExpired);
    })
    .await;
}

/// Abuse case 52.
#[tokio::test]
async fn of_who_lets_a_device_in_and_who_turns_it_away_at_once_the_first_wins() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let second = bench.other_server().await;
        let cli = Client::command_line();
        for _ in 0..rounds(10) {
            let asked = DeviceRequest {
                client: &cli,
                scope: None,
                resources: &[],
                machine: None,
                lifetime: None,
                upgrade: None,
                address: IpAddr::from([192, 0, 2, 7]),
            };
            let codes = bench.identity.begin_device(&asked).await.expect("codes");
            let page = person.at_the_page(&bench);
            let mut deciding: JoinSet<(bool, Result<(), DeviceRefusal>)> = JoinSet::new();
            for number in 0..4 {
                let (page, user_code) = (page.clone(), codes.user_code.clone());
                let identity: Identity =
                    if number % 2 == 0 { bench.identity.clone() } else { second.clone() };
                deciding.spawn(async move {
                    let lets_in = number < 2;
                    let decided = match lets_in {
                        true => identity
                            .approve_device(&page, &user_code, person.organization, &Allowance::default())
                            .await
                            .map(drop),
                        false => identity.deny_device(&page, &user_code).await,
                    };
                    (lets_in, decided)
                });
            }
            let outcomes = deciding.join_all().await;
            let won: Vec<bool> =
                outcomes.iter().filter(|(_, decided)| decided.is_ok()).map(|(lets_in, _)| *lets_in).collect();
            let [let_in] = won[..] else { panic!("one decides: {outcomes:?}") };
            let lost = outcomes.iter().filter_map(|(_, decided)| decided.as_ref().err());
            let lost: Vec<_> = lost.collect();
            assert_eq!(lost, [&DeviceRefusal::Decided; 3]);
            let answer = bench.identity.poll_device(&cli, &codes.device_code, &[], HOME, false).await;
            assert_eq!(answer.is_ok(), let_in);
            bench.clock.forward_seconds(600);
        }
    })
    .await;
}

/// Abuse case 37.
#[tokio::test]
async fn a_user_who_is_disabled_has_no_session_and_no_page() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let tokens = signed_in(&bench, &person).await;
        let cookie = bench.identity.begin_page("eve@example.com", HOME, None).await.expect("a cookie");
        let right = bench.mailed("eve@example.com");
        let (eve, cookie) = bench.identity.prove_page(&cookie.value, &right).await.expect("signed in");
        let browser = bench.identity.browser(&cookie.value).await.expect("an answer").expect("known");
        assert_eq!(browser.user.map(|(user, _)| user), Some(eve));
        bench.scene.disable(person.user).await;
        bench.scene.disable(eve).await;
        let other = bench.restarted(IdentitySettings::default());
        assert_eq!(other.verify(&tokens.access).await.expect_err("refused"), Unproven::Revoked);
        let refused = refreshed(&other, &tokens.refresh).await;
        assert_eq!(oauth_code(refused), keywright_identity::oauth::OAuthCode::InvalidGrant);
        assert!(bench.identity.browser(&cookie.value).await.expect("an answer").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_mark_is_in_the_principal_at_once_and_a_principal_from_before_is_dead() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let tokens = signed_in(&bench, &person).await;
        let before = bench.verified(&tokens.access).await;
        let (child, _) = bench.identity.mint_child(&before, None).await.expect("a child");
        assert!(!before.essential_traffic_only);
        bench.identity.set_essential_traffic_only(person.user, true).await.expect("marked");
        let second = bench.other_server().await;
        for identity in [&bench.identity, &second] {
            for token in [&tokens.access, &child] {
                assert!(identity.verify(token).await.expect("good").essential_traffic_only);
            }
        }
        let next = refreshed(&bench.identity, &tokens.refresh).await.expect("refreshed");
        assert!(bench.verified(&next.access).await.essential_traffic_only);
        bench.identity.set_essential_traffic_only(person.user, false).await.expect("taken away");
        assert!(!bench.verified(&tokens.access).await.essential_traffic_only);
        let nobody = keywright_protocol::UserId::new();
        assert_eq!(code(bench.identity.set_essential_traffic_only(nobody, true).await), ErrorCode::NotFound);
    })
    .await;
}
