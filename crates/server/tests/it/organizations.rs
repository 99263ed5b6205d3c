//! Organizations over HTTP: who may do what in which, and what dies with a membership.

use std::time::Instant;

use keywright_protocol::wire::{
    ApiKey, ApiKeys, ChildToken, DeletedOrganization, EnteredOrganization, Invitation, Invitations, Member,
    Members, Organization, Organizations, ProviderStates, RemovedMember, RequestPage, ServiceAccount,
    UsageReport, WhoAmI,
};
use keywright_protocol::{ErrorCode, InvitationId, OrganizationId, Role, Scope, Scopes, UserId, routes};
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Account, Answer, Call, Delivery, TestServer, on_both};
use serde_json::{Value, json};

use crate::scene::{SECOND, begin, call};

const OWNER: &str = "owner@example.com";

/// Invites a mailbox.
fn invite(by: &Account, email: &str, role: &str) -> Call {
    let path = routes::organization_invitations(by.organization);
    Call::post(&path, &json!({"email": email, "role": role})).token(&by.token)
}

/// Lets somebody who has an account of its own into the organization of `by`.
async fn let_in(server: &TestServer, by: &Account, email: &str, role: &str) -> Account {
    let home = server.person(email).await;
    let invited: Invitation = server.data(invite(by, email, role)).await;
    let path = routes::accept_invitation(invited.invitation_id);
    entered(server, Call::post(&path, &json!({})).token(&home.token)).await
}

/// The account that a new organization, or an accepted invitation, gives.
async fn entered(server: &TestServer, call: Call) -> Account {
    let entered: EnteredOrganization = server.data(call).await;
    let token = entered.api_key.raw.expect("the key itself");
    server.keep_out_of_the_log(&token);
    Account { token, user: entered.api_key.user_id, organization: entered.organization.organization_id }
}

async fn members(server: &TestServer, by: &Account) -> Vec<Member> {
    let path = routes::members(by.organization);
    server.data::<Members>(Call::get(&path).token(&by.token)).await.members
}

