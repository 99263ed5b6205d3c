//! Organizations, their members, invitations and service accounts.

use bytes::Bytes;
use http::Method;
use keywright_protocol::wire::{
    self, AcceptInvitation, CreateOrganization, CreateServiceAccount, DeletedOrganization, Invitation,
    Invitations, InviteMember, Member, Members, Organization, Organizations, RemovedMember, UpdateMember,
    UpdateOrganization,
};
use keywright_protocol::{InvitationId, OrganizationId, Role, UserId, routes};

use crate::client::body;
use crate::{Client, ClientError, EnteredOrganization, NewServiceAccount};

impl Client {
    /// The organizations of the caller's user.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn organizations(&self) -> Result<Organizations, ClientError> {
        self.call(Method::GET, routes::ORGANIZATIONS, Bytes::new()).await
    }

    /// Makes an organization, owned by the caller's user, and a key that acts in it.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `MAX_ORGANIZATIONS_REACHED`, `COMPANY_NAME_TOO_LONG` and others.
    pub async fn create_organization(
        &self,
        request: &CreateOrganization,
    ) -> Result<EnteredOrganization, ClientError> {
        let entered = self.call(Method::POST, routes::ORGANIZATIONS, body(request)).await?;
        self.entered(entered)
    }

    /// The organization that the client's token acts in.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NOT_FOUND` for another one.
    pub async fn organization(&self, id: OrganizationId) -> Result<Organization, ClientError> {
        self.call(Method::GET, &routes::organization(id), Bytes::new()).await
    }

    /// Renames or describes an organization.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `FORBIDDEN` to a mere member.
    pub async fn update_organization(
        &self,
        id: OrganizationId,
        request: &UpdateOrganization,
    ) -> Result<Organization, ClientError> {
        self.call(Method::PATCH, &routes::organization(id), body(request)).await
    }

    /// Deletes an organization. All tokens in it, the client's too, are dead when this returns.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `FORBIDDEN` to who does not own it.
    pub async fn delete_organization(&self, id: OrganizationId) -> Result<DeletedOrganization, ClientError> {
        self.call(Method::DELETE, &routes::organization(id), Bytes::new()).await
    }

    /// Who is in an organization.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn members(&self, id: OrganizationId) -> Result<Members, ClientError> {
        self.call(Method::GET, &routes::members(id), Bytes::new()).await
    }

    /// Changes what a member is.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `LAST_OWNER`, `FORBIDDEN` and others.
    pub async fn update_member(
        &self,
        id: OrganizationId,
        user: UserId,
        role: Role,
    ) -> Result<Member, ClientError> {
        self.call(Method::PATCH, &routes::member(id, user), body(&UpdateMember { role })).await
    }

    /// Removes a member, whose tokens there are dead when this returns. Whoever removes itself leaves.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `LAST_OWNER`, `FORBIDDEN` and others.
    pub async fn remove_member(
        &self,
        id: OrganizationId,
        user: UserId,
    ) -> Result<RemovedMember, ClientError> {
        self.call(Method::DELETE, &routes::member(id, user), Bytes::new()).await
    }

    /// Asks a mailbox to come into an organization.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `ALREADY_MEMBER`, `MAX_MEMBERS_REACHED`, `EMAIL_INVALID` and others.
    pub async fn invite(
        &self,
        id: OrganizationId,
        request: &InviteMember,
    ) -> Result<Invitation, ClientError> {
        self.call(Method::POST, &routes::organization_invitations(id), body(request)).await
    }

    /// The open invitations into an organization.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn sent_invitations(&self, id: OrganizationId) -> Result<Invitations, ClientError> {
        self.call(Method::GET, &routes::organization_invitations(id), Bytes::new()).await
    }

    /// The open invitations of the mailbox of the caller's user.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn invitations(&self) -> Result<Invitations, ClientError> {
        self.call(Method::GET, routes::INVITATIONS, Bytes::new()).await
    }

    /// Accepts an invitation, and makes a key that acts in the organization.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NOT_FOUND` for one that is not open or not for this mailbox.
    pub async fn accept_invitation(
        &self,
        id: InvitationId,
        request: &AcceptInvitation,
    ) -> Result<EnteredOrganization, ClientError> {
        let entered = self.call(Method::POST, &routes::accept_invitation(id), body(request)).await?;
        self.entered(entered)
    }

    /// Ends an invitation: its mailbox declines it, or its organization withdraws it.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `NOT_FOUND` for one that is not open or somebody else's.
    pub async fn end_invitation(&self, id: InvitationId) -> Result<Invitation, ClientError> {
        self.call(Method::DELETE, &routes::invitation(id), Bytes::new()).await
    }

    /// Makes a service account with its first key.
    ///
    /// # Errors
    /// [`ClientError`]; refused with `FORBIDDEN` to a mere member, `INVALID_SCOPE` and others.
    pub async fn create_service_account(
        &self,
        id: OrganizationId,
        request: &CreateServiceAccount,
    ) -> Result<NewServiceAccount, ClientError> {
        let made = self.call(Method::POST, &routes::service_accounts(id), body(request)).await?;
        NewServiceAccount::from_wire(made).ok_or_else(|| self.not_ours(NO_KEY))
    }

    fn entered(&self, entered: wire::EnteredOrganization) -> Result<EnteredOrganization, ClientError> {
        EnteredOrganization::from_wire(entered).ok_or_else(|| self.not_ours(NO_KEY))
    }
}

const NO_KEY: &str = "the new key is not in the answer";
