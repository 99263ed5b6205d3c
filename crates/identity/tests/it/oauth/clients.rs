use keywright_identity::oauth::{Authentication, OAuthCode, PresentedClient, Registration};
use keywright_identity::{IdentitySettings, Unproven};
use keywright_secret::Secret;
use keywright_store::testing::on_both;
use serde_json::{Value, json};

use crate::bench::{Bench, HOME};
use crate::oauth::scene::{
    Person, a_site, another_client, native, oauth_code, refreshed, refreshed_as, register, signed_in,
    signed_in_with,
};

fn confidential() -> Value {
    json!({
        "client_name": "Site",
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
    })
}

fn presented(registered: &Value, secret: Option<&str>, way: Authentication) -> PresentedClient {
    PresentedClient {
        id: registered["client_id"].as_str().expect("an id").to_owned(),
        secret: secret.map(|secret| (Secret::new(secret), way)),
    }
}

#[tokio::test]
async fn an_id_that_was_never_given_out_is_unknown_on_both_engines() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for id in ["a\0b", "a b", "ü", &"a".repeat(129), "a"] {
            assert_eq!(bench.identity.oauth_client(id).await.expect("an answer"), None, "{id:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_native_application_gets_no_secret_and_a_site_one_that_is_shown_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let mut asked = native();
        asked["token_endpoint_auth_method"] = "client_secret_basic".into();
        asked["resource"] = "https://unknown.member".into();
        let registered = register(&bench, &asked, None).await.expect("registered");
        assert_eq!(registered["token_endpoint_auth_method"], "none");
        assert_eq!(registered["application_type"], "native");
        assert!(
            registered.get("client_secret").is_none() && registered.get("registration_client_uri").is_none()
        );
        let registered = register(&bench, &confidential(), None).await.expect("registered");
        let secret = registered["client_secret"].as_str().expect("a secret");
        assert_eq!(registered["client_secret_expires_at"], 0);
        let prove = |secret: Option<&str>, way| {
            let presented = presented(&registered, secret, way);
            let identity = bench.identity.clone();
            async move { identity.authenticate_client(&presented).await }
        };
        prove(Some(secret), Authentication::Basic).await.expect("proven");
        for (secret, way) in [
            (None, Authentication::Basic),
            (Some("wrong"), Authentication::Basic),
            (Some(secret), Authentication::Post),
            (Some(""), Authentication::Basic),
        ] {
            assert_eq!(oauth_code(prove(secret, way).await), OAuthCode::InvalidClient);
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_with_its_code() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let many: Vec<String> = (0..1_000).map(|number| format!("https://app.example/{number}")).collect();
        for (asked, code) in [
            (json!({"redirect_uris": ["javascript:alert(1)"]}), OAuthCode::InvalidRedirectUri),
            (json!({"redirect_uris": ["data:text/html,x"]}), OAuthCode::InvalidRedirectUri),
            (json!({"redirect_uris": ["myapp:/cb"]}), OAuthCode::InvalidRedirectUri),
            (json!({"redirect_uris": ["http://app.example/cb"]}), OAuthCode::InvalidRedirectUri),
            (json!({"redirect_uris": ["https://app.example/cb#x"]}), OAuthCode::InvalidRedirectUri),
            (json!({"redirect_uris": ["https://*.example.com/cb"]}), OAuthCode::InvalidRedirectUri),
            (json!({"redirect_uris": []}), OAuthCode::InvalidRedirectUri),
            (json!({}), OAuthCode::InvalidRedirectUri),
            (json!({"redirect_uris": many}), OAuthCode::InvalidRedirectUri),
            (
                json!({"redirect_uris": ["http://localhost/cb"], "application_type": "web"}),
                OAuthCode::InvalidRedirectUri,
            ),
            (json!({"redirect_uris": "https://app.example/cb"}), OAuthCode::InvalidClientMetadata),
            (json!({"redirect_uris": [7]}), OAuthCode::InvalidClientMetadata),
            (
                json!({"redirect_uris": ["https://a.example/"], "grant_types": ["password"]}),
                OAuthCode::InvalidClientMetadata,
            ),
            (
                json!({"redirect_uris": ["https://a.example/"], "grant_types": ["implicit"]}),
                OAuthCode::InvalidClientMetadata,
            ),
            (
                json!({"redirect_uris": ["https://a.example/"], "grant_types": ["refresh_token"]}),
                OAuthCode::InvalidClientMetadata,
            ),
            (
                json!({"redirect_uris": ["https://a.example/"], "response_types": ["token"]}),
                OAuthCode::InvalidClientMetadata,
            ),
            (
                json!({"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "private_key_jwt"}),
                OAuthCode::InvalidClientMetadata,
            ),
            (
                json!({"redirect_uris": ["https://a.example/"], "client_name": "evil\u{202e}txt"}),
                OAuthCode::InvalidClientMetadata,
            ),
            (json!([]), OAuthCode::InvalidClientMetadata),
            (json!("x"), OAuthCode::InvalidClientMetadata),
        ] {
            assert_eq!(oauth_code(register(&bench, &asked, None).await), code, "{asked}");
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_vouches_for_what_registered_itself_and_it_gets_model_calls_at_most() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let client = another_client(&bench).await;
        let asked = Some("models:use api-keys:manage openid");
        let tokens = signed_in_with(&bench, &person, &client, asked, &[]).await;
        assert_eq!(tokens.json()["scope"], "openid models:use");
        let caller = bench.verified(&tokens.access).await;
        assert_eq!(caller.scopes.to_stored(), "models:use");
        let administrator = bench.verified(&bench.lasting().await).await;
        let registered = register(&bench, &native(), Some(&administrator)).await.expect("registered");
        let vouched = presented(&registered, None, Authentication::None);
        let vouched = bench.identity.authenticate_client(&vouched).await.expect("a client");
        let tokens = signed_in_with(&bench, &person, &vouched, asked, &[]).await;
        assert_eq!(tokens.json()["scope"], "openid models:use api-keys:manage");
        bench.verified(&tokens.access).await;
    })
    .await;
}

#[tokio::test]
async fn ten_register_from_one_address_within_an_hour_and_the_unused_go_after_a_day() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let used = another_client(&bench).await;
        signed_in_with(&bench, &person, &used, None, &[]).await;
        let unused = another_client(&bench).await;
        for _ in 2..10 {
            register(&bench, &native(), None).await.expect("registered");
        }
        bench.clock.forward_seconds(600);
        let full = register(&bench, &native(), None).await.expect_err("too many");
        assert_eq!((full.code, full.retry_in), (OAuthCode::TooManyRequests, Some(3_000)));
        let administrator = bench.verified(&bench.lasting().await).await;
        register(&bench, &native(), Some(&administrator)).await.expect("an administrator is not counted");
        bench.identity.register_client(&native(), None, HOME).await.expect("another address");
        bench.clock.forward_seconds(86_400);
        bench.identity.sweep().await.expect("swept");
        assert!(bench.identity.oauth_client(&used.id).await.expect("asked").is_some());
        assert!(bench.identity.oauth_client(&unused.id).await.expect("asked").is_none());
        register(&bench, &native(), None).await.expect("room again");
    })
    .await;
}

