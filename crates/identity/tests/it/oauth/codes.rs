use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywright_identity::Unproven;
use keywright_identity::oauth::{Client, CodeExchange, OAuthCode, OAuthError, Unanswerable};
use keywright_secret::Secret;
use keywright_store::testing::on_both;
use sha2::{Digest, Sha256};
use url::Url;

use crate::bench::{Bench, HOME};
use crate::oauth::scene::{Person, Tokens, another_client, oauth_code, refreshed};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CALLBACK: &str = "http://127.0.0.1:40001/callback";

/// RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) fn request(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = [
        ("client_id", "keywright-cli"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into_iter()
    .filter(|(name, _)| !more.iter().any(|(other, _)| other == name))
    .collect();
    all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    all
}

async fn consented(bench: &Bench, person: &Person, more: &[(&str, &str)]) -> Secret {
    let asked = bench.identity.authorization(&request(more)).await.expect("a good request");
    let address = bench.identity.consent(&asked, &person.consent(bench)).await.expect("a code");
    consented_to(&address)
}

/// The code in an answer.
pub(crate) fn consented_to(address: &str) -> Secret {
    let url = Url::parse(address).expect("a URL");
    let value =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(value("state").as_deref(), Some("s"));
    assert_eq!(value("iss").as_deref(), Some("http://127.0.0.1:5399"));
    Secret::new(value("code").expect("a code"))
}

async fn exchange_with(bench: &Bench, code: &Secret, verifier: &str) -> Result<Tokens, OAuthError> {
    exchange_as(bench, &Client::command_line(), code, verifier, CALLBACK).await
}

/// The command line presents a code.
pub(crate) async fn exchange(bench: &Bench, code: &Secret) -> Result<Tokens, OAuthError> {
    exchange_with(bench, code, VERIFIER).await
}

async fn exchange_as(
    bench: &Bench,
    client: &Client,
    code: &Secret,
    verifier: &str,
    redirect_uri: &str,
) -> Result<Tokens, OAuthError> {
    let verifier = Secret::new(verifier);
    let asked = CodeExchange {
        client,
        code,
        redirect_uri: Some(redirect_uri),
        verifier: Some(&verifier),
        resources: &[],
        marks: false,
        address: HOME,
    };
    bench.identity.exchange_code(&asked).await.map(Tokens::read)
}

#[tokio::test]
async fn a_code_begins_a_session_once_and_its_second_use_ends_it() {
    on_both(|scene| async move {
        assert_eq!(CHALLENGE, URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)));
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let code = consented(&bench, &person, &[]).await;
        let tokens = exchange(&bench, &code).await.expect("tokens");
        let caller = bench.verified(&tokens.access).await;
        let next = refreshed(&bench.identity, &tokens.refresh).await.expect("refreshed");
        assert_eq!(oauth_code(exchange(&bench, &code).await), OAuthCode::InvalidGrant);
        assert!(caller.liveness.is_dead());
        for token in [&tokens.access, &next.access] {
            assert_eq!(bench.refusal(token).await, Unproven::Revoked);
        }
        assert_eq!(oauth_code(refreshed(&bench.identity, &next.refresh).await), OAuthCode::InvalidGrant);
    })
    .await;
}