fn remove(by: &Account, user: UserId) -> Call {
    Call::new("DELETE", &routes::member(by.organization, user)).token(&by.token)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_invited_by_mail_comes_works_and_leaves() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let owner = server.person(OWNER).await;
        let home = server.person("ada@example.com").await;
        let invited: Invitation = server.data(invite(&owner, "Ada@Example.com", "admin")).await;
        assert_eq!(server.post.mails().last().expect("a mail").to.as_str(), "ada@example.com");
        let mine: Invitations = server.data(Call::get(routes::INVITATIONS).token(&home.token)).await;
        assert_eq!(mine.invitations, std::slice::from_ref(&invited));
        let path = routes::accept_invitation(invited.invitation_id);
        let asked = json!({"apiKey": {"name": "work", "expiresInDays": 30}});
        let ada = entered(&server, Call::post(&path, &asked).token(&home.token)).await;
        assert_eq!((ada.user, ada.organization), (home.user, owner.organization));
        let who: WhoAmI = server.data(Call::get(routes::WHOAMI).token(&ada.token)).await;
        assert_eq!((who.role, who.email.as_deref()), (Some(Role::Admin), Some("ada@example.com")));
        assert_eq!(server.call(call(Kind::Chat, false, &ada.token)).await.status, 200);
        let listed: Organizations = server.data(Call::get(routes::ORGANIZATIONS).token(&ada.token)).await;
        let told: Vec<_> = listed.organizations.iter().map(|it| (it.role, it.current)).collect();
        assert_eq!(told, [(Role::Admin, true), (Role::Owner, false)], "the older one first");
        let emails: Vec<_> = members(&server, &ada).await.into_iter().filter_map(|it| it.email).collect();
        assert_eq!(emails, [OWNER, "ada@example.com"]);
        let left: RemovedMember = server.data(remove(&ada, ada.user)).await;
        assert_eq!((left.user_id, left.revoked_tokens), (ada.user, 1));
        server.call(call(Kind::Chat, false, &ada.token)).await.assert_refused(ErrorCode::KeyRevoked);
        assert_eq!(server.call(call(Kind::Chat, false, &home.token)).await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_made_renamed_and_deleted() {
    let server = TestServer::start().await;
    let owner = server.person(OWNER).await;
    let make = |body: &Value| Call::post(routes::ORGANIZATIONS, body).token(&owner.token);
    let second = entered(&server, make(&json!({"name": "Second", "description": "d"}))).await;
    let path = routes::organization(second.organization);
    let change = |body: Value| Call::new("PATCH", &path).json(&body).token(&second.token);
    let changed: Organization = server.data(change(json!({"name": "Renamed", "description": ""}))).await;
    assert_eq!((changed.name.as_str(), changed.description, changed.current), ("Renamed", None, true));
    for (name, code) in [
        ("x".repeat(101), ErrorCode::CompanyNameTooLong),
        ("a\r\nb".to_owned(), ErrorCode::InvalidName),
        ("\u{202e}b".to_owned(), ErrorCode::InvalidName),
    ] {
        server.call(change(json!({"name": name}))).await.assert_refused(code);
        server.call(make(&json!({"name": name}))).await.assert_refused(code);
    }
    server.call(change(json!({}))).await.assert_refused(ErrorCode::InvalidRequest);
    server.call(change(json!({"nmae": "x"}))).await.assert_refused(ErrorCode::InvalidRequest);
    let brief = json!({"name": "n", "apiKey": {"expiresInDays": 0}});
    server.call(make(&brief)).await.assert_refused(ErrorCode::InvalidExpiresInDays);
    let deleted: DeletedOrganization = server.data(Call::new("DELETE", &path).token(&second.token)).await;
    assert_eq!((deleted.organization_id, deleted.revoked_tokens), (second.organization, 1));
    server.call(Call::get(&path).token(&second.token)).await.assert_refused(ErrorCode::KeyRevoked);
    server.call(Call::get(&path).token(&owner.token)).await.assert_refused(ErrorCode::NotFound);
    for _ in 1..20 {
        entered(&server, make(&json!({"name": "more"}))).await;
    }
    server.call(make(&json!({"name": "more"}))).await.assert_refused(ErrorCode::MaxOrganizationsReached);
}

/// Something to do in an organization, and the least role that may.
struct Deed {
    method: &'static str,
    path: String,
    body: Option<Value>,
    scope: Scope,
    role: Role,
}

impl Deed {
    fn call(&self, token: &str) -> Call {
        let call = Call::new(self.method, &self.path).token(token);
        match &self.body {
            Some(body) => call.json(body),
            None => call,
        }
    }
}

/// Everything there is to do in the organization, the gentlest first. `member` is one who may be removed,
/// `open` an open invitation.
fn deeds(organization: OrganizationId, member: UserId, open: InvitationId) -> Vec<Deed> {
    let deed = |method, path: String, body, scope, role| Deed { method, path, body, scope, role };
    let (read, change) = (Scope::ProjectsRead, Scope::ProjectsCreate);
    let one = routes::member(organization, member);
    let invitations = routes::organization_invitations(organization);
    vec![
        deed("GET", routes::organization(organization), None, read, Role::Member),
        deed("GET", routes::members(organization), None, read, Role::Member),
        deed("GET", invitations.clone(), None, read, Role::Admin),
        deed("PATCH", routes::organization(organization), Some(json!({"name": "n"})), change, Role::Admin),
        deed("POST", invitations, Some(json!({"email": "new@example.com"})), change, Role::Admin),
        deed(
            "POST",
            routes::service_accounts(organization),
            Some(json!({"name": "robot"})),
            change,
            Role::Admin,
        ),
        deed("PATCH", one.clone(), Some(json!({"role": "member"})), change, Role::Admin),
        deed("DELETE", routes::invitation(open), None, change, Role::Admin),
        deed("DELETE", one.clone(), None, change, Role::Admin),
        deed("DELETE", routes::organization(organization), None, change, Role::Owner),
    ]
}

/// Of every route: nobody, a revoked token, a token without the scope, one of another organization whose user
/// may do everything there, each role below the least, then that role itself. Abuse case 68.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_token_scope_organization_and_role_in_this_order() {
    let server = TestServer::start().await;
    let owner = server.person(OWNER).await;
    let admin = let_in(&server, &owner, "admin@example.com", "admin").await;
    let member = let_in(&server, &owner, "member@example.com", "member").await;
    let target = let_in(&server, &owner, "target@example.com", "member").await;
    let open: Invitation = server.data(invite(&owner, "open@example.com", "member")).await;
    let stranger = server.person("stranger@example.com").await;
    let temporary = server.account().await;
    let dead = server.key(&owner.token, json!({"name": "dead"})).await;
    server.revoke(&owner.token, dead.key_id).await;
    let dead = dead.raw.expect("the key itself");
    let child: ChildToken = server.data(Call::post(routes::CHILD, &json!({})).token(&owner.token)).await;
    let mut narrow = Vec::new();
    for (name, by) in [("owners", &owner), ("strangers", &stranger)] {
        for lacking in [Scope::ProjectsRead, Scope::ProjectsCreate] {
            let left: Vec<_> = Scopes::EVERY.iter().filter(|it| *it != lacking).map(Scope::as_str).collect();
            let asked = json!({"name": format!("{name} {lacking}"), "scopes": left});
            narrow.push((lacking, server.key(&by.token, asked).await.raw.expect("the key itself")));
        }
    }
    for deed in deeds(owner.organization, target.user, open.invitation_id) {
        let what = format!("{} {}", deed.method, deed.path);
        let nobody = Call::new(deed.method, &deed.path).json(&deed.body.clone().unwrap_or(json!({})));
        server.call(nobody).await.assert_refused(ErrorCode::KeyMissing);
        server.call(deed.call(&dead)).await.assert_refused(ErrorCode::KeyRevoked);
        // Before anything is said of the organization, and of the stranger's too.
        for (_, token) in narrow.iter().filter(|(lacking, _)| *lacking == deed.scope) {
            let answer = server.call(deed.call(token)).await;
            assert_eq!(answer.code(), Some(ErrorCode::InsufficientScope), "{what}");
            assert_eq!(answer.json()["error"]["details"]["required"], json!([deed.scope.as_str()]), "{what}");
        }
        server.call(deed.call(&temporary.token)).await.assert_refused(ErrorCode::InsufficientScope);
        let of_agent = server.call(deed.call(&child.token)).await;
        let expected = if deed.scope == Scope::ProjectsRead {
            ErrorCode::InsufficientScope
        } else {
            ErrorCode::Forbidden
        };
        assert_eq!(of_agent.code(), Some(expected), "{what}");
        // Where it is nothing at all, the role is not asked: no more is said than of what does not exist.
        let answer = server.call(deed.call(&stranger.token)).await;
        assert_eq!(answer.code(), Some(ErrorCode::NotFound), "{what}: {}", answer.text());
        let ranks = [(Role::Member, &member), (Role::Admin, &admin), (Role::Owner, &owner)];
        for (role, caller) in ranks {
            let answer = server.call(deed.call(&caller.token)).await;
            if role < deed.role {
                answer.assert_refused(ErrorCode::Forbidden);
                let error = &answer.json()["error"];
                assert_eq!(error["details"]["requiredRole"], deed.role.as_str(), "{what} by {role}");
                assert!(error["message"].as_str().expect("a text").contains("owner"), "{what}");
                assert!(error["nextAction"].as_str().expect("a text").contains("keywright orgs"), "{what}");
            } else {
                assert_eq!(answer.status, 200, "{what} by {role}: {}", answer.text());
                break;
            }
        }
    }
    for path in [routes::organization(stranger.organization), routes::ORGANIZATIONS.to_owned()] {
        assert_eq!(server.call(Call::get(&path).token(&stranger.token)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_id_is_the_id_of_nothing() {
    let server = TestServer::start().await;
    let owner = server.person(OWNER).await;
    let id = owner.organization;
    for path in [
        format!("{}/org_0", routes::ORGANIZATIONS),
        format!("{}/{}", routes::ORGANIZATIONS, owner.user),
        format!("{}/%27/members", routes::ORGANIZATIONS),
        routes::members(OrganizationId::new()),
    ] {
        server.call(Call::get(&path).token(&owner.token)).await.assert_refused(ErrorCode::NotFound);
    }
    for user in ["usr_0".to_owned(), id.to_string(), UserId::new().to_string()] {
        let path = format!("{}/{user}", routes::members(id));
        server.call(Call::new("DELETE", &path).token(&owner.token)).await.assert_refused(ErrorCode::NotFound);
    }
    let path = format!("{}/inv_0", routes::INVITATIONS);
    server.call(Call::new("DELETE", &path).token(&owner.token)).await.assert_refused(ErrorCode::NotFound);
    let role = Call::new("PATCH", &routes::member(id, owner.user)).json(&json!({"role": "king"}));
    server.call(role.token(&owner.token)).await.assert_refused(ErrorCode::InvalidRequest);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_and_who_is_a_member_is_not_invited() {
    let server = TestServer::start().await;
    let owner = server.person(OWNER).await;
    server.call(remove(&owner, owner.user)).await.assert_refused(ErrorCode::LastOwner);
    let path = routes::member(owner.organization, owner.user);
    let demote = Call::new("PATCH", &path).json(&json!({"role": "member"})).token(&owner.token);
    server.call(demote).await.assert_refused(ErrorCode::LastOwner);
    let member = let_in(&server, &owner, "member@example.com", "member").await;
    let again = server.call(invite(&owner, "MEMBER@example.com", "admin")).await;
    again.assert_refused(ErrorCode::AlreadyMember);
    let path = routes::member(owner.organization, member.user);
    let raise = Call::new("PATCH", &path).json(&json!({"role": "owner"})).token(&owner.token);
    let raised: Member = server.data(raise).await;
    assert_eq!(raised.role, Role::Owner);
    let left: RemovedMember = server.data(remove(&owner, owner.user)).await;
    assert_eq!(left.user_id, owner.user);
    server.call(remove(&member, member.user)).await.assert_refused(ErrorCode::LastOwner);
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_that_cannot_be_mailed_or_come_too_often_are_refused() {
    let server = TestServer::start().await;
    let owner = server.person(OWNER).await;
    server.post.set(Delivery::Refused);
    server.call(invite(&owner, "ada@example.com", "member")).await.assert_refused(ErrorCode::MailUnavailable);
    let path = routes::organization_invitations(owner.organization);
    let open =
        async || server.data::<Invitations>(Call::get(&path).token(&owner.token)).await.invitations.len();
    assert_eq!(open().await, 0);
    server.post.set(Delivery::Taken);
    let invited: Invitation = server.data(invite(&owner, "ada@example.com", "member")).await;
    let answer = server.call(invite(&owner, "ada@example.com", "member")).await;
    answer.assert_refused(ErrorCode::EmailRateLimited);
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(open().await, 1);
    for (email, code) in [
        (json!("no"), ErrorCode::EmailInvalid),
        (json!(null), ErrorCode::EmailRequired),
        (json!("a@b.example\r\nBcc: c@d.example"), ErrorCode::EmailInvalid),
    ] {
        let asked = Call::post(&path, &json!({"email": email})).token(&owner.token);
        server.call(asked).await.assert_refused(code);
    }
    // Somebody else's invitation is not there, whatever is done with it.
    let stranger = server.person("stranger@example.com").await;
    let accept = Call::post(&routes::accept_invitation(invited.invitation_id), &json!({}));
    server.call(accept.token(&stranger.token)).await.assert_refused(ErrorCode::NotFound);
    let decline = Call::new("DELETE", &routes::invitation(invited.invitation_id));
    server.call(decline.clone().token(&stranger.token)).await.assert_refused(ErrorCode::NotFound);
    let ada = server.person("ada@example.com").await;
    let declined: Invitation = server.data(decline.token(&ada.token)).await;
    assert_eq!(declined, invited);
    assert_eq!(open().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_member_cuts_its_streams_within_a_second_and_nobody_elses() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let owner = server.person(OWNER).await;
        let member = let_in(&server, &owner, "member@example.com", "member").await;
        let child: ChildToken = server.data(Call::post(routes::CHILD, &json!({})).token(&member.token)).await;
        server.keep_out_of_the_log(&child.token);
        server.provider.answer_with(|_| Answer::events().chunk(events(Kind::Messages)[0]).silence());
        let cut = [
            begin(&server, Kind::Messages, &member.token, "\n\n").await,
            begin(&server, Kind::Messages, &child.token, "\n\n").await,
        ];
        let other = begin(&server, Kind::Messages, &owner.token, "\n\n").await;
        let removed = Instant::now();
        let answer: RemovedMember = server.data(remove(&owner, member.user)).await;
        assert_eq!(answer.revoked_tokens, 2);
        for reply in cut {
            let rest = reply.whole().await;
            assert!(rest.broken && rest.text().contains("KEY_REVOKED"), "{}", rest.text());
        }
        assert!(removed.elapsed() < SECOND, "{:?}", removed.elapsed());
        assert!(!server.provider.last().is_closed(), "another member's stream was cut");
        drop(other);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_an_organization_cuts_every_stream_in_it_within_a_second() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let owner = server.person(OWNER).await;
        let member = let_in(&server, &owner, "member@example.com", "member").await;
        server.provider.answer_with(|_| Answer::events().chunk(events(Kind::Chat)[0]).silence());
        let cut = [
            begin(&server, Kind::Chat, &owner.token, "\n\n").await,
            begin(&server, Kind::Chat, &member.token, "\n\n").await,
        ];
        let deleted = Instant::now();
        let path = routes::organization(owner.organization);
        let _: DeletedOrganization = server.data(Call::new("DELETE", &path).token(&owner.token)).await;
        for reply in cut {
            let rest = reply.whole().await;
            assert!(rest.broken && rest.text().contains("KEY_REVOKED"), "{}", rest.text());
        }
        assert!(deleted.elapsed() < SECOND, "{:?}", deleted.elapsed());
        server.call(call(Kind::Chat, false, &member.token)).await.assert_refused(ErrorCode::KeyRevoked);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_its_own_records_and_keys_and_an_admin_all() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let owner = server.person(OWNER).await;
        let admin = let_in(&server, &owner, "admin@example.com", "admin").await;
        let member = let_in(&server, &owner, "member@example.com", "member").await;
        for token in [&owner.token, &member.token] {
            assert_eq!(server.call(call(Kind::Messages, false, token)).await.status, 200);
        }
        let all = server.ended_records(&admin.token, 2).await;
        let own = server.record(&member.token).await;
        assert_eq!(own.user_id, member.user);
        let others = all.iter().find(|record| record.user_id == owner.user).expect("the owner's");
        let view = |token: &str, id| Call::get(&routes::request(id)).token(token);
        assert_eq!(server.call(view(&member.token, own.id)).await.status, 200);
        server.call(view(&member.token, others.id)).await.assert_refused(ErrorCode::NotFound);
        assert_eq!(server.call(view(&admin.token, others.id)).await.status, 200);
        let by_key = format!("{}?keyId={}", routes::REQUESTS, others.key_id);
        let page: RequestPage = server.data(Call::get(&by_key).token(&member.token)).await;
        assert!(page.requests.is_empty());
        for (account, requests) in [(&member, 1), (&admin, 2), (&owner, 2)] {
            let usage: UsageReport = server.data(Call::get(routes::USAGE).token(&account.token)).await;
            assert_eq!(usage.total.requests, requests);
            let keys: ApiKeys = server.data(Call::get(routes::KEYS).token(&account.token)).await;
            assert_eq!(keys.keys.len(), if account.user == member.user { 1 } else { 3 });
        }
        // The last call to a provider is told to whom the record would be.
        let states: ProviderStates = server.data(Call::get(routes::PROVIDERS).token(&member.token)).await;
        let last = states.providers[0].last_call.as_ref().expect("its own call");
        assert_eq!(last.id, own.id);
        let path = routes::key(others.key_id);
        server
            .call(Call::new("DELETE", &path).token(&member.token))
            .await
            .assert_refused(ErrorCode::NotFound);
        let _: Value = server.data(Call::new("DELETE", &path).token(&admin.token)).await;
        server.call(call(Kind::Chat, false, &owner.token)).await.assert_refused(ErrorCode::KeyRevoked);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_calls_models_with_a_key_that_an_admin_makes() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let owner = server.person(OWNER).await;
        let path = routes::service_accounts(owner.organization);
        let asked = json!({"name": "ci", "apiKey": {"name": "first"}});
        let made: ServiceAccount = server.data(Call::post(&path, &asked).token(&owner.token)).await;
        let raw = made.api_key.raw.expect("the key itself");
        server.keep_out_of_the_log(&raw);
        assert_eq!(server.call(call(Kind::Chat, false, &raw)).await.status, 200);
        assert_eq!(server.ended_records(&owner.token, 1).await[0].user_id, made.member.user_id);
        let robot = made.member.user_id;
        let second = server.key(&owner.token, json!({"name": "second", "userId": robot})).await;
        assert_eq!(second.user_id, robot);
        let rotated: Value =
            server.data(Call::post(&routes::rotate(second.key_id), &json!({})).token(&owner.token)).await;
        let successor: ApiKey = serde_json::from_value(rotated["apiKey"].clone()).expect("a key");
        server.keep_out_of_the_log(successor.raw.as_deref().expect("the key itself"));
        assert_eq!(successor.user_id, robot);
        let member = let_in(&server, &owner, "member@example.com", "member").await;
        let foreign = json!({"name": "n", "userId": robot});
        let refused = server.call(Call::post(routes::KEYS, &foreign).token(&member.token)).await;
        refused.assert_refused(ErrorCode::Forbidden);
        let nobody = json!({"name": "n", "userId": UserId::new()});
        let refused = server.call(Call::post(routes::KEYS, &nobody).token(&owner.token)).await;
        refused.assert_refused(ErrorCode::NotFound);
        let _: RemovedMember = server.data(remove(&owner, robot)).await;
        server.call(call(Kind::Chat, false, &raw)).await.assert_refused(ErrorCode::KeyRevoked);
    })
    .await;
}

/// Instances are providers: a token that is for nothing but looking at them is enough to look.
#[tokio::test(flavor = "multi_thread")]
async fn providers_are_shown_to_who_may_call_models_or_see_instances() {
    let server = TestServer::start().await;
    let owner = server.person(OWNER).await;
    let with = async |scope: Scope| {
        let asked = json!({"name": scope.as_str(), "scopes": [scope.as_str()]});
        let key = server.key(&owner.token, asked).await.raw.expect("the key itself");
        server.call(Call::get(routes::PROVIDERS).token(&key)).await
    };
    for scope in [Scope::ModelsUse, Scope::InstancesRead] {
        assert_eq!(with(scope).await.status, 200, "{scope}");
    }
    with(Scope::InstancesManage).await.assert_refused(ErrorCode::InsufficientScope);
}
