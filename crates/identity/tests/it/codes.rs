//! Codes that come back: which one is meant, how often it may be tried, how long it is good.

use keywright_identity::{CodePurpose, IdentitySettings};
use keywright_protocol::wire::{CompleteSignup, RequestCode};
use keywright_protocol::{Clock, CodeRequestId, ErrorCode, Timestamp};
use keywright_store::testing::on_both;
use serde_json::json;

use crate::bench::{Bench, HOME, code};
use crate::mailing::{Login, Signup, ask, asked, log_in, login, refused, sign_up, signup, wrong};

const ANN: &str = "ann@example.com";

fn of_request(request: CodeRequestId, email: &str, code: &str) -> CompleteSignup {
    CompleteSignup { request_id: Some(request.to_string()), ..signup(email, code) }
}

#[tokio::test]
async fn a_wrong_code_says_how_many_tries_are_left_and_the_fifth_voids_it() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (request, right) = bench.code(Signup, ANN).await;
        let guess = async || refused(sign_up(&bench.identity, of_request(request, ANN, wrong(&right))).await);
        for left in [4, 3, 2, 1] {
            let refusal = guess().await;
            assert_eq!(refusal.code, ErrorCode::OtpInvalid);
            assert_eq!(refusal.details["attemptsRemaining"], left);
        }
        let stored = bench.scene.mail_codes().await;
        assert!(stored[0].hash.is_some() && stored[0].failures == 4);
        assert_eq!(guess().await.code, ErrorCode::OtpLockedOut);
        let stored = bench.scene.mail_codes().await;
        assert_eq!((stored[0].hash.clone(), stored[0].state.as_str()), (None, "locked"));
        let restarted = bench.restarted(IdentitySettings::default());
        for identity in [&bench.identity, &restarted] {
            for asked in [signup(ANN, &right), of_request(request, ANN, &right)] {
                assert_eq!(code(sign_up(identity, asked).await), ErrorCode::OtpLockedOut);
            }
        }
        bench.clock.forward_seconds(30);
        let (_, right) = bench.code(Signup, ANN).await;
        for _ in 0..4 {
            assert_eq!(code(sign_up(&restarted, signup(ANN, wrong(&right))).await), ErrorCode::OtpInvalid);
        }
        sign_up(&restarted, signup(ANN, &right)).await.expect("the right one as the fifth");
    })
    .await;
}

