use keywright_identity::oauth::{Client, OAuthCode};
use keywright_identity::{IdentitySettings, Unproven};
use keywright_secret::Secret;
use keywright_store::testing::on_both;

use crate::bench::{Bench, rounds};
use crate::oauth::scene::{
    Person, Tokens, a_site, another_client, oauth_code, refreshed, refreshed_as, signed_in, signed_in_with,
};

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_the_old_access_token_lives_on() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let first = signed_in(&bench, &person).await;
        let second = refreshed(&bench.identity, &first.refresh).await.expect("refreshed");
        assert_ne!(first.access.expose(), second.access.expose());
        assert_ne!(first.refresh, second.refresh);
        bench.verified(&first.access).await;
        bench.verified(&second.access).await;
        let body = second.json();
        assert_eq!((&body["token_type"], &body["scope"]), (&"Bearer".into(), &first.json()["scope"]));
    })
    .await;
}

#[tokio::test]
async fn within_ten_seconds_the_same_application_gets_the_same_answer_to_the_byte() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let first = signed_in(&bench, &person).await;
        let second = refreshed(&bench.identity, &first.refresh).await.expect("refreshed");
        bench.clock.forward_seconds(9);
        let again = refreshed(&bench.identity, &first.refresh).await.expect("the same");
        assert_eq!(again.text, second.text);
        // Another server of the same database, and one that was restarted, answer alike.
        let other =
            bench.second_server().await.unwrap_or_else(|| bench.restarted(IdentitySettings::default()));
        assert_eq!(refreshed(&other, &first.refresh).await.expect("the same").text, second.text);
        refreshed(&bench.identity, &second.refresh).await.expect("the family lives");
    })
    .await;
}

#[tokio::test]
async fn within_ten_seconds_another_resource_or_scope_is_not_given_the_same_answer() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let client = Client::command_line();
        let resources = ["mcp", "v1"].map(|path| format!("http://127.0.0.1:5399/{path}"));
        let scope = Some("models:use executions:read openid");
        let first = signed_in_with(&bench, &person, &client, scope, &resources).await;
        let again = async |scope, resources: &[String]| {
            refreshed_as(&bench.identity, &client, &first.refresh, scope, resources).await
        };
        let second = again(Some("models:use openid"), &resources[..1]).await.expect("refreshed");
        let others = [
            (Some("models:use openid"), &resources[1..], OAuthCode::InvalidTarget),
            (Some("models:use"), &resources[..1], OAuthCode::InvalidScope),
            (Some("api-keys:manage"), &resources[..1], OAuthCode::InvalidScope),
            (None, &resources[..1], OAuthCode::InvalidScope),
        ];
        for (scope, resources, code) in others {
            assert_eq!(oauth_code(again(scope, resources).await), code);
        }
        let same = again(Some("models:use openid"), &resources[..1]).await.expect("the same");
        assert_eq!(same.text, second.text);
        let next = refreshed_as(&bench.identity, &client, &second.refresh, None, &resources[1..]).await;
        next.expect("the family lives");
    })
    .await;
}

#[tokio::test]
async fn after_ten_seconds_the_old_token_ends_the_session() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let first = signed_in(&bench, &person).await;
        let other = signed_in(&bench, &person).await;
        let second = refreshed(&bench.identity, &first.refresh).await.expect("refreshed");
        let caller = bench.verified(&second.access).await;
        let (child, _) = bench.identity.mint_child(&caller, None).await.expect("a child");
        bench.clock.forward_seconds(10);
        assert_eq!(oauth_code(refreshed(&bench.identity, &first.refresh).await), OAuthCode::InvalidGrant);
        assert!(caller.liveness.is_dead());
        for token in [&first.access, &second.access, &child] {
            assert_eq!(bench.refusal(token).await, Unproven::Revoked);
        }
        assert_eq!(oauth_code(refreshed(&bench.identity, &second.refresh).await), OAuthCode::InvalidGrant);
        bench.verified(&other.access).await;
        refreshed(&bench.identity, &other.refresh).await.expect("another session lives");
    })
    .await;
}

#[tokio::test]
async fn a_token_two_exchanges_back_gives_nothing_and_the_session_lives() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let first = signed_in(&bench, &person).await;
        let second = refreshed(&bench.identity, &first.refresh).await.expect("refreshed");
        let third = refreshed(&bench.identity, &second.refresh).await.expect("refreshed");
        assert_eq!(oauth_code(refreshed(&bench.identity, &first.refresh).await), OAuthCode::InvalidGrant);
        bench.verified(&third.access).await;
        refreshed(&bench.identity, &third.refresh).await.expect("the family lives");
    })
    .await;
}