#[tokio::test]
async fn whatever_does_not_fit_uses_the_code_up() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let stranger = another_client(&bench).await;
        let ours = Client::command_line();
        let long = "a".repeat(129);
        for (client, verifier, redirect_uri) in [
            (&ours, "", CALLBACK),
            (&ours, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx", CALLBACK),
            (&ours, &VERIFIER[..42], CALLBACK),
            (&ours, &long, CALLBACK),
            (&ours, CHALLENGE, CALLBACK),
            (&ours, VERIFIER, "http://127.0.0.1:40002/callback"),
            (&ours, VERIFIER, ""),
            (&stranger, VERIFIER, CALLBACK),
        ] {
            let code = consented(&bench, &person, &[]).await;
            let refused = exchange_as(&bench, client, &code, verifier, redirect_uri).await;
            assert_eq!(oauth_code(refused), OAuthCode::InvalidGrant, "{verifier} {redirect_uri}");
            let late = exchange(&bench, &code).await;
            assert_eq!(oauth_code(late), OAuthCode::InvalidGrant, "the code is dead");
        }
        let code = consented(&bench, &person, &[]).await;
        bench.clock.forward_seconds(60);
        assert_eq!(oauth_code(exchange(&bench, &code).await), OAuthCode::InvalidGrant);
        let code = consented(&bench, &person, &[]).await;
        bench.clock.forward_seconds(59);
        exchange(&bench, &code).await.expect("in time");
        let unknown = exchange(&bench, &Secret::new("unknown")).await;
        assert_eq!(oauth_code(unknown), OAuthCode::InvalidGrant);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_exchanges_at_once_at_most_one_succeeds() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let second = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let person = Person::new(&bench).await;
        let code = consented(&bench, &person, &[]).await;
        let asking: Vec<_> = (0..100)
            .map(|number| {
                let identity = if number % 2 == 0 { bench.identity.clone() } else { second.clone() };
                let code = code.clone();
                tokio::spawn(async move {
                    let (client, verifier) = (Client::command_line(), Secret::new(VERIFIER));
                    let asked = CodeExchange {
                        client: &client,
                        code: &code,
                        redirect_uri: Some(CALLBACK),
                        verifier: Some(&verifier),
                        resources: &[],
                        marks: false,
                        address: HOME,
                    };
                    identity.exchange_code(&asked).await.map(Tokens::read)
                })
            })
            .collect();
        let mut given = Vec::new();
        for answer in asking {
            given.extend(answer.await.expect("it ran").ok());
        }
        assert_eq!(given.len(), 1);
        // The others were second uses.
        assert_eq!(bench.refusal(&given[0].access).await, Unproven::Revoked);
    })
    .await;
}