#[tokio::test]
async fn guesses_without_the_request_take_no_try_from_whoever_names_it() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (request, right) = bench.code(Signup, ANN).await;
        for left in [4, 3, 2, 1] {
            let refusal = refused(sign_up(&bench.identity, signup(ANN, wrong(&right))).await);
            assert_eq!(refusal.code, ErrorCode::OtpInvalid);
            assert_eq!(refusal.details["attemptsRemaining"], left);
        }
        for guess in [wrong(&right), wrong(&right), &right] {
            assert_eq!(code(sign_up(&bench.identity, signup(ANN, guess)).await), ErrorCode::OtpLockedOut);
        }
        let stored = bench.scene.mail_codes().await;
        assert_eq!(
            (stored[0].state.as_str(), stored[0].unnamed_failures, stored[0].failures),
            ("open", 5, 0)
        );
        let restarted = bench.restarted(IdentitySettings::default());
        for left in [4, 3, 2, 1] {
            let refusal = refused(sign_up(&restarted, of_request(request, ANN, wrong(&right))).await);
            assert_eq!(refusal.code, ErrorCode::OtpInvalid);
            assert_eq!(refusal.details["attemptsRemaining"], left);
        }
        assert_eq!(code(sign_up(&restarted, signup(ANN, &right)).await), ErrorCode::OtpLockedOut);
        sign_up(&restarted, of_request(request, ANN, &right)).await.expect("an account");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_parallel_guesses_on_two_servers_five_are_looked_at() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let servers = [bench.identity.clone(), bench.other_server().await];
        let (request, right) = bench.code(Signup, ANN).await;
        for request_id in [None, Some(request.to_string())] {
            let guesses = (0..).map(|guess| format!("{guess:06}")).filter(|guess| *guess != right);
            let guessing: Vec<_> = guesses
                .take(100)
                .enumerate()
                .map(|(number, guess)| {
                    let identity = servers[number % 2].clone();
                    let asked = CompleteSignup { request_id: request_id.clone(), ..signup(ANN, &guess) };
                    tokio::spawn(async move { sign_up(&identity, asked).await.map(drop) })
                })
                .collect();
            let mut left = Vec::new();
            let mut locked = 0;
            for guess in guessing {
                let refusal = guess.await.expect("it ran").expect_err("wrong");
                match refusal.code {
                    ErrorCode::OtpInvalid => {
                        left.push(refusal.details["attemptsRemaining"].as_i64().expect("a number"))
                    }
                    ErrorCode::OtpLockedOut => locked += 1,
                    other => panic!("{other:?}"),
                }
            }
            left.sort_unstable();
            assert_eq!((left, locked), (vec![1, 2, 3, 4], 96));
            assert_eq!(code(sign_up(&bench.identity, signup(ANN, &right)).await), ErrorCode::OtpLockedOut);
        }
        let stored = bench.scene.mail_codes().await;
        assert_eq!((stored[0].unnamed_failures, stored[0].failures), (5, 5));
        let named = sign_up(&bench.identity, of_request(request, ANN, &right)).await;
        assert_eq!(code(named), ErrorCode::OtpLockedOut);
    })
    .await;
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, late) = bench.code(Signup, ANN).await;
        bench.clock.forward_seconds(600);
        assert_eq!(code(sign_up(&bench.identity, signup(ANN, &late)).await), ErrorCode::OtpExpired);
        let (_, in_time) = bench.code(Signup, ANN).await;
        bench.clock.forward_seconds(599);
        sign_up(&bench.identity, signup(ANN, &in_time)).await.expect("just in time");
    })
    .await;
}

#[tokio::test]
async fn a_code_for_something_else_is_refused_and_counts_as_a_try() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (token, _) = bench.signed_up(ANN).await;
        let (_, right) = bench.code(Login, ANN).await;
        for left in [4, 3] {
            let refusal = refused(sign_up(&bench.identity, signup(ANN, &right)).await);
            assert_eq!(refusal.code, ErrorCode::OtpPurposeMismatch);
            assert_eq!(refusal.details["attemptsRemaining"], left);
        }
        let refusal = refused(sign_up(&bench.identity, signup(ANN, wrong(&right))).await);
        assert_eq!(refusal.code, ErrorCode::OtpPurposeMismatch, "whether it is right is not told");
        log_in(&bench.identity, login(ANN, &right)).await.expect("a key");
        bench.verified(&token).await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_code_is_no_try_and_what_people_type_is_understood() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, right) = bench.code(Signup, ANN).await;
        for text in ["", "12345", "1234567", "abcdef", "12345a", "0x1234", "BCDFGHJA", "１２３４５６"] {
            let refusal = refused(sign_up(&bench.identity, signup(ANN, text)).await);
            assert_eq!((refusal.code, refusal.details.len()), (ErrorCode::OtpInvalid, 0), "{text}");
        }
        let refused = sign_up(&bench.identity, signup("nobody@example.com", "1")).await;
        assert_eq!(code(refused), ErrorCode::OtpInvalid, "nothing is looked up");
        assert_eq!(bench.scene.mail_codes().await[0].unnamed_failures, 0);
        let typed = format!(" {}-{} \n", &right[..3], &right[3..]);
        sign_up(&bench.identity, signup(ANN, &typed)).await.expect("an account");
    })
    .await;
}

#[tokio::test]
async fn a_code_is_good_once_and_without_one_there_is_none() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        assert_eq!(code(sign_up(&bench.identity, signup(ANN, "123456")).await), ErrorCode::OtpNotFound);
        let (_, right) = bench.code(Signup, ANN).await;
        let other = sign_up(&bench.identity, signup("bob@example.com", &right)).await;
        assert_eq!(code(other), ErrorCode::OtpNotFound, "it is of one mailbox");
        sign_up(&bench.identity, signup(ANN, &right)).await.expect("an account");
        assert_eq!(code(sign_up(&bench.identity, signup(ANN, &right)).await), ErrorCode::OtpAlreadyUsed);
    })
    .await;
}

