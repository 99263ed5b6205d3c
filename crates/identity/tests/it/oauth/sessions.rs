use keywright_identity::oauth::{Client, OAuthCode};
use keywright_identity::{IdentitySettings, Unproven};
use keywright_protocol::{ErrorCode, Scopes, Timestamp};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_store::testing::on_both;

use crate::bench::{Bench, code};
use crate::oauth::scene::{
    Person, another_client, oauth_code, refreshed, refreshed_as, session, signed_in, signed_in_with,
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

#[tokio::test]
async fn a_session_token_is_its_persons_and_no_childs() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let tokens = signed_in(&bench, &person).await;
        assert_eq!(tokens.json()["expires_in"], HOUR);
        let caller = bench.verified(&tokens.access).await;
        assert_eq!((caller.kind, caller.scopes), (TokenKind::Access, Scopes::EVERY));
        assert_eq!((caller.user, caller.organization), (person.user, person.organization));
        assert_eq!(caller.parent, None);
        assert!(!caller.administrator, "who reads a mailbox administers nothing by that");
        let (key, _) = bench.key(&caller, "made by a session").await;
        assert!(bench.verified(&key).await.session.is_none());
        let whole = caller.session.expect("a session");
        assert_eq!(
            whole.expires_at.millis_since(caller.expires_at.expect("an end")),
            90 * DAY * 1_000 - HOUR * 1_000
        );
        let refresh = PlatformToken::parse(tokens.refresh.expose()).expect("a token");
        assert_eq!(bench.refusal(&refresh).await, Unproven::Unknown, "a refresh token opens nothing");
        bench.clock.forward_seconds(HOUR);
        assert_eq!(bench.refusal(&tokens.access).await, Unproven::Expired);
    })
    .await;
}

