//! An organization with people of every role in it.

use std::sync::Arc;

use keywright_identity::Identity;
use keywright_protocol::wire::{AcceptInvitation, CreateOrganization, Invitation, InviteMember};
use keywright_protocol::{OrganizationId, Principal, Role, UserId};
use keywright_secret::PlatformToken;
use serde_json::json;

use crate::bench::Bench;

/// Somebody with a key in an organization.
pub(crate) struct Person {
    pub(crate) token: PlatformToken,
    pub(crate) principal: Arc<Principal>,
}

impl Person {
    pub(crate) fn user(&self) -> UserId {
        self.principal.user
    }
}

/// An organization, and who is in it.
pub(crate) struct Town {
    pub(crate) bench: Bench,
    pub(crate) organization: OrganizationId,
    pub(crate) owner: Person,
}

impl Town {
    pub(crate) async fn new(bench: Bench) -> Self {
        let (token, signed_in) = bench.signed_up("owner@example.com").await;
        let principal = bench.verified(&token).await;
        Self { organization: signed_in.organization_id, owner: Person { token, principal }, bench }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.bench.identity
    }

    /// Somebody who signs up, is invited by the owner and comes.
    pub(crate) async fn with(&self, email: &str, role: Role) -> Person {
        let (home, _) = self.bench.person(email).await;
        let invited = self.invite(email, role).await;
        self.come(&home, &invited).await
    }

    pub(crate) async fn invite(&self, email: &str, role: Role) -> Invitation {
        let inviting =
            self.identity().invite(&self.owner.principal, self.organization, invitation(email, role));
        inviting.await.expect("an invitation")
    }

    pub(crate) async fn come(&self, home: &Principal, invited: &Invitation) -> Person {
        let accepting =
            self.identity().accept_invitation(home, invited.invitation_id, AcceptInvitation::default());
        let (token, _) = accepting.await.expect("accepted");
        Person { principal: self.bench.verified(&token).await, token }
    }

    /// Who is what, the first to come first.
    pub(crate) async fn roles(&self) -> Vec<(UserId, Role)> {
        let members = self.identity().members(&self.owner.principal, self.organization).await;
        members
            .expect("the members")
            .members
            .into_iter()
            .map(|member| (member.user_id, member.role))
            .collect()
    }
}

pub(crate) fn invitation(email: &str, role: Role) -> InviteMember {
    InviteMember { email: Some(json!(email)), role: Some(role) }
}

pub(crate) fn organization(name: &str) -> CreateOrganization {
    CreateOrganization { name: name.to_owned(), ..CreateOrganization::default() }
}