#[tokio::test]
async fn where_only_administrators_or_nobody_registers_others_are_refused() {
    on_both(|scene| async move {
        let settings =
            IdentitySettings { registration: Registration::Administrators, ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        assert_eq!(oauth_code(register(&bench, &native(), None).await), OAuthCode::InvalidToken);
        let stranger = bench.caller().await;
        assert_eq!(oauth_code(register(&bench, &native(), Some(&stranger)).await), OAuthCode::InvalidToken);
        let administrator = bench.verified(&bench.lasting().await).await;
        register(&bench, &native(), Some(&administrator)).await.expect("registered");
        let off = IdentitySettings { registration: Registration::Off, ..IdentitySettings::default() };
        let closed = bench.restarted(off);
        let refused = closed.register_client(&native(), Some(&administrator), HOME).await;
        assert_eq!(oauth_code(refused), OAuthCode::AccessDenied);
    })
    .await;
}

#[tokio::test]
async fn an_application_that_registered_itself_goes_90_days_after_its_last_session_began() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let (left, used) = (another_client(&bench).await, another_client(&bench).await);
        let administrator = bench.verified(&bench.lasting().await).await;
        let vouched = register(&bench, &native(), Some(&administrator)).await.expect("registered");
        let vouched = presented(&vouched, None, Authentication::None);
        let vouched = bench.identity.authenticate_client(&vouched).await.expect("a client");
        for client in [&left, &used, &vouched] {
            signed_in_with(&bench, &person, client, None, &[]).await;
        }
        bench.clock.forward_seconds(60 * 86_400);
        let session = signed_in_with(&bench, &person, &used, None, &[]).await;
        bench.clock.forward_seconds(30 * 86_400);
        bench.identity.sweep().await.expect("swept");
        assert!(
            bench.identity.oauth_client(&left.id).await.expect("asked").is_some(),
            "its session is there"
        );
        bench.clock.forward_seconds(86_400);
        bench.identity.sweep().await.expect("swept");
        assert!(bench.identity.oauth_client(&left.id).await.expect("asked").is_none());
        for client in [&used, &vouched] {
            assert!(bench.identity.oauth_client(&client.id).await.expect("asked").is_some());
        }
        refreshed_as(&bench.identity, &used, &session.refresh, None, &[]).await.expect("the session lives");
    })
    .await;
}