#[tokio::test]
async fn a_code_that_nobody_was_mailed_is_refused_without_making_others_wait() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (request, right) = bench.code(Signup, ANN).await;
        let turns = bench.scene.mail_turns().await;
        for asked in [
            signup("bob@example.com", &right),
            of_request(request, "bob@example.com", &right),
            of_request(CodeRequestId::new(), ANN, &right),
        ] {
            assert_eq!(code(sign_up(&bench.identity, asked).await), ErrorCode::OtpNotFound);
        }
        assert_eq!(bench.scene.mail_turns().await, turns);
        sign_up(&bench.identity, of_request(request, ANN, &right)).await.expect("an account");
        assert_eq!(bench.scene.mail_turns().await, turns + 1);
    })
    .await;
}

#[tokio::test]
async fn where_accounts_are_hidden_a_used_code_tells_only_who_names_its_request() {
    on_both(|scene| async move {
        let hidden = IdentitySettings { hide_accounts: true, ..IdentitySettings::default() };
        let bench = Bench::with(scene, hidden);
        let (request, right) = bench.code(Signup, ANN).await;
        sign_up(&bench.identity, signup(ANN, &right)).await.expect("an account");
        for email in [ANN, "nobody@example.com"] {
            let told = [
                code(sign_up(&bench.identity, signup(email, &right)).await),
                code(log_in(&bench.identity, login(email, "123456")).await),
            ];
            assert_eq!(told, [ErrorCode::OtpNotFound; 2], "{email}");
        }
        let named = sign_up(&bench.identity, of_request(request, ANN, &right)).await;
        assert_eq!(code(named), ErrorCode::OtpAlreadyUsed);
    })
    .await;
}

#[tokio::test]
async fn a_code_that_is_sent_again_voids_the_one_before_for_who_names_no_request() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, first) = bench.code(Signup, ANN).await;
        bench.clock.forward_seconds(30);
        let (_, second) = bench.code(Signup, ANN).await;
        if first != second {
            assert_eq!(code(sign_up(&bench.identity, signup(ANN, &first)).await), ErrorCode::OtpInvalid);
        }
        sign_up(&bench.identity, signup(ANN, &second)).await.expect("an account");
        assert_eq!(code(sign_up(&bench.identity, signup(ANN, &first)).await), ErrorCode::OtpAlreadyUsed);
    })
    .await;
}

#[tokio::test]
async fn requests_that_are_named_live_side_by_side_and_count_their_tries_apart() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (mine, right) = bench.code(Signup, ANN).await;
        bench.clock.forward_seconds(30);
        // A stranger asks for the same mailbox and guesses.
        let (theirs, _) = bench.code(Signup, ANN).await;
        let with = |request: &str, code: &str| {
            let mut asked = signup(ANN, code);
            asked.request_id = Some(request.to_owned());
            asked
        };
        let theirs = theirs.to_string();
        for _ in 0..4 {
            let refused = sign_up(&bench.identity, with(&theirs, wrong(&bench.mailed(ANN)))).await;
            assert_eq!(code(refused), ErrorCode::OtpInvalid);
        }
        let refused = sign_up(&bench.identity, with(&theirs, wrong(&bench.mailed(ANN)))).await;
        assert_eq!(code(refused), ErrorCode::OtpLockedOut);
        for unknown in ["otp_0190a1b2c3d47e8f9a0b1c2d3e4f5061", "nonsense", ""] {
            assert_eq!(code(sign_up(&bench.identity, with(unknown, &right)).await), ErrorCode::OtpNotFound);
        }
        let mut another = with(&mine.to_string(), &right);
        another.email = Some(json!("bob@example.com"));
        assert_eq!(code(sign_up(&bench.identity, another).await), ErrorCode::OtpNotFound);
        sign_up(&bench.identity, with(&mine.to_string(), &right)).await.expect("an account");
    })
    .await;
}