#[tokio::test]
async fn another_application_gets_nothing_and_what_was_exchanged_is_taken_for_stolen() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let thief = another_client(&bench).await;
        let first = signed_in(&bench, &person).await;
        let stolen = refreshed_as(&bench.identity, &thief, &first.refresh, None, &[]).await;
        assert_eq!(oauth_code(stolen), OAuthCode::InvalidGrant);
        let second = refreshed(&bench.identity, &first.refresh).await.expect("nothing happened");
        let stolen = refreshed_as(&bench.identity, &thief, &first.refresh, None, &[]).await;
        assert_eq!(oauth_code(stolen), OAuthCode::InvalidGrant);
        assert_eq!(bench.refusal(&second.access).await, Unproven::Revoked);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_refreshes_at_once_on_two_servers_get_one_pair() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let second = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let person = Person::new(&bench).await;
        let mut tokens = signed_in(&bench, &person).await;
        for _ in 0..rounds(10) {
            let asking: Vec<_> = (0..10)
                .map(|number| {
                    let identity = if number % 2 == 0 { bench.identity.clone() } else { second.clone() };
                    let token = tokens.refresh.clone();
                    tokio::spawn(async move { refreshed(&identity, &token).await })
                })
                .collect();
            let mut answers = Vec::new();
            for answer in asking {
                answers.push(answer.await.expect("it ran").expect("refreshed"));
            }
            assert!(answers.iter().all(|answer| answer.text == answers[0].text));
            tokens = answers.swap_remove(0);
            bench.verified(&tokens.access).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_and_never_for_more_again() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let client = Client::command_line();
        let asked = Some("models:use executions:read openid");
        let first = signed_in_with(&bench, &person, &client, asked, &[]).await;
        let narrow = |token: Secret, scope: &'static str| {
            let (identity, client) = (bench.identity.clone(), client.clone());
            async move { refreshed_as(&identity, &client, &token, Some(scope), &[]).await }
        };
        let wider = narrow(first.refresh.clone(), "models:use api-keys:manage").await;
        assert_eq!(oauth_code(wider), OAuthCode::InvalidScope);
        let unknown = narrow(first.refresh.clone(), "everything").await;
        assert_eq!(oauth_code(unknown), OAuthCode::InvalidScope);
        let second = narrow(first.refresh.clone(), "models:use").await.expect("less");
        assert_eq!(second.json()["scope"], "models:use");
        assert_eq!(bench.verified(&second.access).await.scopes.to_stored(), "models:use");
        let grown = narrow(second.refresh.clone(), "models:use executions:read").await;
        assert_eq!(oauth_code(grown), OAuthCode::InvalidScope);
        let third = refreshed(&bench.identity, &second.refresh).await.expect("the same");
        assert_eq!(bench.verified(&third.access).await.scopes.to_stored(), "models:use");
    })
    .await;
}

#[tokio::test]
async fn a_refresh_that_asks_to_know_less_of_the_person_knows_less_from_then_on() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let site = a_site(&bench).await;
        let first = signed_in_with(&bench, &person, &site, Some("openid email models:use"), &[]).await;
        let knows = async |tokens: &Tokens| {
            let principal = bench.verified(&tokens.access).await;
            bench.identity.userinfo(&principal).await.map(|info| info.sub).ok()
        };
        let worth = async |token: &str| {
            let worth = bench.identity.introspect(&site, token).await.expect("asked").expect("good");
            serde_json::to_value(worth).expect("JSON")["scope"].clone()
        };
        let asked = Some("models:use");
        let second = refreshed_as(&bench.identity, &site, &first.refresh, asked, &[]).await.expect("less");
        assert_eq!(knows(&second).await, None);
        assert_eq!(worth(second.access.expose()).await, "models:use");
        assert_eq!(worth(second.refresh.expose()).await, "models:use");
        let grown =
            refreshed_as(&bench.identity, &site, &second.refresh, Some("openid models:use"), &[]).await;
        assert_eq!(oauth_code(grown), OAuthCode::InvalidScope);
        let third = refreshed_as(&bench.identity, &site, &second.refresh, None, &[]).await.expect("the same");
        assert_eq!(knows(&third).await, None);
        assert_eq!(knows(&first).await, Some(person.user), "what was given before stays as it was");
    })
    .await;
}

#[tokio::test]
async fn the_kept_answer_is_wiped_after_ten_seconds() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let first = signed_in(&bench, &person).await;
        refreshed(&bench.identity, &first.refresh).await.expect("refreshed");
        assert_eq!(bench.identity.wipe_refresh_answers().await.expect("asked"), 0);
        bench.clock.forward_seconds(10);
        assert_eq!(bench.identity.wipe_refresh_answers().await.expect("wiped"), 1);
        assert_eq!(bench.identity.wipe_refresh_answers().await.expect("asked"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_session_is_refreshed_sixty_times_an_hour_and_then_waits() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let other = signed_in(&bench, &person).await;
        let mut tokens = signed_in(&bench, &person).await;
        for _ in 0..60 {
            tokens = refreshed(&bench.identity, &tokens.refresh).await.expect("refreshed");
            bench.clock.forward_seconds(1);
        }
        let full = refreshed(&bench.identity, &tokens.refresh).await.expect_err("too often");
        assert_eq!((full.code, full.retry_in), (OAuthCode::TooManyRequests, Some(3_540)));
        bench.verified(&tokens.access).await;
        refreshed(&bench.identity, &other.refresh).await.expect("another session is not counted");
        bench.clock.forward_seconds(3_540);
        refreshed(&bench.identity, &tokens.refresh).await.expect("the session lives");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_refresh_token_gives_nothing() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let tokens = signed_in(&bench, &person).await;
        let cut = &tokens.refresh.expose()[..40];
        for wrong in ["", "x", tokens.access.expose(), cut, "' OR '1'='1"] {
            let answer = refreshed(&bench.identity, &Secret::new(wrong)).await;
            assert_eq!(oauth_code(answer), OAuthCode::InvalidGrant);
        }
        refreshed(&bench.identity, &tokens.refresh).await.expect("nothing happened");
    })
    .await;
}
