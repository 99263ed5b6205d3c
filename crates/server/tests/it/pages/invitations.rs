//! Invitations that wait for the mailbox that signs in.

use keywright_protocol::wire::{Invitations, Members};
use keywright_protocol::{Role, routes};
use keywright_testkit::{Account, Call, Setup, TestServer, on_both};
use serde_json::json;

use crate::mailbox::whoami;
use crate::oauth::scene::text;
use crate::pages::authorize::{ALLOW, link, tokens_for};
use crate::pages::browser::{Browser, assert_page, changed, filled_in, hidden};

async fn invite(server: &TestServer, owner: &Account, email: &str) {
    let path = routes::organization_invitations(owner.organization);
    let asked = json!({"email": email, "role": "member"});
    let made = server.call(Call::post(&path, &asked).token(&owner.token)).await;
    assert_eq!(made.status, 200, "{}", made.text());
}

async fn members(server: &TestServer, owner: &Account) -> usize {
    let list: Members =
        server.data(Call::get(&routes::members(owner.organization)).token(&owner.token)).await;
    list.members.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invited_signs_in_and_comes_in_where_sign_up_is_closed_to_others() {
    on_both(|setup| async move {
        let server =
            setup.set("auth.signup", "domains").set("auth.signup_domains", "corp.example").start().await;
        let owner = server.person("owner@corp.example").await;
        invite(&server, &owner, "guest@example.com").await;
        let mut browser = Browser::signed_in(&server, "guest@example.com").await;
        let link = link(&[]);
        let page = browser.get(&server, &link).await;
        assert!(page.text().contains("you are invited; choosing it accepts"), "{}", page.text());
        assert_eq!(members(&server, &owner).await, 1, "looking accepts nothing");
        let fields = filled_in(&page);
        let into = owner.organization.to_string();
        let fields = changed(&fields, &[("organization", Some(&into)), ALLOW]);
        let tokens = tokens_for(&server, &browser.post(&server, &link, &fields).await).await;
        let who = whoami(&server, text(&tokens, "access_token")).await;
        assert_eq!((who.account.organization_id, who.role), (owner.organization, Some(Role::Member)));
        assert_eq!(members(&server, &owner).await, 2);
        assert!(!browser.get(&server, &link).await.text().contains("you are invited"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invited_may_make_an_organization_instead() {
    let server = TestServer::start().await;
    let owner = server.person("owner@corp.example").await;
    invite(&server, &owner, "guest@example.com").await;
    let mut browser = Browser::signed_in(&server, "guest@example.com").await;
    let link = link(&[]);
    let fields = filled_in(&browser.get(&server, &link).await);
    let fields = changed(&fields, &[("organization", Some("new")), ALLOW]);
    let tokens = tokens_for(&server, &browser.post(&server, &link, &fields).await).await;
    let who = whoami(&server, text(&tokens, "access_token")).await;
    assert_eq!((who.organization_name.as_str(), who.role), ("My Organization", Some(Role::Owner)));
    // Whoever is in one makes no other in this way.
    let fields = filled_in(&browser.get(&server, &link).await);
    let asked =
        browser.post(&server, &link, &changed(&fields, &[("organization", Some("new")), ALLOW])).await;
    assert!(asked.text().contains("Choose an organization."), "{}", asked.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lets_an_application_in_without_choosing_comes_into_no_organization_of_a_stranger() {
    let server = TestServer::start().await;
    let stranger = server.person("mallory@evil.example").await;
    let path = routes::organization(stranger.organization);
    let named = json!({"name": "A new organization of your own"});
    let renamed = server.call(Call::new("PATCH", &path).json(&named).token(&stranger.token)).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    invite(&server, &stranger, "victim@example.com").await;
    let mut browser = Browser::signed_in(&server, "victim@example.com").await;
    let link = link(&[]);
    let page = browser.get(&server, &link).await;
    let told = format!("its id is {}", stranger.organization);
    assert!(page.text().contains(&told), "{}", page.text());
    let fields = filled_in(&page);
    let tokens = tokens_for(&server, &browser.post(&server, &link, &changed(&fields, &[ALLOW])).await).await;
    let who = whoami(&server, text(&tokens, "access_token")).await;
    assert_ne!(who.account.organization_id, stranger.organization);
    assert_eq!(members(&server, &stranger).await, 1);
    // Nor does whoever is in one already.
    let other = server.person("other@evil.example").await;
    invite(&server, &other, "victim@example.com").await;
    let fields = filled_in(&browser.get(&server, &link).await);
    let tokens = tokens_for(&server, &browser.post(&server, &link, &changed(&fields, &[ALLOW])).await).await;
    let again = whoami(&server, text(&tokens, "access_token")).await;
    assert_eq!(again.account, who.account);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_or_declined_on_the_page_of_the_account() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let owner = server.person("owner@corp.example").await;
        let mut browser = Browser::signed_in(&server, "guest@example.com").await;
        let into = owner.organization.to_string();
        for (press, after) in [("decline", 1), ("accept", 2)] {
            invite(&server, &owner, "guest@example.com").await;
            let page = browser.get(&server, "/account").await;
            assert_page(&page, 200);
            assert!(page.text().contains("You are invited into"), "{}", page.text());
            assert!(page.text().contains("You would be a member there."), "{}", page.text());
            let form = hidden(&page, "form");
            // Others have nothing to answer.
            let mut stranger = Browser::signed_in(&server, &format!("{press}@example.com")).await;
            let theirs = hidden(&stranger.get(&server, "/account").await, "form");
            assert_page(&stranger.post(&server, "/account", &[("form", &theirs), (press, &into)]).await, 404);
            let answer = browser.post(&server, "/account", &[("form", &form), (press, &into)]).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some("/account")));
            assert_eq!(members(&server, &owner).await, after);
            let open: Invitations = server
                .data(Call::get(&routes::organization_invitations(owner.organization)).token(&owner.token))
                .await;
            assert!(open.invitations.is_empty());
            assert_page(&browser.post(&server, "/account", &[("form", &form), (press, &into)]).await, 404);
            server.clock.advance_seconds(60);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_invited_does_not_come_in_where_sign_up_is_closed() {
    let server = Setup::new().await.set("auth.signup", "invited").start().await;
    let refused = Browser::default().post(&server, "/login", &[("email", "a@example.com")]).await;
    assert_page(&refused, 403);
}