#[tokio::test]
async fn the_fourth_code_voids_the_oldest_and_one_that_is_named_goes_at_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let mut requests = Vec::new();
        for _ in 0..4 {
            requests.push(bench.code(Signup, ANN).await);
            bench.clock.forward_seconds(30);
        }
        let states = async || -> Vec<String> {
            bench.scene.mail_codes().await.into_iter().map(|code| code.state).collect()
        };
        assert_eq!(states().await, ["replaced", "open", "open", "open"]);
        let named = RequestCode { request_id: Some(requests[3].0.to_string()), ..asked(ANN) };
        bench.identity.request_code(Signup, HOME, named, None).await.expect("a code");
        assert_eq!(states().await, ["replaced", "open", "open", "replaced", "open"]);
        // Nobody voids the code of another mailbox.
        let foreign = RequestCode { request_id: Some(requests[2].0.to_string()), ..asked("bob@example.com") };
        bench.identity.request_code(Signup, HOME, foreign, None).await.expect("a code");
        assert_eq!(states().await, ["replaced", "open", "open", "replaced", "open", "open"]);
        let with = |(request, code): &(keywright_protocol::CodeRequestId, String)| {
            let mut asked = signup(ANN, code);
            asked.request_id = Some(request.to_string());
            asked
        };
        for void in [0, 3] {
            let refused = sign_up(&bench.identity, with(&requests[void])).await;
            assert_eq!(code(refused), ErrorCode::OtpNotFound);
        }
        sign_up(&bench.identity, with(&requests[1])).await.expect("an account");
    })
    .await;
}

#[tokio::test]
async fn too_many_wrong_codes_of_a_mailbox_in_a_day_end_all_guessing_there() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let now = bench.clock.now();
        bench.scene.note_wrong_codes(ANN, now.plus_seconds(-3_600), 99).await;
        let (_, right) = bench.code(Signup, ANN).await;
        assert!(right.len() == 8 && right.bytes().all(|byte| b"BCDFGHJKLMNPQRSTVWXZ".contains(&byte)));
        let typed = format!("{}-{}", &right[..4].to_lowercase(), &right[4..]);
        assert_eq!(code(sign_up(&bench.identity, signup(ANN, "123456")).await), ErrorCode::OtpInvalid);
        let refusal = refused(sign_up(&bench.identity, signup(ANN, &typed)).await);
        assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::EmailRateLimited, Some(82_800)));
        bench.clock.forward_seconds(30);
        let refusal = refused(ask(&bench.identity, Signup, ANN).await);
        assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::EmailRateLimited, Some(82_770)));
        ask(&bench.identity, Signup, "bob@example.com").await.expect("another mailbox");
        bench.clock.forward_seconds(82_770);
        let (_, right) = bench.code(Signup, ANN).await;
        assert_eq!(right.len(), 6, "the day is over");
    })
    .await;
}

#[tokio::test]
async fn too_many_wrong_codes_at_accounts_in_a_day_leave_the_server_open_for_long_codes() {
    on_both(|scene| async move {
        let hidden = IdentitySettings { hide_accounts: true, ..IdentitySettings::default() };
        let bench = Bench::with(scene, hidden);
        bench.signed_up(ANN).await;
        let (_, short) = bench.code(Login, ANN).await;
        assert_eq!(short.len(), 6);
        bench.scene.note_wrong_logins(bench.clock.now().plus_seconds(-3_600), 1_998).await;
        // What opens no account is not counted: anybody could guess at mailboxes of their own.
        for (purpose, email) in [(Signup, "bob@example.com"), (Login, "carl@example.com")] {
            assert_eq!(bench.code(purpose, email).await.1.len(), 8);
            let refusal = match purpose {
                Signup => code(sign_up(&bench.identity, signup(email, "123456")).await),
                _ => code(log_in(&bench.identity, login(email, "123456")).await),
            };
            assert_eq!(refusal, ErrorCode::OtpInvalid);
        }
        for _ in 0..2 {
            let refused = log_in(&bench.identity, login(ANN, wrong(&short))).await;
            assert_eq!(code(refused), ErrorCode::OtpInvalid);
        }
        for _ in 0..9 {
            let refusal = refused(log_in(&bench.identity, login(ANN, &short)).await);
            assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::OtpLockedOut, None));
            assert!(refusal.next_action().contains("eight letters"), "{}", refusal.next_action());
        }
        bench.clock.forward_seconds(30);
        let (_, long) = bench.code(Login, ANN).await;
        log_in(&bench.identity, login(ANN, &long)).await.expect("a key");
        let long = bench.mailed("bob@example.com");
        sign_up(&bench.identity, signup("bob@example.com", &long)).await.expect("an account");
    })
    .await;
}