#[tokio::test]
async fn who_cannot_be_answered_is_not_redirected() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for wrong in [
            &[("client_id", "nobody")][..],
            &[("client_id", "")],
            &[("client_id", "keywright-cli"), ("client_id", "keywright-cli")],
            &[("redirect_uri", "http://127.0.0.1@evil/callback")],
            &[("redirect_uri", "http://evil.example/callback")],
            &[("redirect_uri", "http://127.0.0.1/callback/")],
            &[("redirect_uri", "")],
            &[("redirect_uri", CALLBACK), ("redirect_uri", CALLBACK)],
        ] {
            let refused = bench.identity.authorization(&request(wrong)).await;
            assert!(matches!(refused, Err(Unanswerable::Page(_))), "{wrong:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_application_is_told_what_is_wrong_with_its_request() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let state = "a b\"<>\r\n&é%".repeat(300);
        for (wrong, error) in [
            (&[("response_type", "token")][..], "unsupported_response_type"),
            (&[("response_type", "id_token")], "unsupported_response_type"),
            (&[("response_type", "code token")], "unsupported_response_type"),
            (&[("response_type", "none")], "unsupported_response_type"),
            (&[("response_type", "")], "invalid_request"),
            (&[("code_challenge", "")], "invalid_request"),
            (&[("code_challenge_method", "")], "invalid_request"),
            (&[("code_challenge_method", "plain")], "invalid_request"),
            (&[("code_challenge", "short")], "invalid_request"),
            (&[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")], "invalid_request"),
            (&[("scope", "everything")], "invalid_scope"),
            (&[("scope", "openid"), ("scope", "openid")], "invalid_request"),
            (&[("resource", "/relative")], "invalid_target"),
            (&[("resource", "https://mcp.example")], "invalid_target"),
            (&[("resource", "http://127.0.0.1:5399/#x")], "invalid_target"),
            (&[("nonce", "a\0b")], "invalid_request"),
            (&[("request", "x.y.z")], "invalid_request"),
            (&[("response_mode", "fragment")], "invalid_request"),
        ] {
            let more = [wrong, &[("state", state.as_str())]].concat();
            let refused = bench.identity.authorization(&request(&more)).await.expect_err("refused");
            let Unanswerable::Redirect(address) = refused else { panic!("{wrong:?}") };
            assert!(address.starts_with(CALLBACK) && address.bytes().all(|byte| byte.is_ascii_graphic()));
            let url = Url::parse(&address).expect("a URL");
            let value = |name: &str| {
                url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
            };
            assert_eq!(value("error").as_deref(), Some(error), "{wrong:?}");
            assert_eq!(value("state").as_deref(), Some(state.as_str()));
            assert_eq!(value("iss").as_deref(), Some("http://127.0.0.1:5399"));
            assert_eq!(value("code"), None);
        }
    })
    .await;
}

#[tokio::test]
async fn an_id_token_is_signed_by_a_listed_key_and_says_who_when_and_for_whom() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let person = Person::new(&bench).await;
        let code = consented(&bench, &person, &[("scope", "openid models:use"), ("nonce", "n-1")]).await;
        let tokens = exchange(&bench, &code).await.expect("tokens");
        let body = tokens.json();
        let text = body["id_token"].as_str().expect("an ID token");
        let header = jsonwebtoken::decode_header(text).expect("a header");
        let keys = bench.identity.signing_key_set().await.expect("keys");
        let [key] = keys["keys"].as_array().expect("a list").as_slice() else { panic!("{keys}") };
        assert_eq!((key["kid"].as_str(), key.get("d")), (header.kid.as_deref(), None));
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone()).expect("a key");
        let decoding = jsonwebtoken::DecodingKey::from_jwk(&jwk).expect("a key");
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
        rules.set_audience(&["keywright-cli"]);
        rules.set_issuer(&["http://127.0.0.1:5399"]);
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<serde_json::Value>(text, &decoding, &rules).expect("good").claims;
        assert_eq!(
            (claims["nonce"].as_str(), claims["sub"].as_str()),
            (Some("n-1"), Some(person.user.to_string().as_str()))
        );
        assert_eq!(claims["exp"].as_i64().expect("a time") - claims["iat"].as_i64().expect("a time"), 3_600);
        let info = bench.identity.userinfo(&*bench.verified(&tokens.access).await).await.expect("known");
        assert_eq!(info.sub, person.user);
        // A month later another key signs, and the first is still listed for a day.
        bench.clock.forward_seconds(30 * 86_400);
        let later = bench.identity.signing_key_set().await.expect("keys");
        assert_eq!(later["keys"].as_array().expect("a list").len(), 2);
        assert_eq!(later["keys"][1]["kid"], key["kid"]);
        bench.clock.forward_seconds(86_400);
        assert_eq!(
            bench.identity.signing_key_set().await.expect("keys")["keys"].as_array().expect("a list").len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn eight_resources_of_2000_bytes_may_be_asked_for_and_no_more() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let good = |resources: Vec<String>| {
            let identity = bench.identity.clone();
            async move {
                let asked: Vec<_> = resources.iter().map(|text| ("resource", text.as_str())).collect();
                identity.authorization(&request(&asked)).await
            }
        };
        let named = |length: usize| {
            let home = "http://127.0.0.1:5399/";
            format!("{home}{}", "x".repeat(length - home.len()))
        };
        good(vec![named(250); 8]).await.expect("a good request");
        for wrong in [vec![named(30); 9], vec![named(2_001)], vec![named(251); 8]] {
            let Err(Unanswerable::Redirect(address)) = good(wrong).await else {
                panic!("it was not refused")
            };
            assert!(address.contains("error=invalid_target"), "{address}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_a_person_twenty_codes_wait_and_the_oldest_makes_room() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (person, other) = (Person::new(&bench).await, Person::new(&bench).await);
        let used = consented(&bench, &person, &[]).await;
        exchange(&bench, &used).await.expect("tokens");
        let others = consented(&bench, &other, &[]).await;
        let mut codes = Vec::new();
        for _ in 0..21 {
            codes.push(consented(&bench, &person, &[]).await);
            bench.clock.forward_seconds(1);
        }
        assert_eq!(oauth_code(exchange(&bench, &codes[0]).await), OAuthCode::InvalidGrant);
        for code in [&codes[1], &codes[20], &others] {
            exchange(&bench, code).await.expect("tokens");
        }
    })
    .await;
}