/// What hung on the access token of the hour would die with it.
#[tokio::test]
async fn an_agents_token_outlives_the_access_token_and_dies_with_the_session() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let tokens = signed_in(&bench, &person).await;
        let caller = bench.verified(&tokens.access).await;
        let (child, _) = bench.identity.mint_child(&caller, None).await.expect("a child");
        let agent = bench.verified(&child).await;
        assert_eq!((agent.parent, agent.session), (Some(session(&caller)), None));
        assert_eq!(agent.scopes, Scopes::GATEWAY);
        assert!(!agent.administrator);
        assert_eq!(code(bench.identity.mint_child(&agent, None).await), ErrorCode::Forbidden);
        bench.clock.forward_seconds(11 * HOUR);
        bench.verified(&child).await;
        // Any token of the same session vouches for it.
        let next = refreshed(&bench.identity, &tokens.refresh).await.expect("refreshed");
        let next = bench.verified(&next.access).await;
        let end = bench.identity.renew_child(&next, child.expose()).await.expect("renewed");
        assert_eq!(end, next.expires_at.expect("an end").plus_seconds(11 * HOUR));
        let held = bench.verified(&child).await;
        bench.identity.end_session(person.user, session(&next)).await.expect("ended");
        assert!(held.liveness.is_dead() && next.liveness.is_dead());
        assert_eq!(bench.refusal(&child).await, Unproven::Revoked);
        assert_eq!(oauth_code(refreshed(&bench.identity, &tokens.refresh).await), OAuthCode::InvalidGrant);
        assert_eq!(code(bench.identity.end_session(person.user, session(&next)).await), ErrorCode::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_sessions_own_tokens_do_not_count_to_its_children_and_are_none() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let tokens = signed_in(&bench, &person).await;
        let caller = bench.verified(&tokens.access).await;
        for _ in 0..200 {
            bench.identity.mint_child(&caller, None).await.expect("room");
        }
        assert_eq!(code(bench.identity.mint_child(&caller, None).await), ErrorCode::MaxChildTokensReached);
        assert_eq!(code(bench.identity.end_child(&caller).await), ErrorCode::Forbidden);
        for own in [tokens.access.expose(), tokens.refresh.expose()] {
            assert_eq!(code(bench.identity.renew_child(&caller, own).await), ErrorCode::NotFound);
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_to_their_user_alone_and_ended_by_nobody_else() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (person, stranger) = (Person::new(&bench).await, Person::new(&bench).await);
        let first = signed_in(&bench, &person).await;
        bench.clock.forward_seconds(60);
        let client = another_client(&bench).await;
        let second = signed_in_with(&bench, &person, &client, None, &[]).await;
        let listed = bench.identity.sessions(person.user).await.expect("a list");
        let names: Vec<_> =
            listed.iter().map(|row| (row.client_name.as_str(), row.machine.as_deref())).collect();
        assert_eq!(names, [("Another", Some("laptop")), ("Keywright command line", Some("laptop"))]);
        assert_eq!((listed[0].scopes, listed[1].scopes), (Scopes::GATEWAY, Scopes::EVERY));
        assert_eq!((listed[0].address.as_str(), listed[0].last_used_at), ("loopback", None));
        assert!(bench.identity.sessions(stranger.user).await.expect("a list").is_empty());
        let theirs = bench.identity.end_session(stranger.user, listed[0].id).await;
        assert_eq!(code(theirs), ErrorCode::NotFound);
        bench.verified(&second.access).await;
        bench.clock.forward_seconds(60);
        refreshed(&bench.identity, &first.refresh).await.expect("refreshed");
        let listed = bench.identity.sessions(person.user).await.expect("a list");
        assert_eq!(listed[1].last_used_at, Some(listed[1].created_at.plus_seconds(120)));
        bench.identity.end_session(person.user, listed[0].id).await.expect("ended");
        assert_eq!(bench.refusal(&second.access).await, Unproven::Revoked);
        bench.verified(&first.access).await;
        assert_eq!(bench.identity.sessions(person.user).await.expect("a list").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_after_ninety_days_however_often_it_is_refreshed() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let mut tokens = signed_in(&bench, &person).await;
        for _ in 0..9 {
            bench.clock.forward_seconds(10 * DAY - 60);
            tokens = refreshed(&bench.identity, &tokens.refresh).await.expect("refreshed");
            bench.verified(&tokens.access).await;
        }
        assert_eq!(tokens.json()["expires_in"], 540, "no token outlives the session");
        bench.clock.forward_seconds(540);
        assert_eq!(bench.refusal(&tokens.access).await, Unproven::Expired);
        assert_eq!(oauth_code(refreshed(&bench.identity, &tokens.refresh).await), OAuthCode::InvalidGrant);
        assert!(bench.identity.sessions(person.user).await.expect("a list").is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_over_is_swept_and_nothing_else() {
    on_both(|scene| async move {
        let settings = IdentitySettings { session_seconds: 2 * DAY, ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        let person = Person::new(&bench).await;
        let ended = signed_in(&bench, &person).await;
        let revoked = signed_in(&bench, &person).await;
        let caller = bench.verified(&revoked.access).await;
        bench.identity.mint_child(&caller, None).await.expect("a child");
        bench.identity.end_session(person.user, session(&caller)).await.expect("ended");
        refreshed(&bench.identity, &ended.refresh).await.expect("refreshed");
        bench.clock.forward_seconds(DAY);
        let living = signed_in(&bench, &person).await;
        bench.identity.sweep().await.expect("swept");
        assert_eq!(bench.refusal(&revoked.access).await, Unproven::Unknown);
        bench.clock.forward_seconds(2 * DAY - 1);
        bench.identity.sweep().await.expect("swept");
        assert_eq!(oauth_code(refreshed(&bench.identity, &ended.refresh).await), OAuthCode::InvalidGrant);
        refreshed(&bench.identity, &living.refresh).await.expect("refreshed");
        bench.clock.forward_seconds(3 * DAY);
        bench.identity.sweep().await.expect("swept");
        let left = bench.scene.store.grants_of(person.user, Timestamp(0)).await.expect("a list");
        assert!(left.is_empty(), "{left:?}");
    })
    .await;
}

#[tokio::test]
async fn a_token_for_another_resource_opens_nothing_here() {
    on_both(|scene| async move {
        let elsewhere = "https://mcp.example/tools".to_owned();
        let settings = IdentitySettings { resources: vec![elsewhere.clone()], ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        let person = Person::new(&bench).await;
        let client = Client::command_line();
        let asked = [elsewhere.clone()];
        let tokens = signed_in_with(&bench, &person, &client, None, &asked).await;
        assert_eq!(bench.refusal(&tokens.access).await, Unproven::Elsewhere);
        assert_eq!(Unproven::Elsewhere.code(), ErrorCode::WrongAudience);
        // A refresh keeps it, and may name it.
        let next = refreshed(&bench.identity, &tokens.refresh).await.expect("refreshed");
        assert_eq!(bench.refusal(&next.access).await, Unproven::Elsewhere);
        let next =
            refreshed_as(&bench.identity, &client, &next.refresh, None, &asked).await.expect("refreshed");
        let home = ["http://127.0.0.1:5399".to_owned()];
        let wider = refreshed_as(&bench.identity, &client, &next.refresh, None, &home).await;
        assert_eq!(oauth_code(wider), OAuthCode::InvalidTarget);
        // Of two, each token is for one.
        let both = [home[0].clone(), elsewhere];
        let tokens = signed_in_with(&bench, &person, &client, None, &both).await;
        bench.verified(&tokens.access).await;
        let next = refreshed_as(&bench.identity, &client, &tokens.refresh, None, &asked).await.expect("one");
        assert_eq!(bench.refusal(&next.access).await, Unproven::Elsewhere);
        let two = refreshed_as(&bench.identity, &client, &next.refresh, None, &both).await;
        assert_eq!(oauth_code(two), OAuthCode::InvalidTarget);
        bench
            .verified(
                &refreshed_as(&bench.identity, &client, &next.refresh, None, &home)
                    .await
                    .expect("one")
                    .access,
            )
            .await;
        for here in ["http://127.0.0.1:5399", "http://127.0.0.1:5399/", "http://127.0.0.1:5399/v1/messages"] {
            let tokens = signed_in_with(&bench, &person, &client, None, &[here.to_owned()]).await;
            bench.verified(&tokens.access).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_member_who_left_has_no_session_there() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let tokens = signed_in(&bench, &person).await;
        bench.verified(&tokens.access).await;
        bench.scene.leave(person.user).await;
        // A second server has nothing in memory.
        let other = bench.restarted(IdentitySettings::default());
        assert_eq!(other.verify(&tokens.access).await.expect_err("refused"), Unproven::Revoked);
        assert_eq!(oauth_code(refreshed(&other, &tokens.refresh).await), OAuthCode::InvalidGrant);
    })
    .await;
}