#[tokio::test]
async fn up_to_half_of_the_days_wrong_codes_codes_are_short() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let now = bench.clock.now();
        bench.scene.note_wrong_codes(ANN, now, 50).await;
        assert_eq!(bench.code(Signup, ANN).await.1.len(), 6);
        bench.clock.forward_seconds(30);
        bench.scene.note_wrong_codes(ANN, now.plus_seconds(1), 1).await;
        assert_eq!(bench.code(Signup, ANN).await.1.len(), 8);
        assert_eq!(bench.code(Signup, "bob@example.com").await.1.len(), 6);
    })
    .await;
}

/// Case 20. By the clock on the wall the code is young again; ten minutes went by all the same.
#[tokio::test]
async fn a_clock_that_is_set_back_prolongs_no_code() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let begun = bench.clock.now();
        for set_back in [60, 599, 3_600] {
            let email = format!("a{set_back}@example.com");
            let (_, right) = bench.code(Signup, &email).await;
            bench.clock.forward_seconds(600);
            bench.clock.set(begun.plus_seconds(600 - set_back));
            let refused = sign_up(&bench.identity, signup(&email, &right)).await;
            assert_eq!(code(refused), ErrorCode::OtpExpired, "{set_back}");
            bench.clock.set(begun);
        }
        // Another process does not know how old it is, but sees that it is of the future.
        let other = bench.restarted(IdentitySettings::default());
        let (_, right) = bench.code(Signup, ANN).await;
        bench.clock.set(begun.plus_seconds(-60));
        assert_eq!(code(sign_up(&other, signup(ANN, &right)).await), ErrorCode::OtpExpired);
        // And nobody waits for the clock to come back to where it was.
        bench.clock.set(begun.plus_seconds(-3_600));
        let (_, right) = bench.code(Signup, ANN).await;
        sign_up(&other, signup(ANN, &right)).await.expect("an account");
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_set_forward_ends_codes() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, right) = bench.code(Signup, ANN).await;
        bench.clock.set(Timestamp(i64::MAX / 2));
        assert_eq!(code(sign_up(&bench.identity, signup(ANN, &right)).await), ErrorCode::OtpExpired);
    })
    .await;
}

#[tokio::test]
async fn what_was_mailed_and_tried_is_forgotten_after_a_day() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, right) = bench.code(Signup, ANN).await;
        assert!(sign_up(&bench.identity, signup(ANN, wrong(&right))).await.is_err());
        let rows = async || {
            let [_, _, _, requests, failures, ..] = bench.scene.counts().await;
            (bench.scene.mail_codes().await.len(), requests, failures)
        };
        for (seconds, left) in [(3_599, (1, 1, 1)), (1, (1, 0, 1)), (82_799, (1, 0, 1)), (1, (0, 0, 0))] {
            bench.clock.forward_seconds(seconds);
            bench.identity.sweep().await.expect("swept");
            assert_eq!(rows().await, left);
        }
    })
    .await;
}

#[test]
fn purposes_are_stored_by_name() {
    assert_eq!([CodePurpose::Signup, CodePurpose::Login].map(CodePurpose::as_str), ["signup", "login"]);
}