#[tokio::test]
async fn an_application_with_a_secret_learns_what_its_own_tokens_are_worth() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let site = a_site(&bench).await;
        let tokens = signed_in_with(&bench, &person, &site, None, &[]).await;
        let foreign = signed_in(&bench, &person).await;
        let worth = |token: String| {
            let (identity, site) = (bench.identity.clone(), site.clone());
            async move { identity.introspect(&site, &token).await.expect("asked") }
        };
        let known = worth(tokens.access.expose().to_owned()).await.expect("alive");
        let known = serde_json::to_value(&known).expect("JSON");
        assert_eq!((&known["active"], &known["client_id"]), (&true.into(), &site.id.as_str().into()));
        assert_eq!(
            (known["sub"].as_str(), known["aud"].as_str()),
            (Some(person.user.to_string().as_str()), Some("http://127.0.0.1:5399"))
        );
        assert!(worth(tokens.refresh.expose().to_owned()).await.is_some());
        let key = bench.account().await;
        for dead in ["x", foreign.access.expose(), foreign.refresh.expose(), key.expose()] {
            assert_eq!(worth(dead.to_owned()).await, None);
        }
        let next = keywright_identity::oauth::Refresh {
            client: &site,
            token: &tokens.refresh,
            scope: None,
            resources: &[],
            address: HOME,
            marks: false,
        };
        bench.identity.refresh(&next).await.expect("refreshed");
        assert_eq!(worth(tokens.refresh.expose().to_owned()).await, None, "it was exchanged");
        bench.clock.forward_seconds(3_600);
        assert_eq!(worth(tokens.access.expose().to_owned()).await, None, "it is over");
        let public = another_client(&bench).await;
        assert_eq!(oauth_code(bench.identity.introspect(&public, "x").await), OAuthCode::InvalidClient);
    })
    .await;
}

#[tokio::test]
async fn an_application_gives_its_own_tokens_back_and_no_others() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let (ours, other) = (keywright_identity::oauth::Client::command_line(), another_client(&bench).await);
        let tokens = signed_in(&bench, &person).await;
        let caller = bench.verified(&tokens.access).await;
        let (child, _) = bench.identity.mint_child(&caller, None).await.expect("a child");
        let give = |client: keywright_identity::oauth::Client, token: String| {
            let identity = bench.identity.clone();
            async move { identity.give_back(&client, &token).await.expect("never refused") }
        };
        give(other.clone(), tokens.access.expose().to_owned()).await;
        give(other, tokens.refresh.expose().to_owned()).await;
        give(ours.clone(), "nonsense".to_owned()).await;
        give(ours.clone(), bench.account().await.expose().to_owned()).await;
        assert!(!caller.liveness.is_dead());
        give(ours.clone(), child.expose().to_owned()).await;
        assert_eq!(bench.refusal(&child).await, Unproven::Revoked);
        give(ours.clone(), tokens.access.expose().to_owned()).await;
        assert!(caller.liveness.is_dead());
        let next = refreshed(&bench.identity, &tokens.refresh).await.expect("the session lives");
        let (child, _) =
            bench.identity.mint_child(&*bench.verified(&next.access).await, None).await.expect("a child");
        give(ours.clone(), next.refresh.expose().to_owned()).await;
        for token in [&next.access, &child] {
            assert_eq!(bench.refusal(token).await, Unproven::Revoked);
        }
        give(ours.clone(), next.refresh.expose().to_owned()).await;
        // Whoever never heard the answer to a refresh signs out with what it has.
        let tokens = signed_in(&bench, &person).await;
        let lost = refreshed(&bench.identity, &tokens.refresh).await.expect("refreshed");
        bench.clock.forward_seconds(60);
        give(ours, tokens.refresh.expose().to_owned()).await;
        assert_eq!(bench.refusal(&lost.access).await, Unproven::Revoked);
    })
    .await;
}
